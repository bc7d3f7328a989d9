import { describe, expect, spyOn, test } from "bun:test";
import { format } from "node:util";
import { createBreaker } from "../src/breaker.ts";
import { guard, Latchkey } from "../src/index.ts";
import { createVerdictCache } from "../src/verdictCache.ts";
import { type Reaction, refusal, type Stub, startStub, success } from "./stub.ts";

const request = { headers: { authorization: "Bearer a_key" } };
const valid = { valid: true, code: "VALID", keyId: "key_1", enabled: true } as const;

/** The URL of a server that was stopped, so that nothing listens there. */
async function nobody(): Promise<string> {
  const gone = await startStub(() => "close");
  await gone.stop();
  return gone.url;
}

describe("the circuit breaker", () => {
  test("opens after five failures in a row, then admits one verification a second", () => {
    let nowMs = 0;
    const breaker = createBreaker(() => nowMs);
    for (let failure = 1; failure <= 5; failure += 1) {
      expect(breaker.admits()).toBe(true);
      breaker.failed("away");
    }
    const admitted = [];
    for (; nowMs < 5000; nowMs += 10) if (breaker.admits()) admitted.push(nowMs);
    expect(admitted).toEqual([1000, 2000, 3000, 4000]);
  });

  test("closes with the first response", () => {
    const breaker = createBreaker(() => 0);
    for (let failure = 1; failure <= 5; failure += 1) breaker.failed("away");
    expect(breaker.admits()).toBe(false);
    breaker.succeeded();
    expect(breaker.admits()).toBe(true);
    for (let failure = 1; failure <= 4; failure += 1) breaker.failed("away");
    expect(breaker.admits()).toBe(true);
  });

  test("does not open when an overloaded server returns 429, since it still serves some requests", () => {
    const breaker = createBreaker(() => 0);
    for (let failure = 1; failure <= 50; failure += 1) breaker.failed("overloaded");
    expect(breaker.admits()).toBe(true);
  });

  test("reports only the first failure and the first success of an outage", () => {
    const breaker = createBreaker(() => 0);
    expect(breaker.succeeded()).toBe(false);
    const reports = Array.from({ length: 9 }, () => breaker.failed("away"));
    expect(reports).toEqual([true, ...Array(8).fill(false)]);
    expect([breaker.succeeded(), breaker.succeeded()]).toEqual([true, false]);
  });
});

describe("while the server is unavailable", () => {
  test.each(["refuse", "allow"] as const)(
    "a guard with `onUnavailable: %s` does so without retries, and logs a single line for a thousand requests",
    async (onUnavailable) => {
      const logged: string[] = [];
      let attempts = 0;
      let retried = 0;
      const latchkey = new Latchkey({
        rootKey: "root_key",
        serverURL: await nobody(),
        hooks: {
          beforeRequest: ({ attempt }) => {
            attempts += 1;
            if (attempt > 0) retried += 1;
          },
        },
      });
      const check = guard(latchkey, { onUnavailable, log: (message) => void logged.push(message) });
      for (let count = 0; count < 1000; count += 1) {
        expect((await check({ ...request })).passed).toBe(onUnavailable === "allow");
      }
      // The breaker opens after five attempts, none of which is retried. It then admits one attempt per second, so
      // a slow machine makes more of them.
      expect(attempts).toBeGreaterThanOrEqual(5);
      expect(attempts).toBeLessThan(100);
      expect(retried).toBe(0);
      expect(logged).toHaveLength(1);
    },
  );

  test("only a few requests wait for a server that hangs, and then one a second", async () => {
    const stub = await startStub(() => "silence");
    const latchkey = new Latchkey({ rootKey: "root_key", serverURL: stub.url });
    const check = guard(latchkey, { timeoutMs: 100, log: () => {} });
    for (let count = 0; count < 5; count += 1)
      expect(await check({ ...request })).toMatchObject({ status: 503 });
    const before = stub.seen.length;
    const verdicts = await Promise.all(Array.from({ length: 500 }, () => check({ ...request })));
    expect(verdicts.every((verdict) => !verdict.passed && verdict.status === 503)).toBe(true);
    expect(stub.seen.length - before).toBeLessThanOrEqual(1);
    await stub.stop();
  });

  test("all guards of a server share the breaker, even if a client is created for each request", async () => {
    const stub = await startStub(() => "close");
    const make = () => new Latchkey({ rootKey: "root_key", serverURL: stub.url });
    const one = guard(make, { log: () => {} });
    const other = guard(make(), { log: () => {} });
    for (let count = 0; count < 5; count += 1) await one({ ...request });
    expect(await other({ ...request })).toMatchObject({ status: 503 });
    expect(stub.seen).toHaveLength(5);
    await stub.stop();
  });

  test("a guard does not retry a proxy's 502, and its default timeout is one second", async () => {
    const stub = await startStub(() => ({ status: 502, body: "<h1>Bad Gateway</h1>" }));
    const check = guard(new Latchkey({ rootKey: "root_key", serverURL: stub.url }), { log: () => {} });
    await check({ ...request });
    expect(stub.seen).toHaveLength(1);
    await stub.stop();
    const logged: string[] = [];
    const silent = await startStub(() => "silence");
    const waiting = guard(new Latchkey({ rootKey: "root_key", serverURL: silent.url }), {
      log: (message) => void logged.push(message),
    });
    expect(await waiting({ ...request })).toMatchObject({ status: 503 });
    expect(logged[0]).toContain("within 1000 ms");
    await silent.stop();
  });

  test("a guard verifies again as soon as the server responds", async () => {
    let reaction: Reaction = "close";
    const logged: string[] = [];
    const stub = await startStub(() => reaction);
    const check = guard(new Latchkey({ rootKey: "root_key", serverURL: stub.url }), {
      log: (message) => void logged.push(message),
    });
    for (let count = 0; count < 3; count += 1) await check({ ...request });
    reaction = success(valid);
    expect(await check({ ...request })).toMatchObject({ passed: true });
    expect(logged).toHaveLength(2);
    expect(logged[1]).toContain("responds again");
    await stub.stop();
  });
});

test("without a `log`, each line on stderr is one sentence: the error's message once, and nothing after it", async () => {
  let reaction: Reaction = refusal(500, "unkey/application/unexpected_error");
  const stub = await startStub(() => reaction);
  const check = guard(new Latchkey({ rootKey: "root_key", serverURL: stub.url }));
  const lines = spyOn(console, "error").mockImplementation(() => {});
  try {
    await check({ ...request });
    reaction = success(valid);
    await check({ ...request });
    const printed = lines.mock.calls.map((words) => format(...words));
    expect(printed).toEqual([
      expect.stringMatching(/^latchkey: keys cannot be verified, so requests are refused with 503: .*\.$/),
      "latchkey: the server responds again, so keys are verified again.",
    ]);
    expect(printed[0]?.split("The stub refuses this")).toHaveLength(2);
  } finally {
    lines.mockRestore();
    await stub.stop();
  }
});

describe("a guard's cache", () => {
  async function asked(verdict: object, options: object, times: number): Promise<number> {
    const stub: Stub = await startStub(() => success(verdict));
    const latchkey = new Latchkey({ rootKey: "root_key", serverURL: stub.url });
    const check = guard(latchkey, options);
    for (let count = 0; count < times; count += 1) await check({ ...request });
    await stub.stop();
    return stub.seen.length;
  }

  test("is off unless the route asks for it", async () => {
    expect(await asked(valid, {}, 3)).toBe(3);
    expect(await asked(valid, { cache: { ttlMs: 60_000 } }, 3)).toBe(1);
  });

  test("never holds a refusal, or a verdict of a key or guard with limits, quotas or credits", async () => {
    const cache = { ttlMs: 60_000 };
    const limit = {
      id: "",
      name: "requests",
      limit: 9,
      duration: 1000,
      reset: 0,
      remaining: 8,
      exceeded: false,
      autoApply: true,
    };
    const quota = { name: "monthly", owner: "key", limit: 9, used: 1, remaining: 8, exceeded: false };
    expect(await asked({ ...valid, ratelimits: [limit] }, { cache }, 3)).toBe(3);
    expect(await asked({ ...valid, credits: 9 }, { cache }, 3)).toBe(3);
    expect(await asked({ ...valid, quotas: [quota] }, { cache }, 3)).toBe(3);
    expect(await asked(valid, { cache, credits: { cost: 1 } }, 3)).toBe(3);
    expect(await asked(valid, { cache, ratelimits: [{ name: "requests" }] }, 3)).toBe(3);
    expect(await asked(valid, { cache, quotas: [{ name: "requests" }] }, 3)).toBe(3);
    expect(await asked({ valid: false, code: "NOT_FOUND" }, { cache }, 3)).toBe(3);
  });

  test("returns a verdict until ttlMs after its verification was sent, but not after the key expires", () => {
    let nowMs = 1000;
    const cache = createVerdictCache(500, () => nowMs);
    const client = {};
    cache.store(client, { key: "one" }, valid, 1000);
    cache.store(client, { key: "other" }, { ...valid, expires: 1200 }, 1000);
    nowMs = 1199;
    expect(cache.find(client, { key: "one" })).toEqual(valid);
    expect(cache.find(client, { key: "other" })).toBeDefined();
    nowMs = 1200;
    expect(cache.find(client, { key: "other" })).toBeUndefined();
    nowMs = 1500;
    expect(cache.find(client, { key: "one" })).toBeUndefined();
  });

  test("returns a verdict only for the same client, key and question, and holds at most 10,000 verdicts", () => {
    const cache = createVerdictCache(500, () => 0);
    const client = {};
    cache.store(client, { key: "one" }, valid, 0);
    expect(cache.find({}, { key: "one" })).toBeUndefined();
    expect(cache.find(client, { key: "two" })).toBeUndefined();
    expect(cache.find(client, { key: "one", permissions: "documents.write" })).toBeUndefined();
    for (let count = 0; count < 10_000; count += 1) cache.store(client, { key: `key_${count}` }, valid, 0);
    expect(cache.find(client, { key: "one" })).toBeUndefined();
    expect(cache.find(client, { key: "key_0" })).toBeDefined();
  });
});
