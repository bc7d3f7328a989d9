import { z } from "zod";
import { mayAll } from "../../domain/caller.ts";
import { outcomes, periodMs } from "../../domain/usage.ts";
import { invalid, missingPermission } from "../../errors/failure.ts";
import { operation, type RunContext } from "../../operation.ts";
import { externalIdsOf } from "../../storage/queries/usageNames.ts";
import { findSubjects, usageSubjects } from "../shared/usageSubjects.ts";
import { amount, instant, text } from "../shared/values.ts";

const input = z.strictObject({
  of: z
    .enum(["identities", "keys", "tags", "identifiers"])
    .describe(
      "What is ranked. `identifiers`: the identifiers of rate limit decisions, which needs `ratelimit.*.read_analytics`.",
    ),
  outcome: z
    .enum(outcomes)
    .exclude(["SETTLED"])
    .optional()
    .describe("Counts only verifications or decisions with this outcome. Default: all."),
  namespace: usageSubjects.namespace.describe(
    "Counts only decisions of the rate limit namespace with this name or id. Only for `identifiers`.",
  ),
  start: instant
    .optional()
    .describe(
      "The start of the time range, as Unix time in milliseconds. Rounded down to a whole hour, except for `identifiers`. Default: 24 hours before `end`.",
    ),
  end: instant
    .optional()
    .describe(
      "The end of the time range, exclusive, as Unix time in milliseconds. Rounded up to a whole hour, except for `identifiers`. Default: now.",
    ),
  limit: z.int().min(1).max(100).default(10).describe("The highest number of items to return."),
});

type Input = z.output<typeof input>;

export const getTop = operation({
  name: "analytics.getTop",
  summary: "Find the identities, keys, tags or identifiers with the most events",
  description:
    "The identities, keys, tags or identifiers with the most events in a time range: who calls most or, with `outcome`, who is refused most. Identities, keys and tags are ranked by the stored counts. Identifiers are ranked by the single events that are still stored, at most about the latest 150,000: `readSince` is the time from which events were read.",
  permission: "api.*.read_analytics",
  input,
  output: z.strictObject({
    items: z
      .array(
        z.strictObject({
          name: text(1, 512).describe("The id of the identity or key, the tag, or the identifier."),
          externalId: text(1, 255)
            .optional()
            .describe(
              "The external id of an identity. Omitted if the identity was deleted, and for keys, tags and identifiers.",
            ),
          count: amount.describe("The number of verifications or decisions."),
        }),
      )
      .max(100)
      .describe("The largest count first."),
    readSince: instant
      .optional()
      .describe(
        "Events before this time are not part of the counts, because they were not read or are not kept. Unix time in milliseconds. Only for `identifiers`.",
      ),
  }),
  errors: ["ratelimit_namespace_not_found"],
  example: {
    input: { of: "identities", outcome: "RATE_LIMITED" },
    output: { items: [{ name: "id_0Ck3vDbnXhq2Tn6Yp1Zs4a", externalId: "user_123", count: 42 }] },
  },

  run(input, context) {
    const endMs = input.end ?? context.nowMs + 1;
    const time = { startMs: input.start ?? Math.max(0, endMs - periodMs.day), endMs };
    if (input.of === "identifiers") return topIdentifiers(input, time, context);
    if (input.namespace !== undefined) {
      throw invalid("body.namespace", "is only for identifiers", "omit it");
    }
    return topOfCounts(input, kinds[input.of], time, context);
  },
});

type Time = { startMs: number; endMs: number };

const kinds = { identities: "identity", keys: "key", tags: "tag" } as const;

async function topOfCounts(
  { outcome, limit }: Input,
  of: (typeof kinds)[keyof typeof kinds],
  time: Time,
  { caller: { workspaceId }, usage, slow }: RunContext,
) {
  const top = await usage.top({ workspaceId, of, period: "hour", ...time, outcome, limit });
  const ids = of === "identity" ? top.map(({ name }) => name) : [];
  const externalIds = await externalIdsOf(slow, workspaceId, ids);
  const items = top.map((item) => {
    const externalId = externalIds.get(item.name);
    return externalId === undefined ? item : { ...item, externalId };
  });
  return { items };
}

async function topIdentifiers({ namespace, outcome, limit }: Input, time: Time, context: RunContext) {
  const { caller, usage } = context;
  if (!mayAll(caller, "ratelimit", "read_analytics")) throw missingPermission("ratelimit.*.read_analytics");
  const { namespaceId } = await findSubjects(context, { namespace });
  const { workspaceId } = caller;
  const found = await usage.topIdentifiers({ workspaceId, namespaceId, ...time, outcome, limit });
  return { items: found.top, readSince: found.readSinceMs };
}
