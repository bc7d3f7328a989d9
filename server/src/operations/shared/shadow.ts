import { may, mayAll } from "../../domain/caller.ts";
import { type Settled, settleLater } from "../../domain/settled.ts";
import type { KeyRecord } from "../../domain/verification.ts";
import { Failure } from "../../errors/failure.ts";
import type { RunContext } from "../../operation.ts";
import type { Upstream } from "../../upstream/upstream.ts";
import type { requestRefusals } from "../../upstream/verdict.ts";
import {
  creditsOwner,
  type KeyVerdict,
  learn,
  noteUnimported,
  setCredits,
  unavailable,
  upstreamOf,
  waitingFor,
} from "./learning.ts";
import { type Difference, differencesBetween } from "./shadowDifferences.ts";
import { judge, type Outcome, type Requested } from "./verification.ts";
import { requestedOf, type VerificationInput } from "./verificationInput.ts";
import { notFound, type VerificationResponse, verificationResponse } from "./verificationResponse.ts";
import { findVerifiedKey, isVisible, recordNotFound, recordOutcome } from "./verifiedKeys.ts";

/** The upstream, if it decides this request, as it does in shadow mode. If undefined, this server decides. */
export function shadowOf(context: RunContext): Upstream | undefined {
  if (context.upstream === undefined) return undefined;
  const upstream = upstreamOf(context);
  return upstream?.mode === "shadow" ? upstream : undefined;
}

/** One verification that the upstream decides. */
type Shadowed = {
  context: RunContext;
  upstream: Upstream;
  input: VerificationInput;
  requested: Requested;
  hash: string;
  /** the number of the call in the order of calls about this key */
  call: number;
};

/** This server's own verdict on a key that it knows. */
type Own = { key: KeyRecord; outcome: Settled<Outcome> };

/**
 * Returns the upstream's verdict. This server verifies the key too, counts how the verdicts differ, and stores the hash
 * of a waiting key that the upstream names. If the upstream is not available, this server decides about its own keys.
 * Errors: `upstream_unavailable`; `precondition_failed` for a field that the upstream does not have; those of
 * `requestedOf` and `judge`.
 */
export async function verifyInShadow(
  context: RunContext,
  upstream: Upstream,
  input: VerificationInput,
): Promise<VerificationResponse> {
  const requested = requestedOf(input, context);
  refuseOwnFields(input);
  const hash = context.hashKey(input.key);
  const call = upstream.credits.begin(hash);
  try {
    return await decide({ context, upstream, input, requested, hash, call });
  } finally {
    upstream.credits.end(call);
  }
}

/** Refuses fields that the upstream does not have: if they were not forwarded, the caller would not notice. */
function refuseOwnFields({ credits, quotas, ip, keyspaces, autoApply }: VerificationInput): void {
  const named = { "credits.reserve": credits?.reserve, quotas, ip, keyspaces };
  const field =
    Object.entries(named).find(([, value]) => value !== undefined)?.[0] ??
    (autoApply ? undefined : "autoApply");
  if (field === undefined) return;
  throw new Failure("precondition_failed", {
    detail: `body.${field} cannot be used while UPSTREAM_VERIFY_MODE is shadow: the upstream server decides, and it does not have this field. Omit the field.`,
  });
}

async function decide(shadowed: Shadowed): Promise<VerificationResponse> {
  const { context, upstream, input, requested } = shadowed;
  const key = await findVerifiedKey(context, input);
  if (key !== undefined && !isVisible(context, key, undefined)) return missing(shadowed);
  const judging = key && settleLater(() => judge(context, key, requested));
  const response = await upstream.verify(forwardedBody(input));
  const outcome = await judging;
  const own = key && outcome && { key, outcome };
  if ("unavailable" in response) {
    if (own === undefined) throw unavailable(response);
    return decideAlone(shadowed, own);
  }
  if ("refused" in response) throw refusedBoth(shadowed, own, response.refused);
  const { verdict } = response;
  if (verdict.code !== "NOT_FOUND") return followVerdict(shadowed, own, verdict);
  if (own !== undefined)
    noteDifference(shadowed, own.key.id, { kind: "code", own: codeOf(own), upstream: verdict.code });
  return missing(shadowed);
}

/** The fields that an Unkey server accepts. */
function forwardedBody({ key, tags, permissions, credits, ratelimits, migrationId }: VerificationInput) {
  return { key, tags, permissions, credits, ratelimits, migrationId }; // JSON leaves out what is undefined
}

function missing({ context, input }: Shadowed): VerificationResponse {
  recordNotFound(context, input);
  return notFound;
}

function decideAlone({ context, input }: Shadowed, { key, outcome }: Own): VerificationResponse {
  if ("error" in outcome) throw outcome.error;
  recordOutcome(context, key, outcome.value, input);
  return verificationResponse(key, outcome.value);
}

/**
 * The error for a request that the upstream refused. If this server refuses the request with the same code, returns
 * this server's error, because its message says more.
 */
function refusedBoth(
  shadowed: Shadowed,
  own: Own | undefined,
  refused: (typeof requestRefusals)[number],
): unknown {
  if (own !== undefined && "error" in own.outcome) {
    const { error } = own.outcome;
    if (error instanceof Failure && error.code === refused) return error;
  }
  noteDifference(shadowed, own?.key.id, { kind: "error", own: own && codeOf(own), upstream: refused });
  return new Failure(refused, {
    detail: `The upstream server refused the request with the error ${refused}.`,
  });
}

async function followVerdict(
  shadowed: Shadowed,
  known: Own | undefined,
  verdict: KeyVerdict,
): Promise<VerificationResponse> {
  const { context, upstream, input } = shadowed;
  const own = known ?? (await learnNow(shadowed, verdict));
  if (own === "hidden") return missing(shadowed);
  if (own === undefined) {
    noteUnimported(context, upstream, verdict);
    return mayAll(context.caller, "api", "verify_key") ? responseTo(verdict, undefined) : missing(shadowed);
  }
  const { key, outcome } = own;
  const isAlone = upstream.credits.isAlone(shadowed.call);
  for (const difference of differencesBetween(own, verdict, { isAlone, isNew: known === undefined })) {
    noteDifference(shadowed, key.id, difference);
  }
  await followCredits(shadowed, own, verdict);
  const decided = "value" in outcome ? outcome.value : noOutcome;
  const spent = verdict.valid ? decided.spent : 0;
  recordOutcome(context, key, { ...decided, code: verdict.code, spent }, input);
  return responseTo(verdict, key.keyspaceId);
}

const noOutcome = { credits: undefined, quotas: [], hold: undefined, spent: 0, counted: undefined };

/** If the upstream's verdict names a key that waits here, stores its hash. Then this server verifies the key too. */
async function learnNow(
  { context, input, requested, hash }: Shadowed,
  verdict: KeyVerdict,
): Promise<Own | "hidden" | undefined> {
  const { caller, caches } = context;
  const waiting = await waitingFor(context, input.key, verdict);
  if (waiting !== undefined) {
    if (!may(caller, "api", waiting.apiId, "verify_key")) return "hidden";
    await learn(context, waiting, verdict, hash);
  }
  const key = await caches.keys.find(caller.workspaceId, hash); // another request may have stored the hash
  if (key === undefined) return undefined;
  if (!isVisible(context, key, undefined)) return "hidden";
  return { key, outcome: await settleLater(() => judge(context, key, requested)) };
}

/** Sets this server's balance to the upstream's, so that credits spent there cannot be spent here again. */
async function followCredits(
  { context, upstream, hash, call }: Shadowed,
  { key, outcome }: Own,
  verdict: KeyVerdict,
): Promise<void> {
  const { credits } = verdict;
  const { workspaceId, subjectId, identity } = key;
  if (credits === undefined) return;
  upstream.credits.arrive(call, hash, credits);
  if ("value" in outcome && outcome.value.credits?.remaining === upstream.credits.latest(hash)) return;
  const owner = creditsOwner(workspaceId, verdict, { subjectId, identityId: identity?.id });
  if (owner === undefined) return;
  await context.inTransaction((write) =>
    // `latest` is called within the transaction: if two requests update the balance at once, both store the newer one
    setCredits({ ...context, ...write, note: context.note }, owner, upstream.credits.latest(hash)),
  );
}

function noteDifference(
  { context, upstream }: Shadowed,
  keyId: string | undefined,
  { kind, own, upstream: theirs }: Difference,
): void {
  const { now, requestId } = context;
  upstream.noteDifference(kind, { atMs: now(), requestId, keyId, own, upstream: theirs });
}

function codeOf({ outcome }: Own): string {
  if ("value" in outcome) return outcome.value.code;
  return outcome.error instanceof Failure ? outcome.error.code : "unexpected_error";
}

function responseTo(verdict: KeyVerdict, keyspaceId: string | undefined): VerificationResponse {
  return keyspaceId === undefined ? verdict : { ...verdict, keyspaceId };
}
