import { z } from "zod";
import { itemAt } from "../../domain/itemAt.ts";
import type { PlannedRatelimit } from "../../domain/ratelimits.ts";
import type { RunContext } from "../../operation.ts";
import { storedRatelimit } from "./ratelimits.ts";
import { amount, instant } from "./values.ts";

/** A stored rate limit with its current use. */
export const limitState = storedRatelimit.extend({
  owner: z.enum(["key", "identity"]).describe("Who has the limit. All keys of an identity share its limits."),
  used: amount.describe("The cost that counts now. It may exceed a limit that was lowered."),
  remaining: amount.describe("The highest cost with which the very next verification passes."),
  reset: instant.describe(
    "The time at which the window will be empty if nothing more is counted. Unix time in milliseconds.",
  ),
});

export const limitStateExample: z.input<typeof limitState> = {
  id: "rl_0Ck3vDbo7QmV2Lx9Rt5We8",
  name: "requests",
  limit: 1000,
  duration: 60_000,
  autoApply: true,
  owner: "identity",
  used: 40,
  remaining: 960,
  reset: 1_767_225_660_000,
};

/** Reads the current use of these rate limits, and counts nothing. */
export async function limitStates(
  { counters, now }: RunContext,
  limits: readonly PlannedRatelimit[],
): Promise<z.input<typeof limitState>[]> {
  const peeked = await counters.peek(limits.map((limit) => ({ ...limit, cost: 0 })));
  const nowMs = now();
  return limits.map(({ id = "", name, limit, durationMs, autoApply, space }, index) => {
    const { used, limit: inForce, emptyInMs } = itemAt(peeked, index);
    const stored = { id, name, limit, duration: durationMs, autoApply, owner: space };
    return { ...stored, used, remaining: Math.max(0, inForce - used), reset: nowMs + emptyInMs };
  });
}
