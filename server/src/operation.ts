import type { z } from "zod";
import type { Caller, Resource } from "./domain/caller.ts";
import type { Position } from "./domain/cursor.ts";
import type { MaybePromise } from "./domain/maybePromise.ts";
import type { Settled } from "./domain/settled.ts";
import type { Written } from "./domain/written.ts";
import type { ErrorCode } from "./errors/catalogue.ts";
import type { ErrorBody } from "./errors/failure.ts";
import type { Sources, Tools } from "./services.ts";
import type { Tx } from "./storage/schema.ts";

export type { Limits, Recovery } from "./services.ts";

/**
 * A permission that the root key must have. `*`, as in `api.*.create_api`, means that the root key needs it for all
 * resources of the kind. `<id>` means that a permission for one resource is enough. To the operation, the resources
 * that the root key has no permission for do not exist.
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
 * Adds a change to the audit trail. `fields` are the names of the changed fields, or the ids of records that were
 * connected or disconnected. They are never the values of fields.
 */
export type Audit = (event: string, targetId: string, fields?: readonly string[]) => void;

export type Write = {
  tx: Tx;
  audit: Audit;
  /** After the commit, evicts every cached record that depends on the record with this id. */
  evict(id: string): void;
};

/**
 * The context of an operation that runs outside a transaction, so the operation may wait for anything. For writes
 * with audit events, it has `inTransaction`, which runs a short transaction.
 */
export type RunContext = Context &
  Sources & {
    /** the time by the wall clock when the call began */
    nowMs: number;
    /** Returns what the response of a batch contains for an entry that failed with this error. */
    refusalOfEntry(error: unknown): ErrorBody;
    inTransaction<T>(work: (write: Write) => Promise<T>): Promise<T>;
    /**
     * Promises that this call adds no more audit events. Then the server need not read the caller's address for them.
     */
    auditsNothing(): void;
  };

/**
 * The context of an operation that runs inside one transaction. The operation may wait for nothing but `tx`. The engine
 * runs the operation again if its transaction conflicts with another. There is no `nowMs`, because a time from before
 * the wait for a row lock would be too old: call `now()` after taking the locks.
 */
export type TransactContext = Context & Write;

/**
 * A page of a list. If more items follow, `nextAfterId` is the id of the page's last item, or the item's position if
 * the list is not sorted by id. If older items may be missing, `completeSinceMs` is the time from which the list is
 * complete. `json` is `items` as JSON, if the operation has already serialized them.
 */
export type Page<T> = {
  items: T[] | Written<T[]>;
  json?: string | undefined;
  nextAfterId?: string | Position | undefined;
  completeSinceMs?: number | undefined;
};

type Example = { input: Record<string, unknown> | unknown[]; output?: unknown };

type Common<I extends z.ZodType> = {
  /** `group.verbNoun`: the name of the path, of the client's method and of the command */
  name: `${string}.${string}`;
  summary: string;
  /** more sentences for the documentation */
  description?: string;
  permission: Permission;
  /** a permission that the root key may have instead of `permission`; for operations on two kinds of resources */
  orPermission?: Permission;
  /** further permissions; the root key must have all of them, too */
  alsoNeeds?: readonly Permission[];
  input: I;
  /** the errors that the operation can return, without those that every operation can return */
  errors: readonly ErrorCode[];
  example: Example;
  /**
   * the operation is a decision: a user's request waits for its response. Decisions are so frequent that only those
   * that fail have an event in the log
   */
  decides?: true;
  /**
   * errors have the type `application/problem+json`, whatever type the request accepts; Unkey documents this for
   * `identities.deleteIdentity`
   */
  problemJson?: true;
  /** errors with status 429 have the type `application/json`; Unkey documents this for `permissions.updateRole` */
  json429?: true;
  /** the size of the body is limited by the setting `MAX_MIGRATION_BODY_BYTES` instead of `MAX_BODY_BYTES` */
  takesLargeBody?: true;
};

type Body<I, T> =
  | {
      run(input: I, context: RunContext): MaybePromise<T | Written<T>>;
      transact?: never;
      /**
       * `run` validates and writes a large input in several parts, each in its own transaction. After a failure, some
       * parts may already be committed, so `run` must be able to complete the rest when the call is repeated.
       */
      commitsInParts?: true;
    }
  | { transact(input: I, context: TransactContext): Promise<T>; run?: never; commitsInParts?: never };

type WithOutput<I extends z.ZodType, O extends z.ZodType> = Common<I> & { output: O; page?: never } & Body<
    z.output<I>,
    z.input<O>
  >;
/**
 * An operation whose body is a list. It decides each entry on its own. An invalid entry gets the error that it
 * would get if it were the whole body; the other entries are decided.
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
/** An operation whose response has no `data`. It returns warnings; the response has `warnings` if there are any. */
type WithNothing<I extends z.ZodType> = Common<I> & { output?: never; page?: never } & Body<
    z.output<I>,
    string[]
  >;

/** An operation as the rest of the program sees it. It has either `run` or `transact`. */
export type Operation = Common<z.ZodType> & {
  /** the schema of `data` */
  output?: z.ZodType;
  /**
   * the schema of an item, if `data` is a page of a list; an operation without `output` and `page` has no `data`
   * in its response, but may have `warnings`
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
