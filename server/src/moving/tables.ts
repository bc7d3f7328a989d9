import type { Schema } from "../storage/schema.ts";
import type { RecordType } from "./format.ts";

type Table = keyof Schema;

/** How a field is stored, if not as the same text or number: as 0 or 1, or as JSON text. */
export type Codec = "flag" | "json";

/** Rows of another table that are a list in the record. */
export type Rows = {
  table: "ratelimits" | "keyPermissions" | "keyRoles" | "rolePermissions" | "holdParts";
  /** the column with the id of the record */
  owner: string;
  /** the column whose values are the list; undefined: a list of objects */
  value?: string;
  /** the columns of the objects */
  columns?: readonly string[];
  /** the column with the place in the list */
  position?: "position";
  codecs?: Readonly<Record<string, Codec>>;
  /** the table of the things that the values identify */
  of?: "permissions" | "roles";
  /** the record's fields with the values of `ownerId`, by which the table is indexed */
  alsoBy?: readonly string[];
};

/** Where a type of record is stored. Its fields have the names of the columns. */
export type Stored = {
  table: Table;
  codecs?: Readonly<Record<string, Codec>>;
  /** by field */
  lists?: Readonly<Record<string, Rows>>;
  /** columns that are computed from the fields when a record is written */
  computed?: readonly string[];
  /** whose balance is in the field `balance` */
  balanceOf?: "id" | "subjectId";
};

const ratelimits: Rows = {
  table: "ratelimits",
  owner: "ownerId",
  columns: ["id", "name", "limit", "durationMs", "autoApply"],
  position: "position",
  codecs: { autoApply: "flag" },
};

/** Where each type of record is stored, except those of usage, which are sums. */
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

/** Tables that no document contains, and why. */
export const excludedTables: Readonly<Record<string, string>> = {
  workspaces: "the header has the id, the name and the time zone; whether it is disabled concerns one server",
  revokedRootKeys: "they belong to the server: they have no workspace",
  idempotency: "the responses can only be read by the root key that got them, and are kept for a day",
  consoleSessions: "people sign in again",
  upstreamDifferences: "they describe one move from another server",
  usageNames: "the numbers are those of one database",
  usageMinutes: "records of usage are sums by day",
  usageHours: "records of usage are sums by day",
  usageDays: "records of usage are sums by day",
  usageBlocks: "single events are printed by `latchkey usage export`",
  usageGaps: "it describes the single events of one database",
  copies: "what `latchkey copy` does with one database",
  migrations: "the schema of one database",
  changes: "the messages between the nodes of one database",
  nodes: "the nodes of one database",
};

/** Columns that no record contains, by table, and why. */
export const excludedColumns: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "*": { workspaceId: "the records of a document belong to the workspace that they are imported into" },
  apis: { deletedAtMs: "deleted apis are not exported" },
  keys: { deletedAtMs: "deleted keys are not exported" },
  rootKeys: { grants: "an import computes it from `permissions`" },
};
