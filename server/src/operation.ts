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
 * A permission that the root key must have. `*` requires it for all resources of the kind. With `<id>`, one resource
 * is enough, and the operation then treats all others as if they did not exist.
 */
export type Permission = `${Resource}.${"*" | "<id>"}.${string}`;

/** The part of the context that every operation gets. */
type Context = Tools & {
  caller: Caller;
  requestId: string;
  /** Adds fields to the request's log event. Never pass a secret, a meta value or an external id. */
  note(fields: Record<string, string | number | boolean>): void;
};

/**
 * Adds a change to the audit trail. `fields` are the names of changed fields, or ids of
 * connected records, never values.
 */
export type Audit = (event: string, targetId: string, fields?: readonly string[]) => void;

export type Write = {
  tx: Tx;
  audit: Audit;
  /** After the commit, evicts every cached record that depends on the record with this id. */
  evict(id: string): void;
};

/**
 * The context of an operation that runs outside a transaction, and so may wait. For short audited
 * writes, it has `inTransaction`.
 */
export type RunContext = Context &
  Sources & {
    /** the time by the wall clock when the call began */
    nowMs: number;
    /** Returns what a batch has for an entry that failed with this error. */
    refusalOfEntry(error: unknown): ErrorBody;
    inTransaction<T>(work: (write: Write) => Promise<T>): Promise<T>;
    /** Says that the call writes no audit row from here on, so that the server need not keep the caller's address for one. */
    auditsNothing(): void;
  };

/**
 * The context of an operation that runs inside one transaction. The operation must wait for nothing but `tx`,
 * and the engine may run it again. The context has no `nowMs`: after waiting for a row lock, a time from
 * before the wait would be wrong.
 */
export type TransactContext = Context & Write;

/**
 * A page of a list. If more rows follow, `nextAfterId` is the id of the last row, or its position in the order of the
 * list. If older items may be missing, `completeSinceMs` is the time from which the list is complete.
 * `json` has the items as JSON, if they have already been serialized.
 */
export type Page<T> = {
  items: T[] | Written<T[]>;
  json?: string | undefined;
  nextAfterId?: string | Position | undefined;
  completeSinceMs?: number | undefined;
};

type Example = { input: Record<string, unknown> | unknown[]; output?: unknown };

type Common<I extends z.ZodType> = {
  /** `group.verbNoun`: the path, the client's method and the command */
  name: `${string}.${string}`;
  summary: string;
  /** more sentences for the documentation */
  description?: string;
  permission: Permission;
  /** a permission that is enough instead of `permission`, for an operation on two kinds of resources */
  orPermission?: Permission;
  /** further permissions, all of which are also required */
  alsoNeeds?: readonly Permission[];
  input: I;
  /** the errors of this operation, in addition to those of every operation */
  errors: readonly ErrorCode[];
  example: Example;
  /**
   * whether it is a decision, which a user's request waits for; it is called so often that only
   * failures are logged one by one
   */
  decides?: true;
  /**
   * its errors are `application/problem+json` whatever the request accepts, as Unkey documents it
   * for `identities.deleteIdentity`
   */
  problemJson?: true;
  /** its 429 is `application/json`, as Unkey documents it for `permissions.updateRole` */
  json429?: true;
  /** its body may be as large as `MAX_MIGRATION_BODY_BYTES` */
  takesLargeBody?: true;
};

type Body<I, T> =
  | {
      run(input: I, context: RunContext): MaybePromise<T | Written<T>>;
      transact?: never;
      /**
       * `run` validates and writes a large input in several parts, each in its own transaction. If it fails, some of
       * the parts may be committed, and repeating the call must complete the rest.
       */
      commitsInParts?: true;
    }
  | { transact(input: I, context: TransactContext): Promise<T>; run?: never; commitsInParts?: never };

type WithOutput<I extends z.ZodType, O extends z.ZodType> = Common<I> & { output: O; page?: never } & Body<
    z.output<I>,
    z.input<O>
  >;
/**
 * An operation that decides each entry of a list by itself. An invalid entry gets the error
 * that it would get as a whole body.
 */
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
/** An operation whose response has no `data`. It returns warnings, and the response has `warnings` if there are any. */
type WithNothing<I extends z.ZodType> = Common<I> & { output?: never; page?: never } & Body<
    z.output<I>,
    string[]
  >;

/** An operation as the rest of the program sees it. It has either `run` or `transact`. */
export type Operation = Common<z.ZodType> & {
  /** the schema of `data` */
  output?: z.ZodType;
  /**
   * the schema of an item, if `data` is a list; without `output` and `page`, the response has no
   * `data`, but may have `warnings`
   */
  page?: z.ZodType;
  judgesEntries?: true;
} & Body<unknown, unknown>;

/** Defines an operation. The types check that its code fits its schemas. */
export function operation<I extends z.ZodType, O extends z.ZodType>(definition: WithEntries<I, O>): Operation;
export function operation<I extends z.ZodType, O extends z.ZodType>(definition: WithOutput<I, O>): Operation;
export function operation<I extends z.ZodType, O extends z.ZodType>(definition: WithPage<I, O>): Operation;
export function operation<I extends z.ZodType>(definition: WithNothing<I>): Operation;
export function operation(definition: unknown): Operation {
  return definition as Operation;
}
