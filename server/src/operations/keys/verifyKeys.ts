import { z } from "zod";
import { itemAt } from "../../domain/itemAt.ts";
import { type Settled, settle, settleLater } from "../../domain/settled.ts";
import { operation, type RunContext } from "../../operation.ts";
import type { Upstream } from "../../upstream/upstream.ts";
import { shadowOf, verifyInShadow } from "../shared/shadow.ts";
import type { Requested } from "../shared/verification.ts";
import { judgeAll } from "../shared/verificationBatch.ts";
import { requestedOf, type VerificationInput, verificationInput } from "../shared/verificationInput.ts";
import {
  notFound,
  type VerificationResponse,
  verification,
  verificationResponse,
} from "../shared/verificationResponse.ts";
import { findVerifiedKeys, isVisible, recordNotFound, recordOutcome } from "../shared/verifiedKeys.ts";

const error = z.strictObject({
  title: z.string().max(255).describe("What kind of error this is, in a few words."),
  detail: z.string().max(65_536).describe("What was wrong in this entry, and what to do."),
  status: z.int().min(400).max(599).describe("The HTTP status that this entry alone would get."),
  type: z.string().max(2_048).describe("The URL of the error's page. Its last segments identify the error."),
  errors: z
    .array(
      z.strictObject({
        location: z
          .string()
          .max(65_536)
          .describe("Where in the entry the error is, such as `body.key`. Here, `body` is the entry."),
        message: z.string().max(65_536).describe("What is wrong there."),
        fix: z.string().max(65_536).optional().describe("What to send instead."),
      }),
    )
    .max(100)
    .optional()
    .describe("The places in the entry that are wrong."),
});

const result = z.union([
  z.strictObject({ data: verification.describe("The outcome, as `keys.verifyKey` returns it.") }),
  z.strictObject({ error: error.describe("The error that this entry alone would get.") }),
]);

export const verifyKeys = operation({
  name: "keys.verifyKeys",
  summary: "Verify several keys",
  description:
    "Decides each entry on its own and in order, as `keys.verifyKey` would if the entries were sent one after the other: with the same effect on counters, credits and usage, and the same errors. If an entry is invalid, only this entry fails. Only a body that is not an array of 1 to 100 entries fails as a whole. For the request limits of the server and of the workspace, each entry counts as one call.",
  permission: "api.<id>.verify_key",
  input: z.array(verificationInput).min(1).max(100).describe("The verifications, in order."),
  output: z.array(result).max(100).describe("One result for each verification, in the order of the request."),
  errors: [],
  example: {
    input: [{ key: "prod_2cGKbMxRyIzhCxo1Idjz8q", ratelimits: [{ name: "requests" }] }],
    output: [
      {
        data: {
          valid: true,
          code: "VALID",
          keyId: "key_0Ck3vDbnXhq2Tn6Yp1Zs4a",
          keyspaceId: "ks_0Ck3vDbnXhq2Tn6Yp1Zs4a",
          enabled: true,
        },
      },
    ],
  },
  decides: true,
  judgesEntries: true,

  async run(entries, context) {
    const shadow = shadowOf(context);
    if (shadow !== undefined) {
      return resultsOf(context, await respondInShadow(context, shadow, entries));
    }
    const asked = entries.map((entry) => ("error" in entry ? entry : settle(askedOf, entry.value, context)));
    return resultsOf(context, await respond(context, asked));
  },
});

function resultsOf(context: RunContext, responses: readonly Settled<VerificationResponse>[]) {
  return responses.map((one) =>
    "error" in one ? { error: context.refusalOfEntry(one.error) } : { data: one.value },
  );
}

/** Verifies one entry after the other, so that the upstream counts them in the order of the request. */
async function respondInShadow(
  context: RunContext,
  upstream: Upstream,
  entries: readonly Settled<VerificationInput>[],
): Promise<Settled<VerificationResponse>[]> {
  const responses: Settled<VerificationResponse>[] = [];
  for (const entry of entries) {
    responses.push(
      "error" in entry ? entry : await settleLater(verifyInShadow, context, upstream, entry.value),
    );
  }
  return responses;
}

type Asked = Pick<VerificationInput, "key" | "migrationId"> & {
  input: VerificationInput;
  requested: Requested;
};

function askedOf(input: VerificationInput, context: RunContext): Asked {
  const { key, migrationId } = input;
  return { key, migrationId, input, requested: requestedOf(input, context) };
}

async function respond(
  context: RunContext,
  asked: readonly Settled<Asked>[],
): Promise<Settled<VerificationResponse>[]> {
  const found = await findVerifiedKeys(context, asked);
  const visible = asked.flatMap((one, index) => {
    const lookedUp = itemAt(found, index);
    if ("error" in one || "error" in lookedUp) return [];
    const key = lookedUp.value;
    const { input, requested } = one.value;
    if (key === undefined || !isVisible(context, key, input.keyspaces)) {
      recordNotFound(context, input);
      return [];
    }
    return [{ index, key, input, requested }];
  });
  const responses = found.map(
    (one): Settled<VerificationResponse> => ("error" in one ? one : { value: notFound }),
  );
  const outcomes = await judgeAll(context, visible);
  for (const [place, { index, key, input }] of visible.entries()) {
    const outcome = itemAt(outcomes, place);
    if ("value" in outcome) recordOutcome(context, key, outcome.value, input);
    responses[index] = "error" in outcome ? outcome : { value: verificationResponse(key, outcome.value) };
  }
  return responses;
}
