import { z } from "zod";
import { itemAt } from "../../domain/itemAt.ts";
import { whenAvailable } from "../../domain/maybePromise.ts";
import { operation } from "../../operation.ts";
import { countLimits, limitInput, limitState } from "../shared/namespaces.ts";

export const limit = operation({
  name: "ratelimit.limit",
  summary: "Count one request against a limit",
  description:
    "Every outcome has status 200: check `success`. In any span of `duration`, requests with a total cost of at most `limit` pass.",
  permission: "ratelimit.<id>.limit",
  input: limitInput,
  output: z.strictObject({
    ...limitState,
    success: z
      .boolean()
      .describe("true: the request may pass. false: refuse the request. It was not counted."),
  }),
  errors: ["bound_exceeded"],
  example: {
    input: { namespace: "email.send", identifier: "user_123", limit: 10, duration: 60_000 },
    output: { limit: 10, remaining: 9, reset: 1_767_225_660_000, success: true },
  },
  decides: true,

  run: (input, context) => whenAvailable(countLimits(context, [input], inBody), responseOf),
});

const inBody = () => "body";

function responseOf({ passed, decisions }: Awaited<ReturnType<typeof countLimits>>) {
  const { limit, remaining, resetAtMs, override } = itemAt(decisions, 0);
  const response = { limit, remaining, reset: resetAtMs, success: passed };
  return override === undefined ? response : { ...response, overrideId: override.id };
}
