import { type Caller, mayAll, mayAny, type Resource } from "./domain/caller.ts";
import { encodeCursor } from "./domain/cursor.ts";
import { type MaybePromise, whenAvailable } from "./domain/maybePromise.ts";
import { Written } from "./domain/written.ts";
import { type ErrorBody, Failure, missingPermission } from "./errors/failure.ts";
import type { Operation, Page, Permission, RunContext, TransactContext, Write } from "./operation.ts";
import { parseEntries, parseInput, parseLargeInput } from "./parse.ts";
import type { Services } from "./services.ts";
import { StorageError } from "./storage/engine.ts";
import {
  claimIdempotency,
  findIdempotentResponse,
  type StoredResponse,
  setIdempotentResponse,
} from "./storage/queries/idempotency.ts";
import type { Tx } from "./storage/schema.ts";
import { type Sender, write } from "./write.ts";

/** What `run` needs to know about a call of an operation. */
export type Call = Sender & {
  /**
   * The operation promises to write no more audit events. Then the server need not read the caller's address for them.
   */
  auditsNothing(): void;
  /** Adds fields to the call's log event. */
  note(fields: Record<string, string | number | boolean>): void;
  /** Returns the input before validation. Errors: `invalid_input`, `unsupported_media_type`. */
  body(): unknown;
  /** Returns `undefined` if the request has no Idempotency-Key. Called only for writes. Errors: `invalid_input`. */
  idempotency(): Idempotency | undefined;
  /**
   * Runs `work` if the limits on requests allow a batch of `count` entries. Errors:
   * `server_overloaded`, `workspace_rate_limited`.
   */
  admitEntries<T>(count: number, work: () => MaybePromise<T>): MaybePromise<T>;
  /** Returns the error of an entry for the response. Logs it if it is a fault of the server. */
  refuseEntry(error: unknown): ErrorBody;
};

/**
 * A request with an Idempotency-Key. `id` is the same if the request is repeated. `seal` and `open` encrypt and decrypt
 * the stored response.
 */
export type Idempotency = {
  id: string;
  bodyHash: string;
  seal(text: string): string;
  open(sealed: string): string;
};

/** The result of a call: the members of the response other than `meta`. */
export type Result = {
  data?: unknown;
  /** writes the JSON of `data`; if undefined, `JSON.stringify` does */
  written?: Pick<Written<unknown>, "json">;
  pagination?: { hasMore: boolean; cursor?: string; completeSince?: number } | undefined;
  /** only if the operation has no `data` */
  warnings?: string[];
  /** if this repeats a stored response: the id of the first request with the same Idempotency-Key */
  replayOf?: string;
};

/**
 * Runs an operation; every call takes this path. Checks the permission, validates the input and runs the operation. A
 * write is committed together with its audit trail, and the records that it changed are evicted from the caches.
 * Returns or throws synchronously if the operation does not have to wait. Errors: `Failure`, `StorageError` (see
 * `asFailure`). Any other error is a bug.
 */
export function run(services: Services, operation: Operation, call: Call): MaybePromise<Result> {
  // permissions are checked before the body is parsed, so that a caller without permission causes no work
  const { permission, orPermission } = operation;
  if (orPermission === undefined || !isPermitted(orPermission, call.caller)) permit(permission, call.caller);
  for (const permission of operation.alsoNeeds ?? []) permit(permission, call.caller);
  const { run } = operation;
  const idempotency = isWrite(operation) ? call.idempotency() : undefined;
  if (operation.commitsInParts === true) return runInParts(services, operation, call, idempotency);
  if (operation.judgesEntries === true) return runEntries(services, operation, call);
  const input = parseInput(operation.input, call.body());
  if (run === undefined) return transactOnce(services, operation, call, { input, idempotency });
  return whenAvailable(run(input, new CallContext(services, call)), resultOf, operation);
}

type ToWrite = { input: unknown; idempotency: Idempotency | undefined };

/**
 * Runs a write in a transaction. A separate function: if this code were in `run`, every verification would allocate an
 * object for the variables that its closures share.
 */
function transactOnce(
  services: Services,
  operation: Operation,
  call: Call,
  { input, idempotency }: ToWrite,
): Promise<Result> {
  const { now } = services;
  const context = transactContextOf(services, call);
  return write(services, call, (tools) =>
    once(tools.tx, call, { idempotency, now }, async () =>
      resultOf(await operation.transact?.(input, { ...context, ...tools }), operation),
    ),
  );
}

/** Whether an operation changes records, so that its requests may have an Idempotency-Key. */
export function isWrite({ transact, commitsInParts }: Operation): boolean {
  return transact !== undefined || commitsInParts === true;
}

/** Runs an operation that takes a batch. An invalid entry gets an error of its own, and the other entries run. */
function runEntries(services: Services, operation: Operation, call: Call): MaybePromise<Result> {
  const entries = parseEntries(operation.input, call.body());
  return call.admitEntries(entries.length, () =>
    whenAvailable(operation.run?.(entries, new CallContext(services, call)), resultOf, operation),
  );
}

/**
 * Runs an operation that commits in parts. The response for the Idempotency-Key is complete only when all parts are
 * committed, so it is stored after them.
 */
async function runInParts(
  services: Services,
  operation: Operation,
  call: Call,
  idempotency: Idempotency | undefined,
): Promise<Result> {
  const input = await parseLargeInput(operation.input, call.body());
  const { engine, now } = services;
  const { workspaceId } = call.caller;
  const first =
    idempotency &&
    (await findIdempotentResponse(engine.db, { id: idempotency.id, workspaceId, nowMs: now() }));
  if (first !== undefined && idempotency !== undefined) return replay(first, idempotency);
  const made = resultOf(await operation.run?.(input, new CallContext(services, call)), operation);
  if (idempotency === undefined) return made;
  return write(services, call, ({ tx }) => once(tx, call, { idempotency, now }, async () => made));
}

function permit(permission: Permission, caller: Caller): void {
  if (isPermitted(permission, caller)) return;
  throw missingPermission(permission);
}

function isPermitted(permission: Permission, caller: Caller): boolean {
  const [resource = "", scope = "", action = ""] = partsOf(permission);
  const permitted = scope === "*" ? mayAll : mayAny;
  return permitted(caller, resource as Resource, action);
}

const permissionParts = new Map<Permission, readonly string[]>();

/** Returns the parts of a permission, from a cache: all operations together need only a few permissions. */
function partsOf(permission: Permission): readonly string[] {
  let parts = permissionParts.get(permission);
  if (parts === undefined) {
    parts = permission.split(".");
    permissionParts.set(permission, parts);
  }
  return parts;
}

/**
 * Everything that an operation without a transaction gets. Its functions are getters, so a function is created only
 * when an operation uses it. Otherwise these functions would be a tenth of the objects that a verification creates.
 */
class CallContext implements RunContext {
  readonly now: Services["now"];
  readonly newId: Services["newId"];
  readonly randomBytes: Services["randomBytes"];
  readonly hashKey: Services["hashKey"];
  readonly recovery: Services["recovery"];
  readonly limits: Services["limits"];
  readonly db: Services["db"];
  readonly slow: Services["slow"];
  readonly readSlowly: Services["readSlowly"];
  readonly counters: Services["counters"];
  readonly caches: Services["caches"];
  readonly usage: Services["usage"];
  readonly status: Services["status"];
  readonly upstream: Services["upstream"];
  readonly oldHashes: Services["oldHashes"];
  readonly spendCredits: Services["spendCredits"];
  readonly caller: Caller;
  readonly requestId: string;
  readonly nowMs: number;
  readonly #services: Services;
  readonly #call: Call;

  constructor(services: Services, call: Call) {
    this.now = services.now;
    this.newId = services.newId;
    this.randomBytes = services.randomBytes;
    this.hashKey = services.hashKey;
    this.recovery = services.recovery;
    this.limits = services.limits;
    this.db = services.db;
    this.slow = services.slow;
    this.readSlowly = services.readSlowly;
    this.counters = services.counters;
    this.caches = services.caches;
    this.usage = services.usage;
    this.status = services.status;
    this.upstream = services.upstream;
    this.oldHashes = services.oldHashes;
    this.spendCredits = services.spendCredits;
    this.caller = call.caller;
    this.requestId = call.requestId;
    this.nowMs = services.now();
    this.#services = services;
    this.#call = call;
  }

  get note(): RunContext["note"] {
    return (fields) => this.#call.note(fields);
  }

  get refusalOfEntry(): RunContext["refusalOfEntry"] {
    return (error) => this.#call.refuseEntry(asFailure(error));
  }

  auditsNothing(): void {
    this.#call.auditsNothing();
  }

  get inTransaction(): RunContext["inTransaction"] {
    return (work) => write(this.#services, this.#call, work);
  }
}

/** Returns the context of an operation in a transaction, without the transaction itself. */
function transactContextOf(services: Services, call: Call): Omit<TransactContext, keyof Write> {
  const { caller, requestId } = call;
  return { ...services, caller, requestId, note: (fields) => call.note(fields) };
}

type OnceOnly = { idempotency: Idempotency | undefined; now(): number };

/**
 * the maximum size in bytes of the response to a call with an Idempotency-Key, which is stored; the response to a
 * migration of 10,000 keys is smaller
 */
const mostKeptBytes = 2 * 1024 * 1024;

/** Runs `work` once per Idempotency-Key. A repeated request gets the stored response of the first one. */
async function once(
  tx: Tx,
  { caller, requestId }: Pick<Call, "caller" | "requestId">,
  { idempotency, now }: OnceOnly,
  work: () => Promise<Result>,
): Promise<Result> {
  if (idempotency === undefined) return work();
  const { id, bodyHash } = idempotency;
  const { workspaceId } = caller;
  const first = await claimIdempotency(tx, { id, workspaceId, bodyHash, nowMs: now() }).catch(stillUnderWay);
  if (first !== undefined) return replay(first, idempotency);
  const made = await work();
  const kept = JSON.stringify({ ...made, replayOf: requestId } satisfies Result);
  if (Buffer.byteLength(kept) > mostKeptBytes) {
    throw new Failure("bound_exceeded", {
      detail: `The response is larger than ${mostKeptBytes} bytes, the most that is stored for an Idempotency-Key. Nothing was changed. Omit the Idempotency-Key, or send the request in parts.`,
    });
  }
  await setIdempotentResponse(tx, workspaceId, id, idempotency.seal(kept));
  return made;
}

function replay(first: StoredResponse, { bodyHash, open }: Idempotency): Result {
  if (first.bodyHash !== bodyHash) throw new Failure("idempotency_key_reused");
  return JSON.parse(open(first.response)) as Result;
}

/**
 * Called if an Idempotency-Key cannot be claimed. If the database is busy, another transaction with the same key is
 * running: throws `idempotency_in_progress`.
 */
function stillUnderWay(error: unknown): never {
  if (error instanceof StorageError && error.reason === "busy") throw new Failure("idempotency_in_progress");
  throw error;
}

/** The result of an operation whose output is a `Written`, which writes its own JSON. */
class WrittenResult implements Result {
  readonly written: Written<unknown>;
  readonly pagination: Result["pagination"];

  constructor(written: Written<unknown>, pagination?: Result["pagination"]) {
    this.written = written;
    this.pagination = pagination;
  }

  get data(): unknown {
    return this.written.value();
  }
}

function resultOf(returned: unknown, operation: Operation): Result {
  if (returned instanceof Written) return new WrittenResult(returned);
  if (operation.output !== undefined) return { data: returned };
  if (operation.page === undefined) {
    const warnings = returned as string[];
    return warnings.length === 0 ? {} : { warnings };
  }
  const { items, json, nextAfterId, completeSinceMs } = returned as Page<unknown>;
  const pagination = {
    ...(nextAfterId === undefined
      ? { hasMore: false }
      : { hasMore: true, cursor: encodeCursor(nextAfterId) }),
    ...(completeSinceMs === undefined ? {} : { completeSince: completeSinceMs }),
  };
  if (items instanceof Written) return new WrittenResult(items, pagination);
  return json === undefined
    ? { data: items, pagination }
    : { data: items, written: { json: () => json }, pagination };
}

/**
 * Turns an error of the database into a `Failure`: a full disk or an unreachable database is not a bug. Returns other
 * errors unchanged.
 */
export function asFailure(error: unknown): unknown {
  if (!(error instanceof StorageError)) return error;
  const headers = { "Retry-After": "1" };
  if (error.reason === "lost" || error.reason === "not_durable")
    return new Failure("outcome_unknown", { headers, cause: error });
  return new Failure("service_unavailable", {
    detail: unavailableDetail[error.reason],
    headers,
    cause: error,
  });
}

const unavailableDetail = {
  full: "The server's disk is full: nothing was changed.",
  busy: "The database is busy: nothing was changed.",
  unavailable: "The database cannot be reached at the moment: nothing was changed.",
  damaged: "A part of the database is damaged: nothing was changed.",
  newer_schema: "The database has the schema of a newer version of this server.",
  in_use: "The database is used by another server.",
  read_only:
    "The records are moving to another database, which usually takes a few minutes at most. Nothing was changed. Verifications that change no record still work.",
} as const;
