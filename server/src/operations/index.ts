import type { Operation } from "../operation.ts";
import { getGatewayRequests } from "./analytics/getGatewayRequests.ts";
import { getRatelimits } from "./analytics/getRatelimits.ts";
import { getRuntimeLogs } from "./analytics/getRuntimeLogs.ts";
import { getTop } from "./analytics/getTop.ts";
import { getUsage } from "./analytics/getUsage.ts";
import { getVerifications } from "./analytics/getVerifications.ts";
import { listEvents as listUsageEvents } from "./analytics/listEvents.ts";
import { createApi } from "./apis/createApi.ts";
import { deleteApi } from "./apis/deleteApi.ts";
import { getApi } from "./apis/getApi.ts";
import { listApis } from "./apis/listApis.ts";
import { listKeys as listKeysOfApi } from "./apis/listKeys.ts";
import { updateApi } from "./apis/updateApi.ts";
import { listEvents } from "./audit/listEvents.ts";
import { listMovements } from "./credits/listMovements.ts";
import { release } from "./credits/release.ts";
import { reserve } from "./credits/reserve.ts";
import { settle } from "./credits/settle.ts";
import { createIdentity } from "./identities/createIdentity.ts";
import { deleteIdentity } from "./identities/deleteIdentity.ts";
import { getIdentity } from "./identities/getIdentity.ts";
import { getState as getIdentityState } from "./identities/getState.ts";
import { listIdentities } from "./identities/listIdentities.ts";
import { updateIdentityCredits } from "./identities/updateCredits.ts";
import { updateIdentity } from "./identities/updateIdentity.ts";
import { addPermissions } from "./keys/addPermissions.ts";
import { addRoles } from "./keys/addRoles.ts";
import { createKey } from "./keys/createKey.ts";
import { deleteKey } from "./keys/deleteKey.ts";
import { explain } from "./keys/explain.ts";
import { getKey } from "./keys/getKey.ts";
import { getState as getKeyState } from "./keys/getState.ts";
import { listKeys } from "./keys/listKeys.ts";
import { migrateKeys } from "./keys/migrateKeys.ts";
import { removePermissions } from "./keys/removePermissions.ts";
import { removeRoles } from "./keys/removeRoles.ts";
import { rerollKey } from "./keys/rerollKey.ts";
import { setPermissions } from "./keys/setPermissions.ts";
import { setRoles } from "./keys/setRoles.ts";
import { updateCredits } from "./keys/updateCredits.ts";
import { updateKey } from "./keys/updateKey.ts";
import { verifyKey } from "./keys/verifyKey.ts";
import { verifyKeys } from "./keys/verifyKeys.ts";
import { whoami } from "./keys/whoami.ts";
import { createPermission } from "./permissions/createPermission.ts";
import { createRole } from "./permissions/createRole.ts";
import { deletePermission } from "./permissions/deletePermission.ts";
import { deleteRole } from "./permissions/deleteRole.ts";
import { getPermission } from "./permissions/getPermission.ts";
import { getRole } from "./permissions/getRole.ts";
import { listPermissions } from "./permissions/listPermissions.ts";
import { listRoles } from "./permissions/listRoles.ts";
import { setRolePermissions } from "./permissions/setRolePermissions.ts";
import { updatePermission } from "./permissions/updatePermission.ts";
import { updateRole } from "./permissions/updateRole.ts";
import { adjust } from "./quotas/adjust.ts";
import { grant } from "./quotas/grant.ts";
import { deleteNamespace } from "./ratelimit/deleteNamespace.ts";
import { deleteOverride } from "./ratelimit/deleteOverride.ts";
import { getNamespace } from "./ratelimit/getNamespace.ts";
import { getOverride } from "./ratelimit/getOverride.ts";
import { limit } from "./ratelimit/limit.ts";
import { listNamespaces } from "./ratelimit/listNamespaces.ts";
import { listOverrides } from "./ratelimit/listOverrides.ts";
import { multiLimit } from "./ratelimit/multiLimit.ts";
import { renameNamespace } from "./ratelimit/renameNamespace.ts";
import { setOverride } from "./ratelimit/setOverride.ts";
import { createKey as createRootKey } from "./rootKeys/createKey.ts";
import { deleteKey as deleteRootKey } from "./rootKeys/deleteKey.ts";
import { listKeys as listRootKeys } from "./rootKeys/listKeys.ts";
import { rerollKey as rerollRootKey } from "./rootKeys/rerollKey.ts";
import { updateKey as updateRootKey } from "./rootKeys/updateKey.ts";
import { getStatus } from "./server/getStatus.ts";
import { getLimits } from "./workspace/getLimits.ts";
import { getUsage as getWorkspaceUsage } from "./workspace/getUsage.ts";
import { getWorkspace } from "./workspaces/getWorkspace.ts";

/** Every operation of the API. Routes, OpenAPI, client types, commands and the generic tests are generated from it. */
export const operations: readonly Operation[] = [
  getGatewayRequests,
  getRatelimits,
  getTop,
  getRuntimeLogs,
  getUsage,
  getVerifications,
  listUsageEvents,
  createApi,
  deleteApi,
  getApi,
  listApis,
  listKeysOfApi,
  updateApi,
  listEvents,
  listMovements,
  release,
  reserve,
  settle,
  createIdentity,
  deleteIdentity,
  getIdentity,
  getIdentityState,
  listIdentities,
  updateIdentityCredits,
  updateIdentity,
  addPermissions,
  addRoles,
  createKey,
  deleteKey,
  explain,
  getKey,
  listKeys,
  getKeyState,
  migrateKeys,
  removePermissions,
  removeRoles,
  rerollKey,
  setPermissions,
  setRoles,
  updateCredits,
  updateKey,
  verifyKey,
  verifyKeys,
  whoami,
  createPermission,
  createRole,
  deletePermission,
  deleteRole,
  getPermission,
  getRole,
  listPermissions,
  listRoles,
  setRolePermissions,
  updatePermission,
  updateRole,
  adjust,
  grant,
  deleteNamespace,
  deleteOverride,
  getNamespace,
  getOverride,
  limit,
  listNamespaces,
  listOverrides,
  multiLimit,
  renameNamespace,
  setOverride,
  createRootKey,
  deleteRootKey,
  listRootKeys,
  rerollRootKey,
  updateRootKey,
  getStatus,
  getLimits,
  getWorkspaceUsage,
  getWorkspace,
];
