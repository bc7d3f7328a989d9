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

/** Tools that every operation may use, also in a transaction, because none of them returns a promise. */
export type Tools = {
  /** the wall clock, Unix time in milliseconds; in a transaction, read it after taking the locks */
  now(): number;
  newId(prefix: IdPrefix): string;
  /** Returns random bytes from a cryptographically secure source. */
  randomBytes(count: number): Uint8Array;
  /** Returns the SHA-256 of a key in base64url without padding. Keys are stored and looked up only in this form. */
  hashKey(key: string): string;
  /** encrypts and decrypts recoverable keys; undefined if `RECOVERY_KEY` is not set */
  recovery: Recovery | undefined;
  limits: Limits;
};

/** What only operations outside a transaction may use: a transaction must not wait for anything but its statements. */
export type Sources = {
  /** the database, for short reads, such as of single records */
  db: Db;
  /** the database, for lists and searches, which take so long that short reads must not queue behind them */
  slow: Db;
  /** Runs a long read as a whole where `slow` runs, such as the page of a list. */
  readSlowly: ReadSlowly;
  counters: Counters;
  caches: Caches;
  usage: Usage;
  /**
   * the server that verified keys before this one; undefined if no such server is configured, or if another server has
   * forwarded this request to us: the two servers must not forward a request to each other forever
   */
  upstream: Upstream | undefined;
  oldHashes: OldHashes;
  /**
   * Spends credits and quotas. Resolves when the commit is durable. A batch passes the id of one of its accounts as
   * `lead` in all its calls, so that they share a commit.
   */
  spendCredits(spend: Spend, lead?: string): Promise<Spent>;
  status(): ServerStatus;
};

/** The state of this process, which the console shows to the operator of the server. */
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
 * All services of a process. To add one, add it to `Tools` or `Sources`, create it in compose.ts, and copy it in
 * `CallContext` in run.ts. The types of the contexts of operations then have it, too.
 */
export type Services = Tools & Sources & { engine: Engine };

/** Limits from the settings. */
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

/** Encrypts recoverable keys with the server's recovery key, and decrypts them. */
export type Recovery = {
  seal(key: string): string;
  /** Decrypts what `seal` returned. Returns `undefined` if that was sealed with another recovery key, or is damaged. */
  open(sealed: string): string | undefined;
};
