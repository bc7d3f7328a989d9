import { z } from "zod";
import { operation } from "../../operation.ts";
import { checkDuration, limitInput, namespaceToCount, recordDecision, windowOf } from "../namespaces.ts";

export const limit = operation({
  name: "ratelimit.limit",
  summary: "Count one request against a limit",
  description: "Every outcome is a 200: look at `success`. Any span of `duration` holds at most `limit`.",
  permission: "ratelimit.<id>.limit",
  input: limitInput,
  output: z.strictObject({
    limit: z.int().describe("The limit in force: the override's, where one applies."),
    remaining: z.int().describe("What the very next call may spend."),
    reset: z
      .int()
      .describe("Milliseconds since the epoch: when this cost fits again, or the window is empty."),
    success: z.boolean(),
    overrideId: z.string().optional(),
  }),
  errors: [],
  example: {
    input: { namespace: "email.send", identifier: "user_123", limit: 10, duration: 60_000 },
    output: { limit: 10, remaining: 9, reset: 1_767_225_660_000, success: true },
  },
  frequent: true,

  async run(input, context) {
    checkDuration(input.duration, context.limits, "body.duration");
    const namespace = await namespaceToCount(context, input.namespace);
    const { window, override } = windowOf(context.caller.workspaceId, namespace, input);
    const { passed, windows } = await context.counters.hit([window]);
    recordDecision(context, window, passed);
    const [state] = windows;
    const answer = {
      limit: window.limit,
      remaining: state?.remaining ?? 0,
      reset: state?.resetAtMs ?? context.nowMs,
      success: passed,
    };
    return override === undefined ? answer : { ...answer, overrideId: override.id };
  },
});
