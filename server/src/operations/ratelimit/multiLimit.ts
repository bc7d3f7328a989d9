import { z } from "zod";
import { operation } from "../../operation.ts";
import { countLimits, limitInput, limitState } from "../shared/namespaces.ts";
import { text } from "../shared/values.ts";

export const multiLimit = operation({
  name: "ratelimit.multiLimit",
  summary: "Count one request against several limits",
  description: "The request counts against all of the limits or, if one of them refuses it, against none.",
  permission: "ratelimit.<id>.limit",
  input: z.array(limitInput).min(1).max(100).describe("The limits to count the request against."),
  output: z.strictObject({
    passed: z
      .boolean()
      .describe("true: every limit let the request pass. false: refuse the request. It was not counted."),
    limits: z
      .array(
        z.strictObject({
          namespace: text(1, 512).describe("The namespace, as the request names it."),
          identifier: text(1, 512).describe("The identifier, as the request has it."),
          passed: z.boolean().describe("Whether this limit let the request pass."),
          ...limitState,
        }),
      )
      .describe("The state of each limit, in the order of the request."),
  }),
  errors: ["bound_exceeded"],
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
  decides: true,

  async run(input, context) {
    const { passed, decisions } = await countLimits(context, input, (index) => `body[${index}]`);
    return {
      passed,
      limits: decisions.map(({ input, passed, limit, remaining, resetAtMs, override }) => {
        const { namespace, identifier } = input;
        const response = { namespace, identifier, passed, limit, remaining, reset: resetAtMs };
        return override === undefined ? response : { ...response, overrideId: override.id };
      }),
    };
  },
});
