import { z } from "zod";
import type { Window } from "../counters/counters.ts";
import { type Caller, may, mayAll } from "../domain/caller.ts";
import { findOverride, type Override } from "../domain/overrides.ts";
import { Failure, invalid } from "../errors.ts";
import type { Limits, RunContext } from "../operation.ts";
import { workspaceKey } from "../storage/cache.ts";
import { claimNamespace, findNamespaceId, type NamespaceRecord } from "../storage/queries/namespaces.ts";
import type { Db } from "../storage/schema.ts";
import { text } from "./fields.ts";

export const namespaceRef = text(1, 512).describe("The namespace's name or id.");
const identifier = text(1, 512)
  .describe("Whose counter it is: a user, an address, …; compared byte for byte.")
  .meta({ private: true });
export const patternedIdentifier = identifier.describe(
  "One identifier, or a pattern in which * stands for anything.",
);

const windowFields = {
  limit: z.int().min(1).describe("How much cost any span of `duration` may hold."),
  duration: z.int().min(1000).describe("Milliseconds, at most 30 days unless the server is set otherwise."),
};

/** One limit to be counted. */
export const limitInput = z.strictObject({
  namespace: namespaceRef.describe("Made by its first use, with `ratelimit.*.create_namespace`."),
  identifier,
  ...windowFields,
  cost: z.int().min(0).default(1).describe("0 looks without counting."),
});

export type LimitInput = z.output<typeof limitInput>;

export const override = z.strictObject({
  overrideId: z.string(),
  identifier: z.string(),
  limit: z.int(),
  duration: z.int(),
});

export const overrideExample = {
  overrideId: "rlor_0Ck3vDbnXhq2Tn6Yp1Zs4a",
  identifier: "user_123",
  limit: 10_000,
  duration: 60_000,
};

export function overrideAnswer({ id, identifier, limit, durationMs }: Override): z.input<typeof override> {
  return { overrideId: id, identifier, limit, duration: durationMs };
}

/** Errors: `invalid_input` at `location` above the server's longest window. */
export function checkDuration(duration: number, limits: Limits, location: string): void {
  const longest = limits.maxRatelimitDurationMs;
  if (duration <= longest) return;
  throw invalid(
    location,
    `is ${duration}, longer than this server counts`,
    `use at most ${longest} (milliseconds)`,
  );
}

/**
 * The id of a namespace in which the caller may do `action`.
 * Errors: `ratelimit_namespace_not_found`.
 */
export async function requireNamespace(db: Db, caller: Caller, ref: string, action: string): Promise<string> {
  const id = await findNamespaceId(db, caller.workspaceId, ref);
  if (id !== undefined && may(caller, "ratelimit", id, action)) return id;
  throw new Failure("ratelimit_namespace_not_found");
}

/**
 * The namespace to count in, made where it is missing and the caller may make it.
 * Errors: `insufficient_permissions`, worded alike for a namespace that is missing and one that is forbidden.
 */
export async function namespaceToCount(context: RunContext, ref: string): Promise<NamespaceRecord> {
  const { caller, namespaceCache } = context;
  const found = await namespaceCache.find(workspaceKey(caller.workspaceId, ref));
  if (found !== undefined && may(caller, "ratelimit", found.id, "limit")) return found;
  if (!mayAll(caller, "ratelimit", "limit")) throw missing("limit");
  if (!mayAll(caller, "ratelimit", "create_namespace")) throw missing("create_namespace");
  return makeNamespace(context, ref);
}

async function makeNamespace(context: RunContext, name: string): Promise<NamespaceRecord> {
  const { caller, newId, nowMs, namespaceCache } = context;
  const { workspaceId } = caller;
  await context.inTransaction(async ({ tx, audit }) => {
    const { id, made } = await claimNamespace(tx, { id: newId("rlns"), workspaceId, name, nowMs });
    if (made) audit("ratelimitNamespace.create", id);
  });
  const made = await namespaceCache.find(workspaceKey(workspaceId, name));
  if (made === undefined) throw new Error("a namespace that was just made is not there");
  return made;
}

function missing(action: string): Failure {
  return new Failure("insufficient_permissions", { detail: `Missing permission: "ratelimit.*.${action}".` });
}

/** What is to be counted: the namespace's override for the identifier, where it has one, else what was asked. */
export function windowOf(
  workspaceId: string,
  namespace: NamespaceRecord,
  asked: LimitInput,
): { window: Window; override: Override | undefined } {
  const override = findOverride(namespace.overrides, asked.identifier);
  return {
    override,
    window: {
      space: "namespace",
      workspaceId,
      name: namespace.id,
      subject: asked.identifier,
      durationMs: override?.durationMs ?? asked.duration,
      limit: override?.limit ?? asked.limit,
      // a limit of 0 refuses even a look
      cost: override?.limit === 0 ? Math.max(1, asked.cost) : asked.cost,
    },
  };
}

/** Records one decision for `analytics.getUsage`. */
export function recordDecision(
  { usage, nowMs, requestId }: RunContext,
  { workspaceId, name, cost }: Window,
  passed: boolean,
): void {
  usage.record({
    atMs: nowMs,
    workspaceId,
    requestId,
    keyId: undefined,
    identityId: undefined,
    apiId: undefined,
    namespaceId: name,
    outcome: passed ? "PASSED" : "REFUSED",
    credits: passed ? cost : 0,
    tags: [],
  });
}
