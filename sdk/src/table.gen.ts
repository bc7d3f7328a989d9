// Generated from openapi.json by `npm run generate`.

import type { Row } from "./shape.ts";

/** The members that hold a secret, at any depth. */
export const secretMembers: readonly string[] = ["key","plaintext"];

export const operations: Record<string, Record<string, Row>> = {
  analytics: {
    getGatewayRequests: ["",[{}]],
    getRatelimits: ["",[{}]],
    getTop: ["",{"items":"array"}],
    getRuntimeLogs: ["",[{}]],
    getUsage: ["",{"granularity":"string","points":"array","totals":"object"}],
    getVerifications: ["",[{}]],
    listEvents: ["p",[{"id":"string","time":"number","kind":"string","outcome":"string","requestId":"string","credits":"number"}]],
  },
  apis: {
    createApi: ["w",{"apiId":"string"}],
    deleteApi: ["w",{}],
    getApi: ["",{"id":"string","name":"string"}],
    listApis: ["p",[{"id":"string","name":"string"}]],
    listKeys: ["p",[{"keyId":"string","start":"string","enabled":"boolean","createdAt":"number"}]],
    updateApi: ["w",{"id":"string","name":"string"}],
  },
  audit: {
    listEvents: ["p",[{"id":"string","time":"number","event":"string","actorId":"string","targetId":"string","fields":"array","requestId":"string"}]],
  },
  credits: {
    listMovements: ["p",[{"id":"string","time":"number","kind":"string","amount":"number"}]],
    release: ["c",{"charged":"number","returned":"number","shortfall":"number"}],
    reserve: ["c",{"granted":"boolean"}],
    settle: ["c",{"charged":"number","returned":"number","shortfall":"number"}],
  },
  identities: {
    createIdentity: ["w",{"identityId":"string"}],
    deleteIdentity: ["w"],
    getIdentity: ["",{"id":"string","externalId":"string","meta":"object","ratelimits":"array"}],
    getState: ["",{"identityId":"string","externalId":"string","ratelimits":"array","credits":"object","quotas":"array"}],
    listIdentities: ["p",[{"id":"string","externalId":"string","meta":"object","ratelimits":"array"}]],
    updateCredits: ["w",{}],
    updateIdentity: ["w",{"id":"string","externalId":"string","meta":"object","ratelimits":"array"}],
  },
  keys: {
    addPermissions: ["w",[{"id":"string","name":"string","slug":"string"}]],
    addRoles: ["w",[{"id":"string","name":"string"}]],
    createKey: ["w",{"keyId":"string","key":"string"}],
    deleteKey: ["w",{}],
    explain: ["",{"verdict":"object","at":"number","checks":"array"}],
    getKey: ["",{"keyId":"string","start":"string","enabled":"boolean","createdAt":"number"}],
    listKeys: ["p",[{"keyId":"string","start":"string","enabled":"boolean","createdAt":"number","apiId":"string"}]],
    getState: ["",{"keyId":"string","ratelimits":"array","credits":"object","quotas":"array"}],
    migrateKeys: ["w",{"migrated":"array","failed":"array"}],
    removePermissions: ["w",[{"id":"string","name":"string","slug":"string"}]],
    removeRoles: ["w",[{"id":"string","name":"string"}]],
    rerollKey: ["w",{"keyId":"string","key":"string"}],
    setPermissions: ["w",[{"id":"string","name":"string","slug":"string"}]],
    setRoles: ["w",[{"id":"string","name":"string"}]],
    updateCredits: ["w",{}],
    updateKey: ["w",{}],
    verifyKey: ["c",{"valid":"boolean","code":"string"}],
    verifyKeys: ["c",[{}]],
    whoami: ["",{"keyId":"string","start":"string","enabled":"boolean","createdAt":"number"}],
  },
  permissions: {
    createPermission: ["w",{"permissionId":"string"}],
    createRole: ["w",{"roleId":"string"}],
    deletePermission: ["w",{}],
    deleteRole: ["w",{}],
    getPermission: ["",{"id":"string","name":"string","slug":"string"}],
    getRole: ["",{"id":"string","name":"string"}],
    listPermissions: ["p",[{"id":"string","name":"string","slug":"string"}]],
    listRoles: ["p",[{"id":"string","name":"string"}]],
    setRolePermissions: ["w",[{"id":"string","name":"string","slug":"string"}]],
    updatePermission: ["w",{"id":"string","name":"string","slug":"string"}],
    updateRole: ["w",{"id":"string","name":"string"}],
  },
  quotas: {
    adjust: ["w",{"name":"string","limit":"number","period":"string","every":"number","timeZone":"string","thresholds":"array","autoApply":"boolean","used":"number","remaining":"number"}],
    grant: ["w",{"name":"string","limit":"number","period":"string","every":"number","timeZone":"string","thresholds":"array","autoApply":"boolean","used":"number","remaining":"number"}],
  },
  ratelimit: {
    deleteNamespace: ["w",{}],
    deleteOverride: ["w",{}],
    getNamespace: ["",{"id":"string","name":"string","createdAt":"number"}],
    getOverride: ["",{"overrideId":"string","identifier":"string","limit":"number","duration":"number"}],
    limit: ["c",{"limit":"number","remaining":"number","reset":"number","success":"boolean"}],
    listNamespaces: ["p",[{"id":"string","name":"string","createdAt":"number"}]],
    listOverrides: ["p",[{"overrideId":"string","identifier":"string","limit":"number","duration":"number"}]],
    multiLimit: ["c",{"passed":"boolean","limits":"array"}],
    renameNamespace: ["w",{"id":"string","name":"string","createdAt":"number"}],
    setOverride: ["w",{"overrideId":"string"}],
  },
  rootKeys: {
    createKey: ["w",{"keyId":"string","key":"string"}],
    deleteKey: ["w",{}],
    listKeys: ["p",[{"keyId":"string","start":"string","end":"string","enabled":"boolean","createdAt":"number","lastUsedAt":"number","permissions":"array"}]],
    rerollKey: ["w",{"keyId":"string","key":"string"}],
    updateKey: ["w",{}],
  },
  server: {
    getStatus: ["",{"version":"string","startedAt":"number","database":"object","nodes":"number","redis":"string","keyCache":"object","usage":"object","settings":"array"}],
  },
  workspace: {
    getLimits: ["",{"apiBillableOperationsCountMaxPerMonth":"object","apiRequestsCountMaxPerMinute":"object","logsRetentionDaysMax":"object","logsAuditRetentionDaysMax":"object","logdrainsMax":"object"}],
    getUsage: ["",{"period":"object","totals":"object","breakdowns":"object"}],
  },
  workspaces: {
    getWorkspace: ["",{"id":"string","name":"string","createdAt":"number","timeZone":"string"}],
  }
};
