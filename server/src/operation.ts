import type { z } from "zod";
import type { Counters } from "./counters/counters.ts";
import type { Caller, Resource } from "./domain/caller.ts";
import type { Spent } from "./domain/credits.ts";
import type { IdPrefix } from "./domain/ids.ts";
import type { Soon } from "./domain/soon.ts";
import type { ErrorCode } from "./errors.ts";
import type { Usage } from "./events/usage.ts";
import type { KeyCache, NamespaceCache } from "./storage/cache.ts";
import type { Spend } from "./storage/queries/balances.ts";
import type { Db, Tx } from "./storage/schema.ts";

/**
 * What the root key must hold. With `*` only a grant for all things of the kind will do; with `<id>` a grant for
 * one of them is enough to be heard, and the operation then treats everything else as if it did not exist.
 */
export type Permission = `${Resource}.${"*" | "<id>"}.${string}`;

/** The bounds that whoever runs the server may set. */
export type Limits = { maxMetaBytes: number; maxRatelimitDurationMs: number };

/** Seals keys with the server's recovery key, and opens them. */
export type Recovery = {
  seal(key: string): string;
  /** undefined for what this recovery key did not seal */
  open(sealed: string): string | undefined;
};

/** What every operation may use. */
type Context = {
  caller: Caller;
  requestId: string;
  /** wall clock, milliseconds since the epoch */
  nowMs: number;
  limits: Limits;
  newId(prefix: IdPrefix): string;
  /** from a cryptographically secure source */
  randomBytes(count: number): Uint8Array;
  /** SHA-256 of the UTF-8 text, base64url without padding: the only form in which a key is stored or looked up */
  hashKey(key: string): string;
  /** for keys that can be shown again; undefined where this server is not set up for them */
  recovery: Recovery | undefined;
  /** Adds to the request's log event; never a secret, a meta value or an external id. */
  note(fields: Record<string, string | number | boolean>): void;
};

/** Records one change in the audit trail; `fields` names what changed or the id of what was connected, never values. */
export type Audit = (event: string, targetId: string, fields?: readonly string[]) => void;

export type Write = {
  tx: Tx;
  audit: Audit;
  /** After the commit, forgets everything cached that was made from the thing with this id. */
  evict(id: string): void;
};

/** Outside a transaction: reads, counts, may wait; a short audited write goes through `inTransaction`. */
export type RunContext = Context & {
  db: Db;
  slow: Db;
  counters: Counters;
  keyCache: KeyCache;
  namespaceCache: NamespaceCache;
  usage: Usage;
  /** Durable when it resolves. */
  spendCredits(spend: Spend): Promise<Spent>;
  inTransaction<T>(work: (write: Write) => Promise<T>): Promise<T>;
};

/** Inside one transaction, run again where the database asks for it: nothing to wait for but `tx`. */
export type TransactContext = Context & Write;

/** One page of a list; `nextAfterId` is the last row's id where more rows follow. */
export type Page<T> = { items: T[]; nextAfterId?: string | undefined };

type Example = { input: Record<string, unknown> | unknown[]; output?: unknown };

type Common<I extends z.ZodType> = {
  /** `group.verbNoun`: the path, the client's method and the command */
  name: `${string}.${string}`;
  summary: string;
  /** more than the summary says, for the documentation */
  description?: string;
  permission: Permission;
  /** further permissions that are all needed too */
  alsoNeeds?: readonly Permission[];
  input: I;
  /** the refusals of its own, beside those that every operation has */
  errors: readonly ErrorCode[];
  example: Example;
  /** answers so often that only failures are logged one by one */
  frequent?: true;
  /** as documented for `identities.deleteIdentity`: its errors are `application/problem+json` whatever is accepted */
  problemJson?: true;
  /** larger bodies than usual are taken; bytes */
  maxBodyBytes?: number;
};

type Body<I, T> =
  | { run(input: I, context: RunContext): Soon<T>; transact?: never }
  | { transact(input: I, context: TransactContext): Promise<T>; run?: never };

type WithOutput<I extends z.ZodType, O extends z.ZodType> = Common<I> & { output: O; page?: never } & Body<
    z.output<I>,
    z.input<O>
  >;
type WithPage<I extends z.ZodType, O extends z.ZodType> = Common<I> & { page: O; output?: never } & Body<
    z.output<I>,
    Page<z.input<O>>
  >;
type WithNothing<I extends z.ZodType> = Common<I> & { output?: never; page?: never } & Body<
    z.output<I>,
    void
  >;

/** An operation as the runner, the routes and the documents see it. */
export type Operation = Common<z.ZodType> & {
  /** the shape of `data`; with `page` that of one item; neither: the answer has no `data` */
  output?: z.ZodType;
  page?: z.ZodType;
  run?(input: unknown, context: RunContext): Soon<unknown>;
  transact?(input: unknown, context: TransactContext): Promise<unknown>;
};

/** Defines an operation and checks that its body fits its schemas. */
export function operation<I extends z.ZodType, O extends z.ZodType>(definition: WithOutput<I, O>): Operation;
export function operation<I extends z.ZodType, O extends z.ZodType>(definition: WithPage<I, O>): Operation;
export function operation<I extends z.ZodType>(definition: WithNothing<I>): Operation;
export function operation(definition: unknown): Operation {
  return definition as Operation;
}
