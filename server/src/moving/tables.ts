import type { Schema } from "../storage/schema.ts";
import type { RecordType } from "./format.ts";

type Table = keyof Schema;

/** How a field is stored if its column does not have the same value: a boolean as 0 or 1, or a value as JSON text. */
export type Codec = "flag" | "json";

/** Rows of another table that form a list in the record, such as the rate limits of a key. */
export type Rows = {
  table: "ratelimits" | "keyPermissions" | "keyRoles" | "rolePermissions" | "holdParts";
  /** the column that has the id of the record */
  owner: string;
  /** the column whose values form the list; undefined if the items of the list are objects */
  value?: string;
  /** if the items are objects: the columns that are their members */
  columns?: readonly string[];
  /** the column that has the position in the list */
  position?: "position";
  codecs?: Readonly<Record<string, Codec>>;
  /** if the values are ids of records: the table of these records */
  of?: "permissions" | "roles";
  /**
   * fields of the record, of which each row of the list has one as its `ownerId`. The query also selects by the values
   * of these fields, because the indexes of the list's table begin with `ownerId`
   */
  alsoBy?: readonly string[];
};

/** Where a type of record is stored. Its fields have the names of the columns. */
export type Stored = {
  table: Table;
  codecs?: Readonly<Record<string, Codec>>;
  /** the lists of the record, by the name of the field */
  lists?: Readonly<Record<string, Rows>>;
  /** columns that are computed from the fields when a record is written */
  computed?: readonly string[];
  /** the field that has the id of the record's row in `balances`; undefined if the type has no balance */
  balanceOf?: "id" | "subjectId";
};

const ratelimits: Rows = {
  table: "ratelimits",
  owner: "ownerId",
  columns: ["id", "name", "limit", "durationMs", "autoApply"],
  position: "position",
  codecs: { autoApply: "flag" },
};

/** Where each type of record is stored, except `usage`, whose records are sums over several tables. */
export const storedIn: Readonly<Record<Exclude<RecordType, "usage">, Stored>> = {
  permission: { table: "permissions" },
  role: {
    table: "roles",
    lists: {
      permissions: { table: "rolePermissions", owner: "roleId", value: "permissionId", of: "permissions" },
    },
  },
  namespace: { table: "namespaces" },
  override: { table: "overrides" },
  api: { table: "apis", codecs: { deleteProtection: "flag", ipAllowList: "json" } },
  identity: { table: "identities", codecs: { meta: "json" }, lists: { ratelimits }, balanceOf: "id" },
  migration: { table: "keyMigrations" },
  key: {
    table: "keys",
    codecs: { meta: "json", enabled: "flag", ipAllowList: "json" },
    lists: {
      ratelimits,
      permissions: { table: "keyPermissions", owner: "keyId", value: "permissionId", of: "permissions" },
      roles: { table: "keyRoles", owner: "keyId", value: "roleId", of: "roles" },
    },
    balanceOf: "subjectId",
  },
  hold: {
    table: "holds",
    codecs: { outcome: "json", tags: "json" },
    lists: {
      parts: {
        table: "holdParts",
        owner: "holdId",
        columns: ["ownerId", "quota", "taken", "units", "onExpiry", "expiresAtMs"],
        codecs: { taken: "json" },
        alsoBy: ["subjectId", "identityId"],
      },
    },
  },
  movement: { table: "movements" },
  rootKey: {
    table: "rootKeys",
    codecs: { permissions: "json", grants: "json", enabled: "flag" },
    computed: ["grants"],
  },
  lastUse: { table: "lastUses" },
  auditEvent: { table: "auditEvents", codecs: { fields: "json" } },
};

/** The tables that documents do not contain, each with the reason. docs/moving/format.md lists them. */
export const excludedTables: Readonly<Record<string, string>> = {
  workspaces:
    "the header has the workspace's id, name and time zone; whether the workspace is disabled is a matter of each server",
  revokedRootKeys: "a server keeps the hashes of revoked root keys for all its workspaces",
  idempotency:
    "it has responses that are kept for a day, and that only the root key that made the request can read",
  consoleSessions: "users of the console sign in again",
  upstreamDifferences: "it is about a move from an upstream server to this one server",
  usageNames: "it assigns numbers to names that have a meaning in one database only",
  usageMinutes: "`usage` records have the sums by day",
  usageHours: "`usage` records have the sums by day",
  usageDays: "`usage` records have the sums by day",
  usageBlocks: "it has single events, which `latchkey usage export` prints",
  usageGaps: "it is about the single events of one database",
  copies: "it has the state of a `latchkey copy` of one database",
  migrations: "it has the version of the schema of one database",
  changes: "it has the messages between the processes that use one database",
  nodes: "it lists the nodes of one database",
};

/** The columns that records do not contain, by table, each with the reason. docs/moving/format.md lists them. */
export const excludedColumns: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "*": { workspaceId: "imported records belong to the workspace into which they are imported" },
  apis: { deletedAtMs: "deleted apis are not exported" },
  keys: { deletedAtMs: "deleted keys are not exported" },
  rootKeys: { grants: "an import computes it from `permissions`" },
};
