import type { Operation } from "../operation.ts";
import { getRatelimits } from "./analytics/getRatelimits.ts";
import { getUsage } from "./analytics/getUsage.ts";
import { getVerifications } from "./analytics/getVerifications.ts";
import { createApi } from "./apis/createApi.ts";
import { deleteApi } from "./apis/deleteApi.ts";
import { getApi } from "./apis/getApi.ts";
import { listKeys } from "./apis/listKeys.ts";
import { listEvents } from "./audit/listEvents.ts";
import { createIdentity } from "./identities/createIdentity.ts";
import { deleteIdentity } from "./identities/deleteIdentity.ts";
import { getIdentity } from "./identities/getIdentity.ts";
import { listIdentities } from "./identities/listIdentities.ts";
import { updateIdentity } from "./identities/updateIdentity.ts";
import { addPermissions } from "./keys/addPermissions.ts";
import { addRoles } from "./keys/addRoles.ts";
import { createKey } from "./keys/createKey.ts";
import { deleteKey } from "./keys/deleteKey.ts";
import { getKey } from "./keys/getKey.ts";
import { migrateKeys } from "./keys/migrateKeys.ts";
import { removePermissions } from "./keys/removePermissions.ts";
import { removeRoles } from "./keys/removeRoles.ts";
import { rerollKey } from "./keys/rerollKey.ts";
import { setPermissions } from "./keys/setPermissions.ts";
import { setRoles } from "./keys/setRoles.ts";
import { updateCredits } from "./keys/updateCredits.ts";
import { updateKey } from "./keys/updateKey.ts";
import { verifyKey } from "./keys/verifyKey.ts";
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
import { deleteOverride } from "./ratelimit/deleteOverride.ts";
import { getOverride } from "./ratelimit/getOverride.ts";
import { limit } from "./ratelimit/limit.ts";
import { listOverrides } from "./ratelimit/listOverrides.ts";
import { multiLimit } from "./ratelimit/multiLimit.ts";
import { setOverride } from "./ratelimit/setOverride.ts";

/** Every operation of the API. Routes, OpenAPI, client types, commands and the generic tests are made from it. */
export const operations: readonly Operation[] = [
  getRatelimits,
  getUsage,
  getVerifications,
  createApi,
  deleteApi,
  getApi,
  listKeys,
  listEvents,
  createIdentity,
  deleteIdentity,
  getIdentity,
  listIdentities,
  updateIdentity,
  addPermissions,
  addRoles,
  createKey,
  deleteKey,
  getKey,
  migrateKeys,
  removePermissions,
  removeRoles,
  rerollKey,
  setPermissions,
  setRoles,
  updateCredits,
  updateKey,
  verifyKey,
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
  deleteOverride,
  getOverride,
  limit,
  listOverrides,
  multiLimit,
  setOverride,
];
