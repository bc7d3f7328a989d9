import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { apiError, ConnectionError, ResponseFormatError, TimeoutError } from "../src/errors.ts";
import { type Progress, waitBefore } from "../src/retries.ts";

const start: Progress = {
  attempt: 0,
  elapsedMs: 0,
  timeoutMs: 60_000,
  maxRetries: 100,
  counts: false,
  failFast: false,
};
const backoff = { strategy: "backoff" } as const;

function refused(status: number, type: string, headers: Record<string, string> = {}) {
  return apiError("keys.verifyKey", {
    status,
    type,
    code: type,
    title: "",
    detail: "",
    errors: [],
    requestId: "req_1",
    headers: new Headers(headers),
    body: "",
  });
}

const lost = new ConnectionError("lost", { code: "ECONNRESET", refused: false, cause: undefined });
const nobody = new ConnectionError("nobody", { code: "ECONNREFUSED", refused: true, cause: undefined });

function unreadable(status: number, cutOff: boolean) {
  return new ResponseFormatError("unreadable", { status, headers: new Headers(), text: "", cutOff });
}

describe("a wait", () => {
  test("is random between zero and a bound that grows from 50 ms by 1.5 up to 1000 ms", () => {
    for (let attempt = 0; attempt < 12; attempt += 1) {
      const bound = Math.min(1000, 50 * 1.5 ** attempt);
      const waits = Array.from({ length: 400 }, () => waitBefore(backoff, lost, { ...start, attempt }) ?? -1);
      expect(Math.min(...waits)).toBeGreaterThanOrEqual(0);
      expect(Math.max(...waits)).toBeLessThanOrEqual(bound);
      // full jitter: waits near zero and near the bound occur
      expect(Math.min(...waits)).toBeLessThan(bound * 0.1);
      expect(Math.max(...waits)).toBeGreaterThan(bound * 0.9);
    }
  });

  test("always ends before maxElapsedTime and the call's timeout", () => {
    const times = fc.nat({ max: 20_000 });
    fc.assert(
      fc.property(
        times,
        times,
        times,
        fc.nat({ max: 30 }),
        (elapsedMs, maxElapsedTime, timeoutMs, attempt) => {
          const retries = { ...backoff, backoff: { maxElapsedTime } };
          const wait = waitBefore(retries, lost, { ...start, attempt, elapsedMs, timeoutMs });
          if (wait === undefined) return;
          expect(elapsedMs + wait).toBeLessThan(maxElapsedTime);
          expect(elapsedMs + wait).toBeLessThan(timeoutMs);
        },
      ),
    );
  });

  test("ends within 10 s of the call's start by default", () => {
    expect(waitBefore(backoff, lost, { ...start, elapsedMs: 9_900, attempt: 0 })).toBeDefined();
    expect(waitBefore(backoff, lost, { ...start, elapsedMs: 10_000 })).toBeUndefined();
  });

  test("is at least as long as Retry-After, in seconds or as a date, and the call is not retried if that is too long", () => {
    const asked = (value: string, elapsedMs = 0) =>
      waitBefore(backoff, refused(429, "x", { "retry-after": value }), { ...start, elapsedMs });
    expect(asked("3")).toBeGreaterThanOrEqual(3000);
    expect(asked("3")).toBeLessThan(3050);
    const utc = (fromNowMs: number) => new Date(Date.now() + fromNowMs).toUTCString();
    expect(asked(utc(5000))).toBeGreaterThan(3000);
    const ahead = { date: utc(3_600_000), "retry-after": utc(3_605_000) }; // the server's clock is an hour ahead
    expect(waitBefore(backoff, refused(429, "x", ahead), start)).toBeGreaterThanOrEqual(5000);
    expect(asked("3", 7001)).toBeUndefined();
    expect(asked("3600")).toBeUndefined();
    const overloaded = waitBefore(backoff, refused(503, "x", { "retry-after": "1" }), start);
    expect(overloaded).toBeGreaterThanOrEqual(1000);
  });

  test("does not happen if the strategy is off", () => {
    expect(waitBefore({ strategy: "none" }, nobody, start)).toBeUndefined();
  });
});

describe("what is retried", () => {
  const all = [
    { name: "a refused connection", error: nobody, read: true, counted: true },
    { name: "a lost connection", error: lost, read: true, counted: false },
    {
      name: "a 500 of the server itself",
      error: refused(500, "unexpected_error"),
      read: true,
      counted: true,
    },
    {
      name: "a 503 of the server itself",
      error: refused(503, "service_unavailable"),
      read: true,
      counted: true,
    },
    {
      name: "a 503 with the code outcome_unknown",
      error: refused(503, "outcome_unknown"),
      read: true,
      counted: false,
    },
    { name: "a 502 page of a proxy", error: unreadable(502, false), read: true, counted: false },
    { name: "an incomplete response", error: unreadable(200, true), read: true, counted: false },
    { name: "a page with status 200", error: unreadable(200, false), read: false, counted: false },
    {
      name: "a 429 with Retry-After",
      error: refused(429, "x", { "retry-after": "1" }),
      read: true,
      counted: false,
    },
    { name: "a 429 without Retry-After", error: refused(429, "x"), read: false, counted: false },
    {
      name: "a 409 because the first attempt is still in progress",
      error: refused(409, "idempotency_in_progress"),
      read: true,
      counted: true,
    },
    { name: "another 409", error: refused(409, "identity_already_exists"), read: false, counted: false },
    { name: "a 400", error: refused(400, "invalid_input"), read: false, counted: false },
    { name: "a 404", error: refused(404, "key_not_found"), read: false, counted: false },
    { name: "a timeout", error: new TimeoutError("late"), read: false, counted: false },
    {
      name: "an error that is not from this package",
      error: new TypeError("oops"),
      read: false,
      counted: false,
    },
  ];

  test.each(all)(
    "$name: retried for calls that count: $counted, for others: $read",
    ({ error, read, counted }) => {
      expect(waitBefore(backoff, error, start) !== undefined).toBe(read);
      expect(waitBefore(backoff, error, { ...start, counts: true }) !== undefined).toBe(counted);
    },
  );

  test("excludes lost connections if the options say so", () => {
    const retries = { ...backoff, retryConnectionErrors: false };
    for (const error of [nobody, lost, unreadable(200, true)]) {
      expect(waitBefore(retries, error, start)).toBeUndefined();
    }
    expect(waitBefore(retries, refused(500, "x"), start)).toBeDefined();
  });

  test("excludes 429s if the options say so", () => {
    const retries = { ...backoff, retryTooManyRequests: false };
    expect(waitBefore(retries, refused(429, "x", { "retry-after": "1" }), start)).toBeUndefined();
  });
});
