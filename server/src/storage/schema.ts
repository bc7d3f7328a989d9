import type { Kysely } from "kysely";

/** 0 or 1: a boolean as every engine stores it. */
export type Flag = 0 | 1;

/** The tables. Text, 64-bit integers, epoch milliseconds, booleans as 0 or 1, JSON as text; absent is null. */
export type Schema = {
  workspaces: { id: string; name: string; enabled: Flag; createdAtMs: number };
  /** `hash` is the base64url SHA-256 of the whole key; `permissions` a JSON array of strings */
  rootKeys: {
    id: string;
    workspaceId: string;
    hash: string;
    start: string;
    name: string | null;
    permissions: string;
    enabled: Flag;
    expiresAtMs: number | null;
    createdAtMs: number;
  };
  apis: { id: string; workspaceId: string; name: string; createdAtMs: number; deletedAtMs: number | null };
  identities: {
    id: string;
    workspaceId: string;
    externalId: string;
    meta: string;
    createdAtMs: number;
    updatedAtMs: number | null;
  };
  /** `subjectId` names the balance and the counters: a rerolled key shares its predecessor's */
  keys: {
    id: string;
    workspaceId: string;
    apiId: string;
    identityId: string | null;
    subjectId: string;
    hash: string;
    start: string;
    prefix: string | null;
    byteLength: number;
    name: string | null;
    meta: string | null;
    enabled: Flag;
    expiresAtMs: number | null;
    createdAtMs: number;
    updatedAtMs: number | null;
    deletedAtMs: number | null;
    /** set until the first verification of a key that was brought over */
    pendingMigrationId: string | null;
    /** the key itself under the server's recovery key; null where it cannot be shown again */
    sealed: string | null;
  };
  /** where keys were brought over from, and how they were hashed there */
  keyMigrations: { id: string; workspaceId: string; algorithm: string; createdAtMs: number };
  namespaces: { id: string; workspaceId: string; name: string; createdAtMs: number };
  /** `limit` 0 refuses all; `identifier` may hold `*` */
  overrides: {
    id: string;
    workspaceId: string;
    namespaceId: string;
    identifier: string;
    limit: number;
    durationMs: number;
    createdAtMs: number;
    updatedAtMs: number | null;
  };
  /** `ownerId` is a key or an identity; `position` is the order in which the owner's limits were given */
  ratelimits: {
    id: string;
    workspaceId: string;
    ownerId: string;
    position: number;
    name: string;
    limit: number;
    durationMs: number;
    autoApply: Flag;
  };
  /** `id` is the keys' subject id; `remaining` null is unlimited; `refillDay` null with an amount is daily */
  balances: {
    id: string;
    workspaceId: string;
    remaining: number | null;
    refillAmount: number | null;
    refillDay: number | null;
    nextRefillAtMs: number | null;
  };
  permissions: {
    id: string;
    workspaceId: string;
    slug: string;
    name: string;
    description: string | null;
    createdAtMs: number;
  };
  roles: { id: string; workspaceId: string; name: string; description: string | null; createdAtMs: number };
  keyPermissions: { workspaceId: string; keyId: string; permissionId: string };
  keyRoles: { workspaceId: string; keyId: string; roleId: string };
  rolePermissions: { workspaceId: string; roleId: string; permissionId: string };
  /** `id` is a digest of root key, operation and Idempotency-Key; `answer` is sealed with what only the caller has */
  idempotency: { id: string; workspaceId: string; bodyHash: string; answer: string; createdAtMs: number };
  /** counts by period ("minute", "hour", "day"); `subjectId` is a key, an identity, an api or a namespace; `tag` empty: all */
  usage: {
    workspaceId: string;
    subjectId: string;
    period: string;
    startMs: number;
    outcome: string;
    tag: string;
    count: number;
    credits: number;
  };
  lastUses: { workspaceId: string; keyId: string; atMs: number };
  /** what happened lately, one by one; `event` is JSON */
  usageEvents: { id: string; workspaceId: string; atMs: number; event: string };
  /** `fields` is a JSON array of the names of what changed, never the values */
  auditEvents: {
    id: string;
    workspaceId: string;
    atMs: number;
    requestId: string;
    actorId: string;
    event: string;
    targetId: string;
    fields: string;
    remoteAddress: string | null;
    userAgent: string | null;
  };
};

/** Reads: what was committed before the call. */
export type Db = Kysely<Schema>;

declare const transaction: unique symbol;

/** Reads and writes within one transaction; of no use once the transaction has ended. */
export type Tx = Db & { readonly [transaction]: true };
