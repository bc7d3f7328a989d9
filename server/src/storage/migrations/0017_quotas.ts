import type { Migration } from "../migration.ts";

/**
 * Credits of identities, quotas, holds and the ledger. After this migration, the `id` of a balance is a key's
 * `subjectId` or the id of an identity.
 */
export const quotas: Migration = {
  name: "0017_quotas",
  statements: ({ text, int64, tableEnd }) => [
    `alter table "balances" add column "creditsEpoch" ${int64} not null default 0`,
    `alter table "balances" add column "quotas" ${text}`,
    `alter table "balances" add column "nextHoldExpiryMs" ${int64}`,
    `alter table "workspaces" add column "timeZone" ${text} not null default 'UTC'`,
    `create table "holds" (
      "id" ${text} not null primary key,
      "workspaceId" ${text} not null,
      "keyId" ${text},
      "apiId" ${text},
      "subjectId" ${text},
      "identityId" ${text},
      "quota" ${text},
      "amount" ${int64} not null,
      "onExpiry" ${text} not null,
      "createdAtMs" ${int64} not null,
      "expiresAtMs" ${int64} not null,
      "endedAtMs" ${int64},
      "outcome" ${text}
    )${tableEnd}`,
    `create index "holdsByExpiry" on "holds" ("expiresAtMs")`,
    `create index "holdsByIdentity" on "holds" ("identityId") where "identityId" is not null`,
    `create table "holdParts" (
      "workspaceId" ${text} not null,
      "ownerId" ${text} not null,
      "holdId" ${text} not null,
      "quota" ${text},
      "taken" ${text} not null,
      "units" ${int64} not null,
      "onExpiry" ${text} not null,
      "expiresAtMs" ${int64} not null,
      primary key ("ownerId", "holdId")
    )${tableEnd}`,
    `create index "holdPartsByExpiry" on "holdParts" ("ownerId", "expiresAtMs")`,
    `create table "movements" (
      "id" ${text} not null primary key,
      "workspaceId" ${text} not null,
      "ownerId" ${text} not null,
      "atMs" ${int64} not null,
      "kind" ${text} not null,
      "quota" ${text},
      "amount" ${int64} not null,
      "remaining" ${int64},
      "reason" ${text},
      "actorId" ${text}
    )${tableEnd}`,
    `create index "movementsByOwner" on "movements" ("workspaceId", "ownerId", "id")`,
    `create index "movementsByTime" on "movements" ("atMs")`,
  ],
};
