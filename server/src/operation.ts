import type { z } from "zod";
import type { Caller, Resource } from "./domain/caller.ts";
import type { Position } from "./domain/cursor.ts";
import type { MaybePromise } from "./domain/maybePromise.ts";
import type { Settled } from "./domain/settled.ts";
import type { Written } from "./domain/written.ts";
import type { ErrorBody, ErrorCode } from "./errors.ts";
import type { Sources, Tools } from "./services.ts";
import type { Tx } from "./storage/schema.ts";

export type { Limits, Recovery } from "./services.ts";

/**
 * What the root key must hold. `*` demands a grant for all resources of the kind. With `<id>` a grant for one of them
 * is enough, and the operation then treats all others as if they did not exist.
 */
export type Permission = `${Resource}.${"*" | "<id>"}.${string}`;

/** What every operation may use. */
type Context = Tools & {
  caller: Caller;
  requestId: string;
  /** Adds to the request's log event; never a secret, a meta value or an external id. */
  note(fields: Record<string, string | number | boolean>): void;
};

/** Records one change in the audit trail; `fields` names what changed or the id of what was connected, never values. */
export type Audit = (event: string, targetId: string, fields?: readonly string[]) => void;

export type Write = {
  tx: Tx;
  audit: Audit;
  /** After the commit, evicts every cached record that depends on the thing with this id. */
  evict(id: string): void;
};

/** For an operation outside a transaction: it may wait. Short audited writes go through `inTransaction`. */
export type RunContext = Context &
  Sources & {
    /** the wall clock when the call began */
    nowMs: number;
    /** what a batch returns for an entry that failed with this error */
    refusalOfEntry(error: unknown): ErrorBody;
    inTransaction<T>(work: (write: Write) => Promise<T>): Promise<T>;
    /** Says that the call writes no audit row from here on, so that the server need not keep the caller's address for one. */
    auditsNothing(): void;
  };

/**
 * For an operation inside one transaction, which the engine may run again: it must wait for nothing but `tx`. It has no
 * `nowMs`, since after waiting for a row lock it must not decide by a time from before the wait.
 */
export type TransactContext = Context & Write;

/**
 * One page of a list; `nextAfterId` is the last row's id, or its position in the list's order, if more rows follow.
 * `completeSinceMs`: the time from which the list has everything, if older items may be missing.
 * `json`: the items as JSON, if they have been written already.
 */
export type Page<T> = {
  items: T[];
  json?: string | undefined;
  nextAfterId?: string | Position | undefined;
  completeSinceMs?: number | undefined;
};

type Example = { input: Record<string, unknown> | unknown[]; output?: unknown };

type Common<I extends z.ZodType> = {
  /** `group.verbNoun`: the path, the client's method and the command */
  name: `${string}.${string}`;
  summary: string;
  /** more than the summary says, for the documentation */
  description?: string;
  permission: Permission;
  /** a permission that is enough instead of `permission`, for an operation on things of two kinds */
  orPermission?: Permission;
  /** further permissions, all of which are required too */
  alsoNeeds?: readonly Permission[];
  input: I;
  /** its own errors, in addition to those of every operation */
  errors: readonly ErrorCode[];
  example: Example;
  /** decides a user's request: called so often that only failures are logged one by one */
  decides?: true;
  /** as documented for `identities.deleteIdentity`: its errors are `application/problem+json` whatever the request accepts */
  problemJson?: true;
  /** as documented for `permissions.updateRole`: its 429 is `application/json` */
  json429?: true;
  /** takes bodies up to the larger `MAX_MIGRATION_BODY_BYTES` */
  takesLargeBody?: true;
};

type Body<I, T> =
  | {
      run(input: I, context: RunContext): MaybePromise<T | Written<T>>;
      transact?: never;
      /**
       * Its `run` validates and writes a large input in several turns and transactions. If it fails, some of them may
       * be committed, and repeating the call must complete the rest.
       */
      commitsInParts?: true;
    }
  | { transact(input: I, context: TransactContext): Promise<T>; run?: never; commitsInParts?: never };

type WithOutput<I extends z.ZodType, O extends z.ZodType> = Common<I> & { output: O; page?: never } & Body<
    z.output<I>,
    z.input<O>
  >;
/** Decides each entry of a list on its own. An entry that does not fit its schema has the error that it alone would get. */
type WithEntries<I extends z.ZodType, O extends z.ZodType> = Common<z.ZodArray<I>> & {
  judgesEntries: true;
  output: O;
  page?: never;
  transact?: never;
  commitsInParts?: never;
  run(input: Settled<z.output<I>>[], context: RunContext): MaybePromise<z.input<O>>;
};
type WithPage<I extends z.ZodType, O extends z.ZodType> = Common<I> & { page: O; output?: never } & Body<
    z.output<I>,
    Page<z.input<O>>
  >;
/** Its response has no `data`. It returns warnings, which the response has if there are any. */
type WithNothing<I extends z.ZodType> = Common<I> & { output?: never; page?: never } & Body<
    z.output<I>,
    string[]
  >;

/** An operation as the runner, the routes and the documents see it: it has either `run` or `transact`. */
export type Operation = Common<z.ZodType> & {
  /** the schema of `data`; `page` is that of one item of a list; without both the response has no `data`, but may have `warnings` */
  output?: z.ZodType;
  page?: z.ZodType;
  judgesEntries?: true;
} & Body<unknown, unknown>;

/** Defines an operation and checks that its body fits its schemas. */
export function operation<I extends z.ZodType, O extends z.ZodType>(definition: WithEntries<I, O>): Operation;
export function operation<I extends z.ZodType, O extends z.ZodType>(definition: WithOutput<I, O>): Operation;
export function operation<I extends z.ZodType, O extends z.ZodType>(definition: WithPage<I, O>): Operation;
export function operation<I extends z.ZodType>(definition: WithNothing<I>): Operation;
export function operation(definition: unknown): Operation {
  return definition as Operation;
}
