import { type Breaker, breakerOf } from "./breaker.ts";
import type { MetaTypes } from "./calls.ts";
import {
  ApiError,
  BadRequestError,
  ConnectionError,
  LatchkeyError,
  ResponseFormatError,
  TimeoutError,
} from "./errors.ts";
import { rawResponses } from "./exchange.ts";
import { logLine } from "./guardLog.ts";
import type { GuardOptions, VerifiedKey } from "./guardOptions.ts";
import type { Latchkey } from "./latchkey.ts";
import type { VerifyKeyData, VerifyKeyInput } from "./operations.gen.ts";
import { rateLimitHeaders } from "./rateLimitHeaders.ts";
import { misconfigured, type Refusal, refused, unavailable, unknownKey } from "./refusals.ts";
import { serverClockOf } from "./serverClock.ts";
import { createVerdictCache } from "./verdictCache.ts";

/** A verdict that lets the request pass. `headers` are the rate limit headers for its response. */
export type Pass<Key> = { passed: true; key: Key; headers: Record<string, string> };

/** Verifies a key. `earlier`: the verdict on this key, if an earlier guard of the same request has verified it. */
export type Verify<M extends MetaTypes> = (
  latchkey: Latchkey<M>,
  input: VerifyKeyInput,
  earlier?: VerifiedKey,
) => Promise<Pass<VerifiedKey | undefined> | Refusal>;

/** Returns a function that verifies keys, using the guard's cache and the server's circuit breaker. */
export function verifying<M extends MetaTypes>(options: GuardOptions<never>): Verify<M> {
  const { timeoutMs = 1000, rateLimitHeaders: choice = "standard" } = options;
  const cache = options.cache === undefined ? undefined : createVerdictCache(options.cache.ttlMs);
  const failed = failing(options);
  const hint = hinting(options);
  return async (latchkey, input, earlier) => {
    const cached = cache?.find(latchkey, input);
    if (cached !== undefined) return { passed: true, key: cached, headers: {} };
    const breaker = breakerOf(latchkey);
    if (!breaker.admits()) return withoutServer(options);
    const askedAtMs = Date.now();
    try {
      const result = await latchkey.keys.verifyKey<M>(input, { timeoutMs, failFast: true });
      recovered(breaker, options);
      const clock = serverClockOf(latchkey);
      clock.heard(rawResponses.get(result)?.headers.get("date"));
      const verdict = joined(earlier, result.data as VerifyKeyData);
      const headers = rateLimitHeaders(limitsOf(verdict), choice, clock.nowMs());
      if (verdict.valid !== true) {
        hint(verdict.code, input);
        return withHeaders(refused(verdict, input.permissions, clock.nowMs()), headers);
      }
      cache?.store(latchkey, input, verdict, askedAtMs);
      return { passed: true, key: verdict, headers };
    } catch (error) {
      if (!(error instanceof LatchkeyError)) throw error;
      return failed(breaker, error);
    }
  };
}

/** Returns a function that logs once if a key may have been refused because the verification had no client address. */
function hinting({ clientIp, log = logLine }: GuardOptions<never>) {
  let isLogged = false;
  return (code: string, { ip }: VerifyKeyInput): void => {
    if (isLogged || code !== "FORBIDDEN" || ip !== undefined || clientIp === false) return;
    isLogged = true;
    log(
      "latchkey: a key was refused as FORBIDDEN, and this guard sent no client address with its verification. If the key or its api has an `ipAllowList`, set the guard's option `clientIp`.",
      undefined,
    );
  };
}

/** Adds the limits and quotas that only the earlier guard's verdict has, so that the new verdict shows all of them. */
function joined(earlier: VerifiedKey | undefined, verdict: VerifyKeyData): VerifyKeyData {
  if (earlier === undefined || verdict.code === "NOT_FOUND") return verdict;
  const limits = verdict.ratelimits ?? [];
  const quotas = verdict.quotas ?? [];
  const older = {
    limits: (earlier.ratelimits ?? []).filter(({ name }) => !limits.some((limit) => limit.name === name)),
    quotas: (earlier.quotas ?? []).filter(
      ({ name, owner }) => !quotas.some((quota) => quota.name === name && quota.owner === owner),
    ),
  };
  const reservation = verdict.reservation ?? earlier.reservation;
  return {
    ...verdict,
    ...(limits.length + older.limits.length > 0 && { ratelimits: [...older.limits, ...limits] }),
    ...(quotas.length + older.quotas.length > 0 && { quotas: [...older.quotas, ...quotas] }),
    ...(reservation !== undefined && { reservation }),
  };
}

/** The rate limits in a verdict. */
export function limitsOf(verdict: VerifyKeyData) {
  return "ratelimits" in verdict ? (verdict.ratelimits ?? []) : [];
}

/** Returns a function that decides on a request whose key could not be verified. It does not log every such request. */
function failing(options: GuardOptions<never>) {
  const fault = faults(options);
  return (breaker: Breaker, error: LatchkeyError): Pass<undefined> | Refusal => {
    if (isUnavailable(error)) return failedServer(breaker, error, options);
    recovered(breaker, options);
    return isOfTheKey(error) ? unknownKey() : fault(error);
  };
}

/**
 * Returns a function that refuses requests because the guard is misconfigured. It logs an error only if the previous
 * error had another reason.
 */
export function faults({ log = logLine }: Pick<GuardOptions<never>, "log">) {
  let last = "";
  return (error: LatchkeyError): Refusal => {
    // The message of an `ApiError` has the request's id and so differs each time. Its code identifies the reason.
    const fault = `${error.name} ${error instanceof ApiError ? error.code : error.message}`;
    if (fault !== last) {
      log(`latchkey: this guard is misconfigured, so it refuses requests with 500: ${error.message}`, error);
    }
    last = fault;
    return misconfigured();
  };
}

function failedServer(
  breaker: Breaker,
  error: LatchkeyError,
  options: GuardOptions<never>,
): Pass<undefined> | Refusal {
  const { log = logLine, onUnavailable } = options;
  if (breaker.failed(isOverload(error) ? "overloaded" : "away")) {
    const outcome = onUnavailable === "allow" ? "let through without a key" : "refused with 503";
    log(`latchkey: keys cannot be verified, so requests are ${outcome}: ${error.message}`, error);
  }
  return withoutServer(options);
}

function withoutServer({ onUnavailable }: GuardOptions<never>): Pass<undefined> | Refusal {
  return onUnavailable === "allow" ? { passed: true, key: undefined, headers: {} } : unavailable();
}

function recovered(breaker: Breaker, { log = logLine }: GuardOptions<never>): void {
  if (breaker.succeeded()) log("latchkey: the server responds again, so keys are verified again.", undefined);
}

function withHeaders(refusal: Refusal, headers: Record<string, string>): Refusal {
  return { ...refusal, headers: { ...refusal.headers, ...headers } };
}

/** Whether the server rejected the verification only because the presented key has a form that no key has. */
function isOfTheKey(error: LatchkeyError): boolean {
  if (!(error instanceof BadRequestError)) return false;
  const { code, errors } = error;
  return (
    code === "malformed" || (errors.length > 0 && errors.every(({ location }) => location === "body.key"))
  );
}

function isUnavailable(error: LatchkeyError): boolean {
  if (error instanceof ConnectionError || error instanceof TimeoutError) return true;
  if (error instanceof ResponseFormatError) return error.cutOff || error.status >= 500;
  return error instanceof ApiError && (error.status >= 500 || error.status === 429);
}

function isOverload(error: LatchkeyError): boolean {
  return error instanceof ApiError && error.status === 429;
}
