import type { Kysely } from "kysely";

/** A boolean, as every engine stores it. */
export type Flag = 0 | 1;

/**
 * The tables. Columns are text, bytes or 64-bit integers. Times are Unix milliseconds, booleans 0 or 1, JSON is text.
 */
export type Schema = {
  /** the migrations that ran on the database */
  migrations: { name: string };
  /** `timeZone` applies to quotas that do not have a time zone of their own */
  workspaces: { id: string; name: string; enabled: Flag; createdAtMs: number; timeZone: string };
  /**
   * `hash` is the SHA-256 of the whole key in base64url. `start` and `end` are the first and last
   * characters of the key. `rerolledAtMs` is the time of the last reroll, and `expiresBeforeRerollMs` the
   * expiry before the first reroll.
   */
  rootKeys: {
    id: string;
    workspaceId: string;
    hash: string;
    start: string;
    end: string;
    name: string | null;
    /** a JSON array of the permissions as the caller sent them, which may be URNs */
    permissions: string;
    /**
     * a JSON array of the plain permissions, such as `api.*.verify_key`, that `permissions` stands for; null if
     * `permissions` alone determines the plain permissions
     */
    grants: string | null;
    enabled: Flag;
    expiresAtMs: number | null;
    createdAtMs: number;
    rerolledAtMs: number | null;
    expiresBeforeRerollMs: number | null;
  };
  revokedRootKeys: { hash: string; id: string; revokedAtMs: number };
  /** `defaultPrefix` and `defaultByteLength` apply to keys that are created without a prefix or a byte length */
  apis: {
    id: string;
    workspaceId: string;
    name: string;
    createdAtMs: number;
    deletedAtMs: number | null;
    deleteProtection: Flag;
    defaultPrefix: string | null;
    defaultByteLength: number | null;
    /** the id of the api's keyspace; if null, `keyspaceIdOf` derives the id of the keyspace from the id of the api */
    keyspaceId: string | null;
    /** a JSON array of addresses and ranges; null: all addresses */
    ipAllowList: string | null;
  };
  identities: {
    id: string;
    workspaceId: string;
    externalId: string;
    meta: string;
    createdAtMs: number;
    updatedAtMs: number | null;
  };
  /**
   * `subjectId` is the name of the key's account and counters. A reroll creates a new key with the same `subjectId`.
   */
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
    /**
     * set while the SHA-256 of the whole key is unknown, until the key's first verification: the id of the key's
     * migration, or the value of `fromUpstream` for a key that was imported without a hash, or the value of
     * `underOldHash` for a key that was imported with another hash than SHA-256
     */
    pendingMigrationId: string | null;
    /** the key itself, encrypted with the server's recovery key; null if the key is not recoverable */
    sealed: string | null;
    /** the time of the last reroll; null if the key was never rerolled, or if its expiry was set after the reroll */
    rerolledAtMs: number | null;
    /** the value of `expiresAtMs` before the first reroll shortened it */
    expiresBeforeRerollMs: number | null;
    /** the digest of the fields that a migrated key was created from; null for other keys */
    migratedFrom: string | null;
    /** a JSON array of addresses and ranges; null: all addresses */
    ipAllowList: string | null;
    /**
     * the time of the verification that gave us the SHA-256 of a key that was imported without its SHA-256; null before
     * that verification, and for all other keys
     */
    learnedAtMs: number | null;
  };
  /** migrations of keys from another system; `algorithm` is how that system hashed its keys */
  keyMigrations: { id: string; workspaceId: string; algorithm: string; createdAtMs: number };
  namespaces: { id: string; workspaceId: string; name: string; createdAtMs: number };
  /** `limit` 0 refuses every request; `identifier` may contain `*` */
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
  /** `ownerId` is the id of a key or an identity; `position` is the limit's index in the owner's list */
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
  /**
   * The account of a key or an identity. `id` is the key's `subjectId` or the identity's id. If `remaining` is null,
   * credits are unlimited. If `refillDay` is null and `refillAmount` is not, credits are refilled daily.
   * `creditsEpoch` counts how often the credits were refilled or set. `quotas` is a JSON array of `Quota`. No open hold
   * of the owner expires before `nextHoldExpiryMs`; null: the owner has no open holds.
   */
  balances: {
    id: string;
    workspaceId: string;
    remaining: number | null;
    refillAmount: number | null;
    refillDay: number | null;
    nextRefillAtMs: number | null;
    creditsEpoch: number;
    quotas: string | null;
    nextHoldExpiryMs: number | null;
  };
  /**
   * Holds of credits, or of units of `quota` if `quota` is not null. The clean-up deletes a hold a day after both its
   * expiry and its end. `outcome` and `tags` are JSON. A hold with `endedAtMs` but without an outcome has expired.
   */
  holds: {
    id: string;
    workspaceId: string;
    keyId: string | null;
    apiId: string | null;
    subjectId: string | null;
    identityId: string | null;
    quota: string | null;
    amount: number;
    onExpiry: string;
    createdAtMs: number;
    expiresAtMs: number;
    endedAtMs: number | null;
    outcome: string | null;
    requestId: string | null;
    tags: string | null;
  };
  /**
   * The parts of holds that are open, or whose expiry is not yet applied to the account. A part is what a hold has
   * taken from the account of one owner. `taken` is the JSON of a `Taken`.
   */
  holdParts: {
    workspaceId: string;
    ownerId: string;
    holdId: string;
    quota: string | null;
    taken: string;
    units: number;
    onExpiry: string;
    expiresAtMs: number;
  };
  /**
   * The ledger of credits and quotas. A movement is of credits, or of `quota` if `quota` is not null. `remaining` is
   * the owner's credits after a movement of credits, or null if they are unlimited. `actorId` is the id of the root key
   * that caused the movement, or null if the server itself caused it.
   */
  movements: {
    id: string;
    workspaceId: string;
    ownerId: string;
    atMs: number;
    kind: string;
    quota: string | null;
    amount: number;
    remaining: number | null;
    reason: string | null;
    actorId: string | null;
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
  /**
   * Responses to requests with an Idempotency-Key, to return them if the request is repeated. `id` is a digest of root
   * key, operation and Idempotency-Key. `answer` is the response, encrypted so that only the caller can read it.
   */
  idempotency: { id: string; workspaceId: string; bodyHash: string; answer: string; createdAtMs: number };
  /**
   * the subjects of usage, such as keys and tags. `name` is a tag, or the id of any other subject. Usage counts refer
   * to a subject by its `id`, which is a number. `kind` is a value of `subjectKinds`. `day` is the day of the last use,
   * in days since 1970
   */
  usageNames: { id: number; kind: number; workspaceId: string; name: string; day: number };
  lastUses: { workspaceId: string; keyId: string; atMs: number };
  /**
   * on SQLite only: usage counts that the server still has in memory, compressed, so that a crash does not lose them
   */
  usagePending: { id: number; body: Uint8Array };
  /** blocks of usage events, as compressed text; see `usage/blocks.ts` */
  usageBlocks: {
    id: string;
    workspaceId: string;
    share: number;
    startMs: number;
    endMs: number;
    count: number;
    bytes: number;
    body: Uint8Array;
  };
  /** the time from which a workspace's usage events are complete; the workspace id '' stands for all workspaces */
  usageGaps: { workspaceId: string; completeSinceMs: number };
  /** `fields` is a JSON array of the names of the changed fields, never their values */
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
    /** where the change came from: "console", or null for the API and the command line */
    via: string | null;
  };
  /** `examples` is a JSON array of `DifferenceExample`, the latest last. */
  upstreamDifferences: { workspaceId: string; kind: string; count: number; examples: string };
  /**
   * `id` is the hash of the session's secret. `byLink` is 1 for a session that began with the login link. A server
   * prints this link when it is started on a terminal.
   */
  consoleSessions: {
    id: string;
    workspaceId: string;
    rootKeyId: string;
    byLink: Flag;
    createdAtMs: number;
    seenAtMs: number;
  };
  /** the markers of copies: see `copying/marker.ts` */
  copies: {
    role: "source" | "target";
    id: string;
    state: "running" | "done";
    other: string;
    startedAtMs: number;
    leaseUntilMs: number;
  };
};

/** Reads outside a transaction. Each read sees everything that was committed before it. */
export type Db = Kysely<Schema>;

declare const transaction: unique symbol;

/** Reads and writes within one transaction. Do not use it after the transaction has ended. */
export type Tx = Db & { readonly [transaction]: true };
