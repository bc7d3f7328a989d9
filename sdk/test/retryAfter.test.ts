import { expect, test } from "bun:test";
import { guard, Latchkey } from "../src/index.ts";
import { createServerClock } from "../src/serverClock.ts";
import { startStub, success } from "./stub.ts";

test.each([
  ["ahead of", 3_600_000],
  ["behind", -3_600_000],
])("Retry-After and RateLimit are right if the server's clock is %s this machine's", async (_, skewMs) => {
  const stub = await startStub(({ path }) => {
    const nowMs = Date.now() + skewMs;
    const limit = { id: "", name: "requests", limit: 1, duration: 60_000, remaining: 0, exceeded: true };
    const data = {
      valid: false,
      code: "RATE_LIMITED",
      keyId: "key_1",
      enabled: true,
      ratelimits: [{ ...limit, reset: nowMs + 30_000, autoApply: true }],
    };
    const reaction = success(path.endsWith("verifyKeys") ? [{ data }, { data }] : data);
    return { ...(reaction as object), headers: { date: new Date(nowMs).toUTCString() } };
  });
  const check = guard(new Latchkey({ rootKey: "root_key", serverURL: stub.url }), { key: () => "a_key" });
  const checkOne = () => check(new Request("http://127.0.0.1/"));
  for (const verdict of await Promise.all([checkOne(), checkOne(), checkOne()])) {
    const { headers } = verdict;
    expect(Number(headers["retry-after"])).toBeOneOf([30, 31]); // Date has whole seconds
    expect(headers["ratelimit"]).toBe(`"requests";r=0;t=${headers["retry-after"]}`);
  }
  expect(stub.seen.map(({ path }) => path)).toEqual(["/v2/keys.verifyKey", "/v2/keys.verifyKeys"]);
  await stub.stop();
});

test("a server's clock is known to the second from its Date header, and within that second from this machine's clock", () => {
  let ownMs = Date.parse("2026-02-01T00:00:00.400Z");
  const clock = createServerClock(() => ownMs);
  const shown = (date?: string) => {
    clock.heard(date);
    return new Date(clock.nowMs()).toISOString();
  };
  expect(shown()).toBe("2026-02-01T00:00:00.400Z");
  expect(shown("Sun, 01 Feb 2026 00:00:00 GMT")).toBe("2026-02-01T00:00:00.400Z");
  expect(shown("Sat, 31 Jan 2026 23:59:59 GMT")).toBe("2026-01-31T23:59:59.999Z");
  expect(shown("Sat, 31 Jan 2026 23:00:00 GMT")).toBe("2026-01-31T23:00:00.000Z");
  ownMs += 5000;
  expect(shown("not a date")).toBe("2026-01-31T23:00:05.000Z");
  expect(shown("Sun, 01 Feb 2026 07:00:00 GMT")).toBe("2026-02-01T07:00:00.000Z");
});

test("Retry-After is between a second and the limit's window, even if this machine's clock is wrong and responses have no Date", async () => {
  for (const [aheadMs, seconds] of [
    [3_600_000, "60"],
    [-3_600_000, "1"],
  ] as const) {
    const limit = {
      id: "",
      name: "requests",
      limit: 1,
      duration: 60_000,
      remaining: 0,
      exceeded: true,
      autoApply: false,
    };
    const stub = await startStub(() =>
      success({
        valid: false,
        code: "RATE_LIMITED",
        keyId: "key_1",
        enabled: true,
        ratelimits: [
          { ...limit, reset: Date.now() + aheadMs },
          { ...limit, exceeded: false, reset: 0 },
        ],
      }),
    );
    const check = guard(new Latchkey({ rootKey: "root_key", serverURL: stub.url }), { key: () => "a_key" });
    const verdict = await check(new Request("http://127.0.0.1/"));
    expect(verdict).toMatchObject({ passed: false, status: 429, headers: { "retry-after": seconds } });
    await stub.stop();
  }
});
