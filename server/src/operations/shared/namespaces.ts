import { z } from "zod";
import type { Hit, WindowState } from "../../counters/counters.ts";
import { type Caller, may, mayAll } from "../../domain/caller.ts";
import { itemAt } from "../../domain/itemAt.ts";
import { type MaybePromise, whenAvailable } from "../../domain/maybePromise.ts";
import { findOverride, type Override, overrideTable } from "../../domain/overrides.ts";
import type { Window } from "../../domain/windows.ts";
import { Failure, missingPermission } from "../../errors/failure.ts";
import type { RunContext } from "../../operation.ts";
import {
  claimNamespace,
  countNamespaces,
  findNamespaceId,
  type NamespaceRecord,
  type NamespaceRow,
} from "../../storage/queries/namespaces.ts";
import { lockWorkspace } from "../../storage/queries/workspaces.ts";
import type { Db } from "../../storage/schema.ts";
import { bounds, refuseAbove } from "./bounds.ts";
import { refuseLongDurations, reset, storedDuration, windowFields } from "./ratelimits.ts";
import { amount, instant, storedId, text } from "./values.ts";

export const namespaceRef = text(1, 512).describe(
  "The rate limit namespace's name or id. If both match, the id wins.",
);

const identifier = text(1, 512)
  .describe("Who or what is counted, such as a user's id or an IP address. Compared byte for byte.")
  .meta({ private: true });

export const identifierPattern = identifier.describe(
  "One identifier such as `user_123`, or a pattern such as `user_*`, in which each `*` stands for any text.",
);

/** One limit that a request counts against. */
export const limitInput = z.strictObject({
  namespace: namespaceRef.describe(
    "The rate limit namespace's name or id, such as `email.send`. The first use creates it, which needs `ratelimit.*.create_namespace`.",
  ),
  identifier,
  ...windowFields,
  cost: z
    .int()
    .min(0)
    .default(1)
    .describe("How much of `limit` this request uses. 0: the request only reads the state."),
});

/** What the response says about a limit after counting. */
export const limitState = {
  limit: amount.describe("The limit that was applied: the override's, if one matches, or the request's."),
  remaining: amount.describe("The highest cost with which the very next request passes."),
  reset,
  overrideId: storedId
    .optional()
    .describe("The id of the override that was applied. Omitted if none matches."),
};

export type LimitInput = z.output<typeof limitInput>;

export const override = z.strictObject({
  overrideId: storedId.describe("The override's id."),
  identifier: text(1, 512).describe("The identifier or the pattern that the override is for."),
  limit: amount.describe("The highest total cost within any span of `duration`. 0 refuses every request."),
  duration: storedDuration,
});

export const overrideExample = {
  overrideId: "rlor_0Ck3vDbnXhq2Tn6Yp1Zs4a",
  identifier: "user_123",
  limit: 10_000,
  duration: 60_000,
};

/** A namespace as every operation returns it. */
export const namespace = z.strictObject({
  id: storedId.describe("The namespace's id."),
  name: text(1, 512).describe("The namespace's name."),
  createdAt: instant.describe("When the namespace was created. Unix time in milliseconds."),
});

export const namespaceExample = {
  id: "rlns_0Ck3vDbnXhq2Tn6Yp1Zs4a",
  name: "email.send",
  createdAt: 1_767_225_600_000,
};

export function namespaceResponse({ id, name, createdAtMs }: NamespaceRow): z.input<typeof namespace> {
  return { id, name, createdAt: createdAtMs };
}

export function overrideResponse({ id, identifier, limit, durationMs }: Override): z.input<typeof override> {
  return { overrideId: id, identifier, limit, duration: durationMs };
}

/**
 * The id of the namespace that a request names.
 * Errors: `ratelimit_namespace_not_found`, also if the caller may not do `action` in it.
 */
export async function requireNamespace(db: Db, caller: Caller, ref: string, action: string): Promise<string> {
  const id = await findNamespaceId(db, caller.workspaceId, ref);
  if (id !== undefined && may(caller, "ratelimit", id, action)) return id;
  throw new Failure("ratelimit_namespace_not_found");
}

/** What was decided about one of the limits that a request counts against. */
export type Decision = {
  input: LimitInput;
  /** the limit that was applied: the override's, if one matches, or the request's */
  limit: number;
  override: Override | undefined;
  passed: boolean;
  remaining: number;
  resetAtMs: number;
};

/**
 * Counts one request against all of these limits, or against none. `locationOf` returns the path of the limit at an
 * index, for error messages.
 * Errors: `invalid_input` for a window that is too long, `bound_exceeded`, `insufficient_permissions`.
 */
export function countLimits(
  context: RunContext,
  inputs: readonly LimitInput[],
  locationOf: (index: number) => string,
): MaybePromise<Decided> {
  refuseLongDurations(inputs, context.limits, locationOf);
  return whenAvailable(planAll(context, inputs), countAll, context);
}

type Decided = { passed: boolean; decisions: Decision[] };
type Planned = { input: LimitInput; window: Window; override: Override | undefined };

/** Finds one namespace after the other: if two inputs name the same new namespace, the first input creates it. */
function planAll(context: RunContext, inputs: readonly LimitInput[]): MaybePromise<Planned[]> {
  const planned: Planned[] = [];
  for (const input of inputs) {
    const namespace = findOrCreateNamespace(context, input.namespace);
    if (namespace instanceof Promise) return planRest(context, inputs, planned, namespace);
    planned.push(plan(context, input, namespace));
  }
  return planned;
}

/** Plans the inputs that `planned` does not have yet. `next` is the namespace of the first such input. */
async function planRest(
  context: RunContext,
  inputs: readonly LimitInput[],
  planned: Planned[],
  next: Promise<NamespaceRecord>,
): Promise<Planned[]> {
  let namespace: NamespaceRecord | undefined = await next;
  for (const input of inputs.slice(planned.length)) {
    namespace ??= await findOrCreateNamespace(context, input.namespace);
    planned.push(plan(context, input, namespace));
    namespace = undefined;
  }
  return planned;
}

function plan({ caller }: RunContext, input: LimitInput, namespace: NamespaceRecord): Planned {
  return { input, ...windowOf(caller.workspaceId, namespace, input) };
}

function countAll(planned: readonly Planned[], context: RunContext): MaybePromise<Decided> {
  context.auditsNothing();
  const hit = context.counters.hit(planned.map(({ window }) => window));
  return whenAvailable(hit, decisionsOf, planned, context);
}

function decisionsOf({ passed, windows }: Hit, planned: readonly Planned[], context: RunContext): Decided {
  const nowMs = context.now();
  const decisions = planned.map(({ input, window, override }, index) => {
    recordDecision(context, input.namespace, window, passed);
    return { input, limit: window.limit, override, ...stateOf(itemAt(windows, index), nowMs) };
  });
  return { passed, decisions };
}

function stateOf({ passed, remaining, resetInMs }: WindowState, nowMs: number) {
  return { passed, remaining, resetAtMs: nowMs + resetInMs };
}

/**
 * The namespace to count in. Creates it if it does not exist and the caller may create namespaces.
 * Errors: `bound_exceeded`; `insufficient_permissions`, whose message does not reveal whether the namespace exists.
 */
function findOrCreateNamespace(context: RunContext, ref: string): MaybePromise<NamespaceRecord> {
  const { caller, caches } = context;
  return whenAvailable(caches.namespaces.find(caller.workspaceId, ref), orCreate, context, ref);
}

function orCreate(
  found: NamespaceRecord | undefined,
  context: RunContext,
  ref: string,
): MaybePromise<NamespaceRecord> {
  const { caller } = context;
  if (found !== undefined && may(caller, "ratelimit", found.id, "limit")) return found;
  for (const action of ["limit", "create_namespace"]) {
    if (!mayAll(caller, "ratelimit", action)) throw missingPermission(`ratelimit.*.${action}`);
  }
  return createNamespace(context, ref);
}

async function createNamespace(context: RunContext, name: string): Promise<NamespaceRecord> {
  const { caller, newId, now, caches } = context;
  const { workspaceId } = caller;
  const claimedId = await context.inTransaction(async ({ tx, audit }) => {
    await lockWorkspace(tx, workspaceId);
    const { id, created } = await claimNamespace(tx, { id: newId("rlns"), workspaceId, name, nowMs: now() });
    if (!created) return id;
    const count = await countNamespaces(tx, workspaceId);
    refuseAbove(bounds.namespacesPerWorkspace, "rate limit namespaces in a workspace", count, 1);
    audit("ratelimitNamespace.create", id);
    return id;
  });
  const found = await caches.namespaces.find(workspaceId, name);
  return found ?? { id: claimedId, overrides: overrideTable([]) }; // the namespace may have been deleted meanwhile
}

/** The window to count in: the override's for this identifier, if the namespace has one, or the request's. */
function windowOf(
  workspaceId: string,
  namespace: NamespaceRecord,
  input: LimitInput,
): { window: Window; override: Override | undefined } {
  const override = findOverride(namespace.overrides, input.identifier);
  return {
    override,
    window: {
      space: "namespace",
      workspaceId,
      name: namespace.id,
      subject: input.identifier,
      durationMs: override?.durationMs ?? input.duration,
      limit: override?.limit ?? input.limit,
      // a limit of 0 refuses even a request with a cost of 0
      cost: override?.limit === 0 ? Math.max(1, input.cost) : input.cost,
    },
  };
}

/** Records one decision for the operations of `analytics`. */
function recordDecision(
  { usage, nowMs, requestId }: RunContext,
  namespace: string,
  { workspaceId, name, subject, cost, limit, durationMs }: Window,
  passed: boolean,
): void {
  usage.record({
    atMs: nowMs,
    workspaceId,
    requestId,
    namespaceId: name,
    identifier: subject,
    outcome: passed ? "PASSED" : "REFUSED",
    why: passed ? undefined : { check: "ratelimit", name: namespace, limit, durationMs },
    credits: passed ? cost : 0,
    tags: [],
  });
}
