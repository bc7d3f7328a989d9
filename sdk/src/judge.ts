import type { Arrival } from "./arrival.ts";
import type { MetaTypes } from "./calls.ts";
import { logLine } from "./guardLog.ts";
import type { GuardedKey, GuardOptions, VerifiedKey } from "./guardOptions.ts";
import type { Latchkey } from "./latchkey.ts";
import { lacking } from "./permitting.ts";
import { presentedKey } from "./presentedKey.ts";
import { furtherQuestion, type Question, questioning, uncounted } from "./question.ts";
import { rateLimitHeaders } from "./rateLimitHeaders.ts";
import { missing, type Refusal, reshaped } from "./refusals.ts";
import { serverClockOf } from "./serverClock.ts";
import { remember, type Verified, verifiedBefore } from "./verified.ts";
import { faults, limitsOf, type Pass, verifying } from "./verifying.ts";

/** Decides whether a request may reach its route. */
export type Judge<Request, M extends MetaTypes, Key> = (
  latchkey: Latchkey<M>,
  arrival: Arrival<Request>,
) => Promise<Pass<Key> | Refusal>;

/**
 * Creates the function that judges the requests of a route. A request passes only if its key's verdict is valid, or,
 * with `onUnavailable: "allow"`, while the server is unavailable. If an earlier guard of the same request has verified
 * the same key, that guard's verdict is reused.
 */
export function judging<Request, M extends MetaTypes, Options extends GuardOptions<Request>>(
  options: Options,
): Judge<Request, M, GuardedKey<M, Options>> {
  const { key: source = "authorization", onRefused } = options;
  const judge = judgingKeys<Request, M>(options);
  return async (latchkey, arrival) => {
    const key = await presentedKey(source, arrival);
    const verdict = key === undefined ? missing(source) : await judge(latchkey, arrival, key);
    if (verdict.passed) return verdict as Pass<GuardedKey<M, Options>>;
    return onRefused === undefined ? verdict : reshaped(verdict, await onRefused(verdict, arrival.request));
  };
}

function judgingKeys<Request, M extends MetaTypes>(options: GuardOptions<Request>) {
  const questionFor = questioning(options);
  const verify = verifying<M>(options);
  const judgeAgain = judgingAgain(options);
  return async (
    latchkey: Latchkey<M>,
    arrival: Arrival<Request>,
    key: string,
  ): Promise<Pass<VerifiedKey | undefined> | Refusal> => {
    const { subject } = arrival;
    const question = await questionFor(arrival);
    const before = verifiedBefore(subject, latchkey, key);
    const further = before === undefined ? question : judgeAgain(latchkey, before, question);
    const verdict =
      "passed" in further ? further : await verify(latchkey, { key, ...further }, before?.verdict);
    if (!verdict.passed) return verdict;
    const known = verdict.key ?? before?.verdict;
    remember(subject, { client: latchkey, key, apis: question.keyspaces ?? before?.apis, verdict: known });
    return { ...verdict, key: known };
  };
}

/**
 * Returns a function that judges a key that an earlier guard has verified. If only the server can decide, the function
 * returns the input of another verification.
 */
function judgingAgain({ rateLimitHeaders: choice = "standard", log = logLine }: GuardOptions<never>) {
  const fault = faults({ log });
  let isReported = false;
  return (
    latchkey: object,
    before: Verified<VerifiedKey>,
    question: Question,
  ): Pass<VerifiedKey> | Refusal | Question => {
    const { verdict } = before;
    const { permissions } = question;
    const refusal = permissions === undefined ? undefined : lacking(verdict, permissions, fault);
    if (refusal !== undefined) return refusal;
    const [name] = uncounted(question);
    if (name !== undefined && !isReported) {
      isReported = true;
      log(
        `latchkey: this guard names "${name}" without a cost. If an earlier guard has verified the key, this guard therefore counts nothing against "${name}". Set the \`cost\` of "${name}".`,
        undefined,
      );
    }
    const further = furtherQuestion(before, question);
    const headers = rateLimitHeaders(limitsOf(verdict), choice, serverClockOf(latchkey).nowMs());
    return further ?? { passed: true, key: verdict, headers };
  };
}
