import { z } from "zod";
import type { WindowState } from "../../counters/counters.ts";
import { operation } from "../../operation.ts";
import { checkDuration, limitInput, namespaceToCount, recordDecision, windowOf } from "../namespaces.ts";

export const multiLimit = operation({
  name: "ratelimit.multiLimit",
  summary: "Count one request against several limits",
  description: "All are counted, or none: where one has no room, no counter moves.",
  permission: "ratelimit.<id>.limit",
  input: z.array(limitInput).min(1).max(100),
  output: z.strictObject({
    passed: z.boolean(),
    limits: z.array(
      z.strictObject({
        namespace: z.string(),
        identifier: z.string(),
        passed: z.boolean(),
        limit: z.int(),
        remaining: z.int(),
        reset: z.int(),
        overrideId: z.string().optional(),
      }),
    ),
  }),
  errors: [],
  example: {
    input: [
      { namespace: "email.send", identifier: "user_123", limit: 10, duration: 60_000 },
      { namespace: "email.send.daily", identifier: "user_123", limit: 100, duration: 86_400_000 },
    ],
    output: {
      passed: true,
      limits: [
        {
          namespace: "email.send",
          identifier: "user_123",
          passed: true,
          limit: 10,
          remaining: 9,
          reset: 1_767_225_660_000,
        },
      ],
    },
  },
  frequent: true,

  async run(input, context) {
    for (const [index, asked] of input.entries()) {
      checkDuration(asked.duration, context.limits, `body[${index}].duration`);
    }
    const counted = [];
    for (const asked of input) {
      const namespace = await namespaceToCount(context, asked.namespace);
      counted.push({ asked, ...windowOf(context.caller.workspaceId, namespace, asked) });
    }
    const hit = await context.counters.hit(counted.map(({ window }) => window));
    for (const { window } of counted) recordDecision(context, window, hit.passed);
    return {
      passed: hit.passed,
      limits: counted.map(({ asked, window, override }, index) => {
        const state: WindowState | undefined = hit.windows[index];
        return {
          namespace: asked.namespace,
          identifier: asked.identifier,
          passed: state?.passed ?? false,
          limit: window.limit,
          remaining: state?.remaining ?? 0,
          reset: state?.resetAtMs ?? context.nowMs,
          ...(override === undefined ? {} : { overrideId: override.id }),
        };
      }),
    };
  },
});
