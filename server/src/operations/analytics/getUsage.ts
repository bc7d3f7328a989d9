import { z } from "zod";
import { type Caller, may, mayAll } from "../../domain/caller.ts";
import { periodMs } from "../../domain/usage.ts";
import { Failure, invalid } from "../../errors.ts";
import { operation, type RunContext } from "../../operation.ts";
import { findIdentity } from "../../storage/queries/identities.ts";
import { findApiOfKey } from "../../storage/queries/keys.ts";
import { findNamespaceId } from "../../storage/queries/namespaces.ts";
import { apiId, identityRef, instant, keyId } from "../fields.ts";
import { namespaceRef } from "../namespaces.ts";
import { seriesAsCsv, usageSeries } from "../usageSeries.ts";

const sums = z.strictObject({
  total: z.int(),
  credits: z.int().describe("Credits or cost that were spent."),
  outcomes: z
    .record(z.string(), z.int())
    .describe("How many had each outcome; those with none are left away."),
});

const input = z.strictObject({
  keyId: keyId.optional(),
  identity: identityRef.optional(),
  apiId: apiId.optional(),
  namespace: namespaceRef.optional().describe("A rate limit namespace's name or id."),
  granularity: z.enum(["minute", "hour", "day"]).default("hour"),
  start: instant
    .optional()
    .describe("Milliseconds since the epoch; 24 hours before `end` where it is left away."),
  end: instant.optional().describe("Milliseconds since the epoch, not included; now where it is left away."),
  tag: z.string().min(1).max(512).optional().describe("Only what carried this tag."),
  format: z.enum(["json", "csv"]).default("json").describe("csv adds the series as text."),
});

type Input = z.output<typeof input>;

const maxPoints = 2_000;

export const getUsage = operation({
  name: "analytics.getUsage",
  summary: "Count verifications or rate limit decisions over time",
  description:
    "A time series for one key, identity, api or rate limit namespace, with totals by outcome. Minutes are kept for a week, hours for three months, days for three years.",
  permission: "api.<id>.read_analytics",
  input,
  output: z.strictObject({
    granularity: z.enum(["minute", "hour", "day"]),
    points: z.array(sums.extend({ time: z.int().describe("When the period began.") })),
    totals: sums,
    csv: z.string().optional(),
  }),
  errors: ["key_not_found", "identity_not_found", "api_not_found", "ratelimit_namespace_not_found"],
  example: {
    input: { identity: "user_123", granularity: "day" },
    output: {
      granularity: "day",
      points: [{ time: 1_767_225_600_000, total: 42, credits: 40, outcomes: { VALID: 40, RATE_LIMITED: 2 } }],
      totals: { total: 42, credits: 40, outcomes: { VALID: 40, RATE_LIMITED: 2 } },
    },
  },

  async run(input, context) {
    const { caller, nowMs, usage } = context;
    const size = periodMs[input.granularity];
    const endMs = input.end ?? nowMs + 1;
    const firstMs = input.start ?? endMs - periodMs.day;
    const startMs = firstMs - (firstMs % size);
    if ((endMs - startMs) / size > maxPoints) {
      throw invalid(
        "body.granularity",
        `makes more than ${maxPoints} points`,
        "use a coarser one, or a shorter time",
      );
    }
    const subjectId = await findSubject(context, input);
    const { granularity: period, tag } = input;
    const query = { workspaceId: caller.workspaceId, subjectId, period, startMs, endMs, tag };
    const series = usageSeries(await usage.query(query), startMs, endMs, size);
    const answer = { granularity: period, ...series };
    return input.format === "csv" ? { ...answer, csv: seriesAsCsv(series) } : answer;
  },
});

/** Errors: `invalid_input` unless exactly one subject is named, and each subject's own not-found. */
async function findSubject({ db, caller }: RunContext, input: Input): Promise<string> {
  const named = (["keyId", "identity", "apiId", "namespace"] as const).filter(
    (name) => input[name] !== undefined,
  );
  const [subject] = named;
  if (subject === undefined || named.length > 1) {
    throw invalid(
      "body",
      "does not name exactly one subject",
      "give one of keyId, identity, apiId or namespace",
    );
  }
  const ref = input[subject] ?? "";
  const { workspaceId } = caller;
  switch (subject) {
    case "keyId": {
      const api = await findApiOfKey(db, workspaceId, ref);
      return permitted(api !== undefined && mayRead(caller, api), ref, "key_not_found");
    }
    case "apiId":
      return permitted(mayRead(caller, ref), ref, "api_not_found");
    case "identity": {
      const found = await findIdentity(db, workspaceId, ref);
      return permitted(mayAll(caller, "api", "read_analytics"), found?.id, "identity_not_found");
    }
    case "namespace": {
      const id = await findNamespaceId(db, workspaceId, ref);
      const may = mayAll(caller, "ratelimit", "read_analytics");
      return permitted(may, id, "ratelimit_namespace_not_found");
    }
  }
}

function mayRead(caller: Caller, api: string): boolean {
  return may(caller, "api", api, "read_analytics");
}

type NotFound = "key_not_found" | "api_not_found" | "identity_not_found" | "ratelimit_namespace_not_found";

function permitted(may: boolean, id: string | undefined, otherwise: NotFound): string {
  if (!may || id === undefined) throw new Failure(otherwise);
  return id;
}
