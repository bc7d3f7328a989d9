import { z } from "zod";
import { mayAll } from "../../domain/caller.ts";
import { periodMs, type SubjectKind } from "../../domain/usage.ts";
import { invalid, missingPermission } from "../../errors/failure.ts";
import { operation, type RunContext } from "../../operation.ts";
import { maxGroups, seriesAsCsv, type UsageRow, usageGroups, usageSeries } from "../shared/usage.ts";
import { findSubjects, subjectErrors, usageSubjects } from "../shared/usageSubjects.ts";
import { amount, instant } from "../shared/values.ts";

const maxPoints = 2_000;

const granularity = z.enum(["minute", "hour", "day"]);

const sums = z.strictObject({
  total: amount.describe("The number of verifications, or of decisions if `namespace` is sent."),
  credits: amount.describe(
    "The credits that verifications spent, or the cost that decisions let pass. Reserved credits are added when they are settled, with the settled amount.",
  ),
  outcomes: z
    .record(z.string(), amount.describe("The number with this outcome."))
    .describe(
      "The number by outcome: the `code` of each verification, or `PASSED` and `REFUSED` of decisions. Outcomes that did not occur are omitted.",
    ),
});

const input = z.strictObject({
  keyId: usageSubjects.keyId.describe(
    "Counts the verifications of this key. Send at most one subject. Without one, the whole workspace is counted.",
  ),
  identity: usageSubjects.identity.describe(
    "Counts the verifications of the keys of the identity with this id or external id.",
  ),
  apiId: usageSubjects.apiId.describe("Counts the verifications of the keys of this api."),
  namespace: usageSubjects.namespace.describe(
    "Counts the decisions of the rate limit namespace with this name or id.",
  ),
  granularity: granularity
    .default("hour")
    .describe(`The length of the period that each point covers, in UTC. At most ${maxPoints} periods.`),
  start: instant
    .optional()
    .describe(
      "The start of the series, as Unix time in milliseconds, rounded down to a whole period. Default: 24 hours before `end`.",
    ),
  end: instant
    .optional()
    .describe("The end of the series, exclusive, as Unix time in milliseconds. Default: now."),
  tag: z
    .string()
    .min(1)
    .max(512)
    .optional()
    .describe("Counts only verifications with exactly this tag. Rate limit decisions have no tags."),
  by: z
    .enum(["api", "outcome", "tag"])
    .optional()
    .describe(
      "Adds `groups`: the sums over the whole time range by api, by outcome or by tag. `api` is only allowed for the whole workspace. The outcome `SETTLED` has the credits of settlements. Its total is 0, because the verifications that reserved the credits are counted already.",
    ),
  format: z.enum(["json", "csv"]).default("json").describe("`csv` adds the series as CSV text, in `csv`."),
});

type Input = z.output<typeof input>;

export const getUsage = operation({
  name: "analytics.getUsage",
  summary: "Count verifications or rate limit decisions over time",
  description:
    "A time series for one key, identity, api or rate limit namespace, or for the whole workspace, with totals by outcome. The series of the workspace includes verifications of unknown keys, and decisions if the caller may read decisions. Counts by minute are kept for 24 hours, those of keys and identities for 3 hours. Counts by hour are kept for three months, and counts by day for three years. If there is no space for them, the oldest counts are deleted earlier.",
  permission: "api.<id>.read_analytics",
  input,
  output: z.strictObject({
    granularity: granularity.describe("The length of the period that each point covers."),
    points: z
      .array(sums.extend({ time: instant.describe("When the period began. Unix time in milliseconds.") }))
      .max(maxPoints + 1)
      .describe("One point for each period in order, also for periods in which nothing happened."),
    totals: sums.describe("The sums over all points."),
    groups: z
      .array(
        sums.extend({
          name: z.string().max(512).describe("The api's id, the outcome, or the tag."),
        }),
      )
      .max(maxGroups)
      .optional()
      .describe(`The sums of each group, the largest first, at most ${maxGroups}. Only with \`by\`.`),
    csv: z
      .string()
      .optional()
      .describe(
        "A header line, then a line for each point and a column for each outcome that occurs. Times are in ISO 8601. Only for `format: csv`.",
      ),
  }),
  errors: subjectErrors,
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
    const firstMs = input.start ?? Math.max(0, endMs - periodMs.day);
    const startMs = firstMs - (firstMs % size);
    if ((endMs - startMs) / size > maxPoints) {
      throw invalid(
        "body.granularity",
        `would return more than ${maxPoints} points`,
        "use a coarser granularity, or a shorter span from `start` to `end`",
      );
    }
    const subject = await findSubject(context, input);
    refuseUnfit(input, subject);
    const { granularity: period, tag, by } = input;
    const query = { workspaceId: caller.workspaceId, subject, period, startMs, endMs, tag };
    const ask = async (by: "api" | "tag" | undefined) =>
      visible(context, await usage.query({ ...query, by }));
    const rows = await ask(undefined);
    const series = usageSeries(rows, startMs, endMs, size);
    const groups = by === undefined ? {} : { groups: usageGroups(by === "outcome" ? rows : await ask(by)) };
    const response = { granularity: period, ...series, ...groups };
    return input.format === "csv" ? { ...response, csv: seriesAsCsv(series) } : response;
  },
});

type Subject = { kind: SubjectKind; id: string };

/** Errors: `invalid_input` if the request names several subjects; the `…_not_found` error of the one that it names. */
async function findSubject(context: RunContext, input: Input): Promise<Subject> {
  const { caller } = context;
  const { keyId, identityId, apiId, namespaceId } = await findSubjects(context, input);
  const found = Object.entries({ key: keyId, identity: identityId, api: apiId, namespace: namespaceId });
  const named = found.flatMap(([kind, id]) => (id === undefined ? [] : [{ kind: kind as SubjectKind, id }]));
  if (named.length > 1) {
    throw invalid(
      "body",
      "names several subjects",
      "send at most one of keyId, identity, apiId and namespace",
    );
  }
  const [subject] = named;
  if (subject !== undefined) return subject;
  if (!mayAll(caller, "api", "read_analytics")) throw missingPermission("api.*.read_analytics");
  return { kind: "workspace", id: caller.workspaceId };
}

/** Errors: `invalid_input` if `by` cannot be combined with the subject or the tag that the request names. */
function refuseUnfit({ by, tag }: Input, subject: Subject): void {
  if (by === "api" && subject.kind !== "workspace") {
    throw invalid(
      "body.by",
      "is `api`, but the request names a single subject",
      "omit the subject, or omit `by`",
    );
  }
  if (by === "tag" && tag !== undefined)
    throw invalid("body.by", "is `tag`, but the request counts only one tag", "omit `tag`, or omit `by`");
}

/** Leaves out the decisions in namespaces, which a workspace's usage includes, if the caller may not see them. */
function visible({ caller }: RunContext, rows: readonly UsageRow[]): readonly UsageRow[] {
  if (mayAll(caller, "ratelimit", "read_analytics")) return rows;
  return rows.filter(({ outcome }) => outcome !== "PASSED" && outcome !== "REFUSED");
}
