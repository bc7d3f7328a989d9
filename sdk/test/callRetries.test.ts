import { describe, expect, test } from "bun:test";
import {
  BadRequestError,
  ConnectionError,
  Latchkey,
  LatchkeyError,
  ServiceUnavailableError,
  TooManyRequestsError,
} from "../src/index.ts";
import { operations } from "../src/table.gen.ts";
import { caught } from "./caught.ts";
import { type Reaction, refusal, success } from "./stub.ts";
import { api, apiKey, fast, rootKey, verdict, withStub } from "./withStub.ts";

describe("a call", () => {
  test("is retried after 503s and lost connections until it succeeds", async () => {
    const reactions: Reaction[] = [
      refusal(503, "unkey/application/service_unavailable"),
      "close",
      refusal(500, "unkey/application/unexpected_error"),
      { status: 502, headers: { "content-type": "text/html" }, body: "<h1>Bad Gateway</h1>" },
      { body: '{"meta":{"requestId":"req_1"},"data":{"id":"api', cutAt: 30 },
      api,
    ];
    await withStub(
      (_, index) => reactions[index] ?? "close",
      async (latchkey, stub) => {
        expect((await latchkey.apis.getApi({ apiId: "api_1234" })).data.name).toBe("payments");
        expect(stub.seen).toHaveLength(reactions.length);
      },
    );
  });

  test("that writes sends one Idempotency-Key with all its retries, and another call sends another", async () => {
    await withStub(
      (_, index) => (index % 3 < 2 ? "close" : success({ identityId: "id_1" })),
      async (latchkey, stub) => {
        await latchkey.identities.createIdentity({ externalId: "user_1" });
        await latchkey.identities.createIdentity({ externalId: "user_1" });
        await latchkey.identities.createIdentity({ externalId: "user_1" }, { idempotencyKey: "mine-1" });
        const keys = stub.seen.map(({ headers }) => headers["idempotency-key"]);
        expect(keys).toHaveLength(9);
        expect(new Set(keys).size).toBe(3);
        expect(new Set(keys.slice(0, 3)).size).toBe(1);
        expect(keys.slice(6)).toEqual(["mine-1", "mine-1", "mine-1"]);
        for (const key of keys) expect(key).toMatch(/^[!-~]{1,255}$/);
        expect(new Set(stub.seen.map(({ body }) => body)).size).toBe(1);
      },
    );
  });

  test("that does not write sends no Idempotency-Key, even if one is passed", async () => {
    await withStub(
      () => verdict,
      async (latchkey, stub) => {
        await latchkey.keys.verifyKey({ key: apiKey }, { idempotencyKey: "mine-1" });
        expect(stub.seen[0]?.headers["idempotency-key"]).toBeUndefined();
      },
    );
  });

  test.each(["", "ü", "with space", "x".repeat(256)])(
    "with the Idempotency-Key %p is not sent",
    async (idempotencyKey) => {
      await withStub(
        () => success({ identityId: "id_1" }),
        async (latchkey, stub) => {
          const call = latchkey.identities.createIdentity({ externalId: "user_1" }, { idempotencyKey });
          expect((await caught(LatchkeyError, call)).message).toContain("`idempotencyKey`");
          expect(stub.seen).toHaveLength(0);
        },
      );
    },
  );

  test("fails with the last error response when `maxElapsedTime` is over", async () => {
    await withStub(
      () => refusal(503, "unkey/application/service_unavailable"),
      async (latchkey, stub) => {
        const retries = { strategy: "backoff", backoff: { initialInterval: 1, maxElapsedTime: 60 } } as const;
        const error = await caught(
          ServiceUnavailableError,
          latchkey.apis.getApi({ apiId: "api_1234" }, { retries }),
        );
        expect(error).toMatchObject({ status: 503, code: "service_unavailable", requestId: "req_stub" });
        expect(stub.seen.length).toBeGreaterThan(1);
      },
    );
  });

  test("is sent once if the call turns retries off, even if the client has them on", async () => {
    await withStub(
      () => "close",
      async (latchkey, stub) => {
        const call = latchkey.apis.getApi({ apiId: "api_1234" }, { retries: { strategy: "none" } });
        expect((await caught(ConnectionError, call)).refused).toBe(false);
        expect(stub.seen).toHaveLength(1);
      },
    );
  });

  test("waits for the Retry-After of a 429, and fails at once if that is too long for its timeout", async () => {
    const limited = (seconds: string) =>
      refusal(429, "user/too_many_requests/workspace_rate_limited", { headers: { "retry-after": seconds } });
    await withStub(
      (_, index) => [limited("0"), api, limited("3600")][index] ?? "close",
      async (latchkey, stub) => {
        expect((await latchkey.apis.getApi({ apiId: "api_1234" })).data.name).toBe("payments");
        const error = await caught(TooManyRequestsError, latchkey.apis.getApi({ apiId: "api_1234" }));
        expect(error.retryAfterMs).toBe(3_600_000);
        expect(stub.seen).toHaveLength(3);
      },
    );
  });
});

describe("calls that count", () => {
  const counting = Object.entries(operations).flatMap(([group, rows]) =>
    Object.entries(rows).flatMap(([verb, [marks]]) =>
      marks.includes("c") ? [{ name: `${group}.${verb}`, group, verb }] : [],
    ),
  );
  const callOf = (latchkey: Latchkey, group: string, verb: string) =>
    (latchkey as unknown as Record<string, Record<string, (input: object) => Promise<unknown>>>)[group]?.[
      verb
    ]?.({});

  test("are verifications, rate limit decisions and reservations", () => {
    expect(counting.map(({ name }) => name).sort()).toEqual([
      "credits.release",
      "credits.reserve",
      "credits.settle",
      "keys.verifyKey",
      "keys.verifyKeys",
      "ratelimit.limit",
      "ratelimit.multiLimit",
    ]);
  });

  test.each(counting)("$name is not retried if it may have counted already", async ({ group, verb }) => {
    const doubtful: Reaction[] = [
      "close",
      { status: 502, body: "<h1>Bad Gateway</h1>" },
      { status: 503, body: { message: "another's envelope" } },
      { body: '{"meta":{"requestId":"req_1"},"data":{"va', cutAt: 20 },
      refusal(503, "unkey/application/outcome_unknown"),
    ];
    for (const reaction of doubtful) {
      await withStub(
        () => reaction,
        async (latchkey, stub) => {
          await caught(LatchkeyError, callOf(latchkey, group, verb) ?? Promise.resolve());
          expect(stub.seen).toHaveLength(1);
        },
      );
    }
  });

  test.each(counting)(
    "$name is retried after a 5xx of the server itself, which means that nothing was counted",
    async ({ group, verb }) => {
      await withStub(
        (_, index) =>
          index === 0
            ? refusal(503, "unkey/application/service_unavailable")
            : refusal(400, "unkey/application/invalid_input", { errors: [] }),
        async (latchkey, stub) => {
          await caught(BadRequestError, callOf(latchkey, group, verb) ?? Promise.resolve());
          expect(stub.seen).toHaveLength(2);
        },
      );
    },
  );

  test("are retried if nothing listened at the address", async () => {
    let attempts = 0;
    const latchkey = new Latchkey({
      rootKey,
      retries: fast,
      async fetch() {
        attempts += 1;
        if (attempts < 3) return fetch("http://127.0.0.1:1");
        return Response.json({ meta: { requestId: "req_1" }, data: { valid: false, code: "NOT_FOUND" } });
      },
    });
    expect((await latchkey.keys.verifyKey({ key: apiKey })).data.code).toBe("NOT_FOUND");
    expect(attempts).toBe(3);
  });
});
