import { type PermissionQuery, parsePermissionQuery } from "../domain/permissionQuery.ts";
import { type AskedRatelimit, type PlannedRatelimit, planRatelimits } from "../domain/ratelimits.ts";
import type { KeyRecord } from "../domain/verification.ts";
import { Failure, invalid } from "../errors.ts";
import type { Limits } from "../operation.ts";

const queriesKept = 1_000;
const keptQueries = new Map<string, PermissionQuery>();

/**
 * The query of a verification. It is asked again and again: what was read of it is kept, of as many as a program may
 * have. Errors: `permissions_query_syntax_error`.
 */
export function readQuery(text: string): PermissionQuery {
  const kept = keptQueries.get(text);
  if (kept !== undefined) return kept;
  const parsed = parsePermissionQuery(text);
  if ("query" in parsed) {
    if (keptQueries.size >= queriesKept) keptQueries.clear();
    keptQueries.set(text, parsed.query);
    return parsed.query;
  }
  const { position, message, fix } = parsed.error;
  throw new Failure("permissions_query_syntax_error", {
    detail: `Position ${position} of the permissions query: ${message}.`,
    flaws: [{ location: "body.permissions", message: `${message} (position ${position})`, fix }],
  });
}

type GivenLimit = {
  name: string;
  cost?: number | undefined;
  limit?: number | undefined;
  duration?: number | undefined;
};

/** Errors: `invalid_input` where a window is longer than this server counts, whatever the key is. */
export function askedRatelimits(
  asked: readonly GivenLimit[],
  { maxRatelimitDurationMs }: Limits,
): AskedRatelimit[] {
  return asked.map(({ name, cost, limit, duration }, index) => {
    if ((duration ?? 0) > maxRatelimitDurationMs) {
      const at = `body.ratelimits[${index}].duration`;
      throw invalid(at, "is longer than this server counts", `use at most ${maxRatelimitDurationMs}`);
    }
    return { name, cost, limit, durationMs: duration };
  });
}

/** The limits to count. Errors: `invalid_input` and `precondition_failed` for one that is asked for but not known. */
export function planAsked(key: KeyRecord, asked: readonly AskedRatelimit[]): readonly PlannedRatelimit[] {
  const result = planRatelimits(key, asked);
  if ("planned" in result) return result.planned;
  const { index, problem } = result.flaw;
  const at = `body.ratelimits[${index}]`;
  if (problem === "incomplete") {
    throw invalid(at, "has only one of limit and duration, and no limit of that name is stored", "give both");
  }
  throw new Failure("precondition_failed", {
    detail: `${at}.name: no such limit is stored with the key or its identity; store it, or give limit and duration.`,
  });
}
