import type { Counters } from "./counters/counters.ts";
import type { IdPrefix } from "./domain/ids.ts";
import type { Caches } from "./storage/caches.ts";
import type { Engine } from "./storage/engine.ts";
import type { Spend, Spent } from "./storage/queries/charges.ts";
import type { Db } from "./storage/schema.ts";
import type { Upstream } from "./upstream/upstream.ts";
import type { Usage } from "./usage/usage.ts";

/** What every operation may use. Nothing here returns a promise. */
export type Tools = {
  /** the wall clock, Unix time in milliseconds; in a transaction, read it after taking the locks */
  now(): number;
  newId(prefix: IdPrefix): string;
  /** from a cryptographically secure source */
  randomBytes(count: number): Uint8Array;
  /** SHA-256 of the UTF-8 text, base64url without padding: the only form in which a key is stored or looked up */
  hashKey(key: string): string;
  /** for recoverable keys; undefined if this server has no recovery key */
  recovery: Recovery | undefined;
  limits: Limits;
};

/** What an operation outside a transaction may use, and wait for, in addition to the tools. */
export type Sources = {
  /** point reads */
  db: Db;
  /** lists and searches */
  slow: Db;
  counters: Counters;
  caches: Caches;
  usage: Usage;
  /** the server that verified keys before this one; undefined: none, or it must not be asked for this request */
  upstream: Upstream | undefined;
  /** The spend is durable when this resolves. Spends of one turn with the same `lead` share one commit. */
  spendCredits(spend: Spend, lead?: string): Promise<Spent>;
  status(): ServerStatus;
};

/** This process, as its operator may see it. */
export type ServerStatus = {
  version: string;
  startedAtMs: number;
  engine: Engine["name"];
  /** how many processes serve from the database, including this one */
  nodes: number;
  redis: "not_configured" | "up" | "down";
  maxKeyCacheBytes: number;
  /** secrets are masked */
  settings: readonly { name: string; value: string; description: string }[];
};

/**
 * Everything that operations run with: one of each per process. A new service is a member of `Tools` or `Sources`;
 * compose.ts creates it, and `CallContext` in run.ts copies it. The contexts of the operations are derived from these types.
 */
export type Services = Tools & Sources & { engine: Engine };

/** The bounds that the operator of the server may set. */
export type Limits = {
  maxMetaBytes: number;
  maxRatelimitDurationMs: number;
  /** undefined: no limit */
  workspaceRequestsPerMinute: number | undefined;
  /** how long single usage events are kept; undefined: as long as there is room */
  usageEventHours: number | undefined;
  /** undefined: forever */
  auditRetentionDays: number | undefined;
};

/** Seals keys with the server's recovery key, and opens them. */
export type Recovery = {
  seal(key: string): string;
  /** undefined if this recovery key did not seal it */
  open(sealed: string): string | undefined;
};
