import type { Kysely } from "kysely";

/** A boolean, as every engine stores it. */
export type Flag = 0 | 1;

/** The tables. Columns are text or 64-bit integers. Times are Unix milliseconds, booleans are 0 or 1, JSON is text. */
export type Schema = {
  /** the migrations that ran on the database */
  migrations: { name: string };
  /** `timeZone` applies to quotas that do not have their own */
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
     * a JSON array of the plain permissions that `permissions` stands for; null: `permissions` alone determines them
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
    /** the id of the api's keyspace; null: `keyspaceIdOf` derives it */
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
  /** `subjectId` is the name of the key's account and counters; the new key of a reroll has that of the old key */
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
     * set until the first verification of a key whose SHA-256 is unknown: the id of its migration, or `fromUpstream` if
     * it was imported without a hash, or `underOldHash` if it was imported with a hash other than SHA-256
     */
    pendingMigrationId: string | null;
    /** the key, encrypted under the server's recovery key; null if it is not recoverable */
    sealed: string | null;
    /** the time of the last reroll; cleared when `expiresAtMs` is set in another way */
    rerolledAtMs: number | null;
    /** the value of `expiresAtMs` before the first reroll shortened it */
    expiresBeforeRerollMs: number | null;
    /** the digest of the fields that a migrated key was created from; null for other keys */
    migratedFrom: string | null;
    /** a JSON array of addresses and ranges; null: all addresses */
    ipAllowList: string | null;
    /**
     * when a verification gave us the SHA-256 of a key that was imported without it; null before, and for other keys
     */
    learnedAtMs: number | null;
  };
  /** migrations of keys from another system; `algorithm` is how that system hashed them */
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
   * of the owner expires before `nextHoldExpiryMs`.
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
   * Holds of credits, or of units of `quota` if it is not null. They are kept for a day after their end. `outcome`
   * and `tags` are JSON. A hold with `endedAtMs` but without an outcome has expired.
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
  /** The parts of open holds. A part is what a hold has taken from one owner. `taken` is JSON of the type `Taken`. */
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
   * The ledger of credits and quotas. `remaining` is the owner's credits after the movement; null: unlimited.
   * `actorId` is null if the server itself caused the movement.
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
   * Responses for repeated requests. `id` is a digest of root key, operation and Idempotency-Key. `answer` is the
   * response, encrypted so that only the caller can read it.
   */
  idempotency: { id: string; workspaceId: string; bodyHash: string; answer: string; createdAtMs: number };
  /**
   * the names of tags and subjects, with the numbers by which usage counts refer to them; `kind` as in `subjectKinds`;
   * `day` is the day of the last use, in days since 1970
   */
  usageNames: { id: number; kind: number; workspaceId: string; name: string; day: number };
  lastUses: { workspaceId: string; keyId: string; atMs: number };
  /** on SQLite only: counts that the server has in memory, compressed, so that a restart does not lose them */
  usagePending: { id: number; body: Uint8Array };
  /** blocks of usage events, as compressed text */
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
  /** the time from which a workspace's events are complete; the workspace id '' stands for all workspaces */
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
    /** "console", or null for the API and the command line */
    via: string | null;
  };
  /** `examples` is a JSON array of `DifferenceExample`, the latest last. */
  upstreamDifferences: { workspaceId: string; kind: string; count: number; examples: string };
  /**
   * `id` is the hash of the session's secret. `byLink` is 1 for a session that began with the login link, which a
   * server prints when it is started on a terminal.
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
