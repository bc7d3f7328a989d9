import { type MaybePromise, whenAvailable } from "../../domain/maybePromise.ts";
import type { KeyRecord } from "../../domain/verification.ts";
import type { Written } from "../../domain/written.ts";
import { operation, type RunContext } from "../../operation.ts";
import { shadowOf, verifyInShadow } from "../shared/shadow.ts";
import { judge, type Outcome, type Requested } from "../shared/verification.ts";
import { requestedOf, type VerificationInput, verificationInput } from "../shared/verificationInput.ts";
import { WrittenVerification } from "../shared/verificationJson.ts";
import { notFound, type VerificationResponse, verification } from "../shared/verificationResponse.ts";
import { findVerifiedKey, isVisible, recordNotFound, recordOutcome } from "../shared/verifiedKeys.ts";

export const verifyKey = operation({
  name: "keys.verifyKey",
  summary: "Verify a key",
  description:
    "Returns whether a request made with this key may pass. Every outcome has status 200: check `valid`, and if it is false, `code`.",
  permission: "api.<id>.verify_key",
  input: verificationInput,
  output: verification,
  errors: [
    "permissions_query_syntax_error",
    "key_malformed",
    "precondition_failed",
    "upstream_unavailable",
    "hashing_busy",
  ],
  example: {
    input: { key: "prod_2cGKbMxRyIzhCxo1Idjz8q", ratelimits: [{ name: "requests" }] },
    output: {
      valid: true,
      code: "VALID",
      keyId: "key_0Ck3vDbnXhq2Tn6Yp1Zs4a",
      keyspaceId: "ks_0Ck3vDbnXhq2Tn6Yp1Zs4a",
      enabled: true,
    },
  },
  decides: true,

  run(input, context): MaybePromise<Verdict> {
    const shadow = shadowOf(context);
    if (shadow !== undefined) return verifyInShadow(context, shadow, input);
    const requested = requestedOf(input, context);
    return whenAvailable(findVerifiedKey(context, input), decide, context, input, requested);
  },
});

type Verdict = VerificationResponse | Written<VerificationResponse>;

function decide(
  key: KeyRecord | undefined,
  context: RunContext,
  input: VerificationInput,
  requested: Requested,
): MaybePromise<Verdict> {
  if (key === undefined || !isVisible(context, key, input.keyspaces)) {
    recordNotFound(context, input);
    return notFound;
  }
  context.auditsNothing();
  return whenAvailable(judge(context, key, requested), respond, context, key, input);
}

function respond(outcome: Outcome, context: RunContext, key: KeyRecord, input: VerificationInput): Verdict {
  recordOutcome(context, key, outcome, input);
  return new WrittenVerification(key, outcome);
}
