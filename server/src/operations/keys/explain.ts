import type { z } from "zod";
import { invalid } from "../../errors/failure.ts";
import { operation, type RunContext } from "../../operation.ts";
import { findKey } from "../../storage/queries/keys/read.ts";
import { explainChecks, explanationOf } from "../shared/explainKey.ts";
import { findExplainedKey, foundCheck } from "../shared/explainMissing.ts";
import { type Explanation, explanation } from "../shared/explanation.ts";
import { findRequest } from "../shared/keptRequests.ts";
import { keyHash, keyId } from "../shared/keys.ts";
import { instant, text } from "../shared/values.ts";
import { requestedOf, verificationInput } from "../shared/verificationInput.ts";

const { key } = verificationInput.shape;

const input = verificationInput.extend({
  key: key
    .optional()
    .describe(`${key.description} Send exactly one of \`key\`, \`keyHash\`, \`keyId\` and \`requestId\`.`),
  keyHash: keyHash.optional(),
  keyId: keyId.optional(),
  requestId: text(1, 255)
    .optional()
    .describe(
      "The `meta.requestId` of an earlier verification, which is decided again with its key and its fields. Besides `requestId`, send only `at` and, if the request verified several keys, `keyId`, `keyHash` or `key`. The server keeps the fields of refused requests, up to 4,096 characters of JSON. A valid request can be explained only if it sent nothing but a key. `ip` is kept only if the key or its api has an `ipAllowList`.",
    ),
  at: instant
    .optional()
    .describe(
      "The time for which the verification is decided, as if nothing else changed until then. Unix time in milliseconds, not in the past. Default: now.",
    ),
});

type Input = z.output<typeof input>;

export const explain = operation({
  name: "keys.explain",
  summary: "Explain why a key is valid or refused",
  description:
    "Decides what `keys.verifyKey` would return for the same request, and lists every check: what was compared, and what would make the check pass. With a `requestId`, decides the earlier request again, by the current state of the key and its counters. Nothing is counted, spent or recorded.",
  permission: "api.<id>.read_key",
  input,
  output: explanation,
  errors: [
    "permissions_query_syntax_error",
    "key_malformed",
    "precondition_failed",
    "event_not_found",
    "upstream_unavailable",
    "hashing_busy",
  ],
  example: {
    input: { keyId: "key_0Ck3vDbnXhq2Tn6Yp1Zs4a", permissions: "documents.read" },
    output: {
      verdict: { valid: false, code: "DISABLED" },
      keyId: "key_0Ck3vDbnXhq2Tn6Yp1Zs4a",
      at: 1_767_225_600_000,
      checks: [
        { check: "found", passed: true, why: "The key exists." },
        {
          check: "enabled",
          passed: false,
          why: "The key is disabled.",
          fix: "Enable it: keys.updateKey with `enabled: true`.",
        },
      ],
    },
  },

  async run(input, context): Promise<Explanation> {
    refuseUnclear(input, context.nowMs);
    const { requestId } = input;
    if (requestId === undefined) return explainNow(input, context);
    const { event, fields } = await findRequest(context, requestId, input);
    const { keyId, keyHash, outcome, atMs } = event;
    const explained = await explainNow({ ...fields, keyId, keyHash, at: input.at }, context);
    return { ...explained, request: { requestId, time: atMs, outcome } };
  },
});

async function explainNow(input: Input, context: RunContext): Promise<Explanation> {
  const requested = requestedOf(input, context);
  const state = await findExplainedKey(context, input);
  const found = await foundCheck(context, state, input);
  const nowMs = context.now();
  const atMs = Math.max(input.at ?? 0, nowMs);
  if (state === undefined || !found.passed)
    return explanationOf({ checks: [found], passesAt: undefined }, atMs, state);
  const details = await findKey(context.db, context.caller.workspaceId, state.id, nowMs);
  if (details === undefined) return explainNow(input, context); // the key was deleted meanwhile
  const { checks, passesAt } = await explainChecks(context, details, requested, atMs);
  return explanationOf({ checks: [found, ...checks], passesAt }, atMs, details);
}

/**
 * Errors: `invalid_input` if the input names several keys, or neither a key nor a request; if it sends `requestId` and
 * also fields of a verification; or if `at` is in the past.
 */
function refuseUnclear({ key, keyHash, keyId, at, requestId, autoApply, ...fields }: Input, nowMs: number) {
  const named = [key, keyHash, keyId].filter((one) => one !== undefined);
  if (named.length > 1 || (named.length === 0 && requestId === undefined)) {
    throw invalid("body", "does not name exactly one key", "send one of key, keyHash, keyId or requestId");
  }
  const [field] = Object.keys(autoApply ? fields : { ...fields, autoApply });
  if (requestId !== undefined && field !== undefined) {
    throw invalid(
      `body.${field}`,
      "is sent together with `requestId`",
      "omit it: the field of the earlier request is used",
    );
  }
  if (at !== undefined && at < nowMs)
    throw invalid("body.at", "is in the past", "omit it, or send a later time");
}
