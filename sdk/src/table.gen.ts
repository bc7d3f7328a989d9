// Made from openapi.json by `npm run generate`.

import type { Row } from "./shape.ts";

/** The members that hold a secret, wherever they stand. */
export const secretMembers: readonly string[] = ["key","plaintext"];

export const operations: Record<string, Record<string, Row>> = {
  analytics: {
    getRatelimits: ["",[{}]],
    getUsage: ["",{"granularity":"string","points":"array","totals":"object"}],
    getVerifications: ["",[{}]],
  },
  apis: {
    createApi: ["w",{"apiId":"string"}],
    deleteApi: ["w",{}],
    getApi: ["",{"id":"string","name":"string"}],
    listKeys: ["p",[{"keyId":"string","start":"string","enabled":"boolean","createdAt":"number"}]],
  },
  audit: {
    listEvents: ["p",[{"id":"string","time":"number","event":"string","actorId":"string","targetId":"string","fields":"array","requestId":"string"}]],
  },
  identities: {
    createIdentity: ["w",{"identityId":"string"}],
    deleteIdentity: ["w"],
    getIdentity: ["",{"id":"string","externalId":"string","meta":"object","ratelimits":"array"}],
    listIdentities: ["p",[{"id":"string","externalId":"string","meta":"object","ratelimits":"array"}]],
    updateIdentity: ["w",{"id":"string","externalId":"string","meta":"object","ratelimits":"array"}],
  },
  keys: {
    addPermissions: ["w",[{"id":"string","name":"string","slug":"string"}]],
    addRoles: ["w",[{"id":"string","name":"string"}]],
    createKey: ["w",{"keyId":"string","key":"string"}],
    deleteKey: ["w",{}],
    getKey: ["",{"keyId":"string","start":"string","enabled":"boolean","createdAt":"number"}],
    migrateKeys: ["w",{"migrated":"array","failed":"array"}],
    removePermissions: ["w",[{"id":"string","name":"string","slug":"string"}]],
    removeRoles: ["w",[{"id":"string","name":"string"}]],
    rerollKey: ["w",{"keyId":"string","key":"string"}],
    setPermissions: ["w",[{"id":"string","name":"string","slug":"string"}]],
    setRoles: ["w",[{"id":"string","name":"string"}]],
    updateCredits: ["w",{}],
    updateKey: ["w",{}],
    verifyKey: ["c",{"valid":"boolean","code":"string"}],
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
  ratelimit: {
    deleteOverride: ["w",{}],
    getOverride: ["",{"overrideId":"string","identifier":"string","limit":"number","duration":"number"}],
    limit: ["c",{"limit":"number","remaining":"number","reset":"number","success":"boolean"}],
    listOverrides: ["p",[{"overrideId":"string","identifier":"string","limit":"number","duration":"number"}]],
    multiLimit: ["c",{"passed":"boolean","limits":"array"}],
    setOverride: ["w",{"overrideId":"string"}],
  }
};
