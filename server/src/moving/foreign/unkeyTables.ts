import type { WantedTable } from "./mysqlDump/stageDump.ts";

/**
 * The tables and columns that the import reads from a self-hosted Unkey. Unkey's versions differ in the optional
 * columns.
 */
export const unkeyTables: readonly WantedTable[] = [
  { table: "workspaces", needed: ["id"], optional: ["name", "deleted_at_m", "deleted_at"] },
  {
    table: "apis",
    needed: ["id", "name", "workspace_id", "key_auth_id", "ip_whitelist"],
    optional: ["created_at_m", "created_at", "deleted_at_m", "deleted_at", "delete_protection"],
    anyOf: ["deleted_at_m", "deleted_at"],
  },
  { table: "key_auth", needed: ["id"], optional: ["default_prefix", "default_bytes"] },
  {
    table: "keys",
    needed: [
      "id",
      "key_auth_id",
      "hash",
      "start",
      "workspace_id",
      "for_workspace_id",
      "name",
      "identity_id",
      "meta",
      "expires",
      "enabled",
      "remaining_requests",
      "refill_amount",
    ],
    optional: [
      "owner_id",
      "created_at_m",
      "created_at",
      "updated_at_m",
      "deleted_at_m",
      "deleted_at",
      "refill_interval",
      "refill_day",
      "last_refill_at",
      "ratelimit_limit",
      "ratelimit_duration",
      "environment",
      "last_used_at",
      "pending_migration_id",
    ],
    anyOf: ["deleted_at_m", "deleted_at"],
  },
  {
    table: "identities",
    needed: ["id", "external_id", "workspace_id", "meta"],
    optional: ["deleted", "created_at", "updated_at"],
  },
  {
    table: "ratelimits",
    needed: ["id", "name", "limit", "duration", "key_id", "identity_id"],
    optional: ["auto_apply"],
  },
  {
    table: "permissions",
    needed: ["id", "workspace_id", "name"],
    optional: ["slug", "description", "created_at_m"],
  },
  { table: "roles", needed: ["id", "workspace_id", "name"], optional: ["description", "created_at_m"] },
  { table: "keys_permissions", needed: ["key_id", "permission_id"], optional: [] },
  { table: "keys_roles", needed: ["key_id", "role_id"], optional: [] },
  { table: "roles_permissions", needed: ["role_id", "permission_id"], optional: [] },
  {
    table: "ratelimit_namespaces",
    needed: ["id", "workspace_id", "name"],
    optional: ["created_at_m", "deleted_at_m", "deleted_at"],
  },
  {
    table: "ratelimit_overrides",
    needed: ["id", "workspace_id", "namespace_id", "identifier", "limit", "duration"],
    optional: ["created_at_m", "updated_at_m", "deleted_at_m", "deleted_at"],
  },
  {
    table: "credits",
    needed: ["remaining"],
    optional: ["key_id", "identity_id", "refill_day", "refill_amount", "refilled_at"],
    isOptional: true,
  },
  { table: "encrypted_keys", needed: ["key_id"], optional: [], isOptional: true },
  { table: "key_migrations", needed: ["id", "workspace_id", "algorithm"], optional: [], isOptional: true },
];

const isLive = (table: string) => `coalesce(${table}."deleted_at_m", ${table}."deleted_at") is null`;
const isChosen = (table: string) => `${table}."workspace_id" = (select "id" from "chosen")`;
const limitsOf = (owner: string) => `(
  select json_group_array(json_object('id', r."id", 'name', r."name", 'limit', r."limit", 'duration', r."duration",
    'autoApply', r."auto_apply"))
  from "ratelimits" r where ${owner}) "ratelimits"`;
const creditsOf = (owner: string) => `(
  select json_object('remaining', c."remaining", 'amount', c."refill_amount", 'day', c."refill_day",
    'refilledAt', c."refilled_at")
  from "credits" c where ${owner}) "credits"`;

/**
 * SQL that creates indexes, and views of the records to import: those of the workspace whose id is in the table
 * `chosen`.
 */
export const unkeyViews: readonly string[] = [
  ...[
    ["keys", "id"],
    ["keys", "for_workspace_id"],
    ["apis", "key_auth_id"],
    ["key_auth", "id"],
    ["identities", "id"],
    ["identities", "external_id"],
    ["ratelimits", "key_id"],
    ["ratelimits", "identity_id"],
    ["credits", "key_id"],
    ["credits", "identity_id"],
    ["permissions", "id"],
    ["roles", "id"],
    ["keys_permissions", "key_id"],
    ["keys_roles", "key_id"],
    ["roles_permissions", "role_id"],
    ["encrypted_keys", "key_id"],
  ].map(([table, column]) => `create index scratch."${table}.${column}" on "${table}" ("${column}")`),
  `create view scratch."livePermissions" as select * from "permissions" p where ${isChosen("p")}`,
  `create view scratch."liveRoles" as select *, (
     select json_group_array(p."id") from "roles_permissions" l join "livePermissions" p on p."id" = l."permission_id"
     where l."role_id" = r."id") "permissions"
   from "roles" r where ${isChosen("r")}`,
  `create view scratch."liveNamespaces" as select * from "ratelimit_namespaces" n where ${isChosen("n")} and ${isLive("n")}`,
  `create view scratch."liveOverrides" as select o.* from "ratelimit_overrides" o
   where ${isChosen("o")} and ${isLive("o")} and o."namespace_id" in (select "id" from "liveNamespaces")`,
  `create view scratch."liveApis" as select a.*, s."default_prefix", s."default_bytes"
   from "apis" a left join "key_auth" s on s."id" = a."key_auth_id" where ${isChosen("a")} and ${isLive("a")}`,
  `create view scratch."liveIdentities" as select i.*, ${limitsOf(`r."identity_id" = i."id"`)},
     ${creditsOf(`c."identity_id" = i."id"`)}
   from "identities" i where ${isChosen("i")} and coalesce(i."deleted", 0) in (0, char(0))`,
  `create view scratch."everyKey" as select * from "keys" k where ${isChosen("k")} and ${isLive("k")}`,
  `create view scratch."liveKeys" as select k.*, a."id" "api_id", coalesce(
       (select i."id" from "liveIdentities" i where i."id" = k."identity_id"),
       (select i."id" from "liveIdentities" i where i."external_id" = k."owner_id" and k."identity_id" is null)
     ) "identity",
     (select m."algorithm" from "key_migrations" m where m."id" = k."pending_migration_id") "algorithm",
     (select json_group_array(p."id") from "keys_permissions" l join "livePermissions" p on p."id" = l."permission_id"
      where l."key_id" = k."id") "permissions",
     (select json_group_array(r."id") from "keys_roles" l join "roles" r on r."id" = l."role_id" and ${isChosen("r")}
      where l."key_id" = k."id") "roles",
     ${limitsOf(`r."key_id" = k."id"`)}, ${creditsOf(`c."key_id" = k."id"`)}
   from "everyKey" k cross join "liveApis" a where a."key_auth_id" = k."key_auth_id"`,
  `create view scratch."owners" as select distinct k."owner_id" from "everyKey" k
   where k."identity_id" is null and k."owner_id" <> '' and k."key_auth_id" in (select "key_auth_id" from "liveApis")
     and not exists (select 1 from "liveIdentities" i where i."external_id" = k."owner_id")`,
  `create view scratch."liveMigrations" as select * from "key_migrations" m where ${isChosen("m")}`,
];
