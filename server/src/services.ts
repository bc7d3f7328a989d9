import type { Counters } from "./counters/counters.ts";
import type { IdPrefix } from "./domain/ids.ts";
import type { OldHashes } from "./oldHashes/oldHashes.ts";
import type { Caches } from "./storage/caches.ts";
import type { Engine } from "./storage/engine.ts";
import type { Spend, Spent } from "./storage/queries/charges.ts";
import type { Db } from "./storage/schema.ts";
import type { ReadSlowly } from "./storage/slowReads.ts";
import type { Upstream } from "./upstream/upstream.ts";
import type { Usage } from "./usage/usage.ts";

/** Tools that every operation may use. None of them returns a promise. */
export type Tools = {
  /** the wall clock, Unix time in milliseconds; in a transaction, read it after taking the locks */
  now(): number;
  newId(prefix: IdPrefix): string;
  /** Returns random bytes from a cryptographically secure source. */
  randomBytes(count: number): Uint8Array;
  /** Returns the SHA-256 of a key in base64url without padding. Keys are stored and looked up only in this form. */
  hashKey(key: string): string;
  /** seals recoverable keys; undefined if this server has no recovery key */
  recovery: Recovery | undefined;
  limits: Limits;
};

/** What only operations outside a transaction may use and wait for, in addition to the tools. */
export type Sources = {
  /** for reads of single records */
  db: Db;
  /** for lists and searches */
  slow: Db;
  readSlowly: ReadSlowly;
  counters: Counters;
  caches: Caches;
  usage: Usage;
  /**
   * the server that verified keys before this one; undefined if there was no such server, or
   * if this request must not ask it
   */
  upstream: Upstream | undefined;
  oldHashes: OldHashes;
  /**
   * Spends credits and quotas. Resolves when the commit is durable. Spends with the same `lead` that
   * arrive together share a commit.
   */
  spendCredits(spend: Spend, lead?: string): Promise<Spent>;
  status(): ServerStatus;
};

/** The state of this process for its operator. */
export type ServerStatus = {
  version: string;
  startedAtMs: number;
  engine: Engine["name"];
  /** the number of processes that serve from the database, including this one */
  nodes: number;
  redis: "not_configured" | "up" | "down";
  maxKeyCacheBytes: number;
  /** the settings, with masked secrets */
  settings: readonly { name: string; value: string; description: string }[];
};

/**
 * All services of a process. To add one, make it a member of `Tools` or `Sources`, create it in compose.ts, and copy
 * it in `CallContext` of run.ts. The contexts of operations are derived from these types.
 */
export type Services = Tools & Sources & { engine: Engine };

/** Limits that the operator of the server may set. */
export type Limits = {
  maxMetaBytes: number;
  maxRatelimitDurationMs: number;
  /** the maximum number of requests per workspace and minute; undefined: no limit */
  workspaceRequestsPerMinute: number | undefined;
  /** how long usage events are kept; undefined: as long as there is space */
  usageEventHours: number | undefined;
  /** how long audit events are kept; undefined: forever */
  auditRetentionDays: number | undefined;
};

/** Encrypts recoverable keys under the server's recovery key, and decrypts them. */
export type Recovery = {
  seal(key: string): string;
  /** Returns the key, or `undefined` if another recovery key has sealed it. */
  open(sealed: string): string | undefined;
};
