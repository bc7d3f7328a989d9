import { describe, expect, test } from "bun:test";
import { inspect } from "node:util";
import {
  AbortError,
  ApiError,
  BadRequestError,
  ConnectionError,
  Latchkey,
  LatchkeyError,
  type LatchkeyOptions,
  ResponseFormatError,
  ServiceUnavailableError,
  TimeoutError,
  TooManyRequestsError,
} from "../src/index.ts";
import { operations } from "../src/table.gen.ts";
import { caught } from "./caught.ts";
import { type Reaction, refusal, type Seen, startStub, success } from "./stub.ts";

const rootKey = "root_canary_5b1f0c7e9d";
const apiKey = "prod_canary_3c9a77e1f2";
/** Retries wait at most a millisecond, to keep the tests fast. */
const fast = { strategy: "backoff", backoff: { initialInterval: 1, maxInterval: 1 } } as const;

async function withStub(
  react: (request: Seen, index: number) => Reaction | Promise<Reaction>,
  work: (latchkey: Latchkey, stub: Awaited<ReturnType<typeof startStub>>) => Promise<void>,
  options: LatchkeyOptions = {},
): Promise<void> {
  const stub = await startStub(react);
  try {
    await work(new Latchkey({ rootKey, serverURL: stub.url, retries: fast, ...options }), stub);
  } finally {
    await stub.stop();
  }
}

const api = success({ id: "api_1234", name: "payments" });
const verdict = success({ valid: true, code: "VALID", keyId: "key_1", enabled: true });
const identity = { id: "id_1", externalId: "user_1", meta: {}, ratelimits: [] };

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

describe("a response that is not from the API", () => {
  const cases: { name: string; reaction: Reaction; status: number; text: string }[] = [
    {
      name: "a page",
      reaction: { body: "<html>Welcome to the network</html>" },
      status: 200,
      text: "<html>Welcome",
    },
    { name: "empty", reaction: { body: "" }, status: 200, text: "" },
    {
      name: "cut off",
      reaction: { body: '{"meta":{"requestId":"req_1"},"data":{"id":"api', cutAt: 35 },
      status: 200,
      text: '{"meta":{"requestId"',
    },
    {
      name: "half of a JSON document",
      reaction: { body: '{"meta":{"requestId":"req_1"},"da' },
      status: 200,
      text: '{"meta"',
    },
    { name: "without data", reaction: { body: { meta: { requestId: "req_1" } } }, status: 200, text: "{" },
    { name: "with other data", reaction: success({ id: 7, name: "payments" }), status: 200, text: "{" },
    { name: "with null as data", reaction: success(null), status: 200, text: "{" },
    { name: "a list as data", reaction: success([]), status: 200, text: "{" },
    {
      name: "without meta",
      reaction: { body: { data: { id: "api_1", name: "payments" } } },
      status: 200,
      text: "{",
    },
    { name: "JSON null", reaction: { body: "null" }, status: 200, text: "null" },
    {
      name: "a proxy's 502",
      reaction: { status: 502, body: "<h1>Bad Gateway</h1>" },
      status: 502,
      text: "<h1>",
    },
    {
      name: "a 401 of another server",
      reaction: { status: 401, body: { message: "who are you" } },
      status: 401,
      text: "{",
    },
    {
      name: "a redirection",
      reaction: { status: 307, headers: { location: "http://127.0.0.1:1/" } },
      status: 307,
      text: "",
    },
  ];

  test.each(cases)(
    "($name) is a ResponseFormatError with its status and beginning",
    async ({ reaction, status, text }) => {
      await withStub(
        () => reaction,
        async (latchkey) => {
          const error = await caught(ResponseFormatError, latchkey.apis.getApi({ apiId: "api_1234" }));
          expect(error.status).toBe(status);
          expect(error.text).toStartWith(text);
          expect(error.message).toStartWith("apis.getApi got ");
          expect(error.message).toContain(String(status));
        },
        { retries: { strategy: "none" } },
      );
    },
  );

  test("is quoted in the error with its first 200 characters", async () => {
    await withStub(
      () => ({ body: "é".repeat(5000) }),
      async (latchkey) => {
        const error = await caught(ResponseFormatError, latchkey.apis.getApi({ apiId: "api_1234" }));
        expect(error.text).toBe("é".repeat(200));
      },
    );
  });

  test("is also detected by the items and the pagination of a list", async () => {
    const listed = [
      success([identity]),
      success([{ ...identity, id: null }], { pagination: { hasMore: false } }),
    ];
    for (const reaction of listed) {
      await withStub(
        () => reaction,
        async (latchkey) => void (await caught(ResponseFormatError, latchkey.identities.listIdentities())),
      );
    }
  });
});

describe("an error response", () => {
  test("of a status without its own class is an ApiError, and of any 5xx an InternalServerError", async () => {
    await withStub(
      (_, index) => refusal([408, 418, 507][index] ?? 500, "user/bad_request/request_timeout"),
      async (latchkey) => {
        for (const [status, name] of [
          [408, "ApiError"],
          [418, "ApiError"],
          [507, "InternalServerError"],
        ] as const) {
          const error = await caught(ApiError, latchkey.apis.getApi({ apiId: "api_1234" }));
          expect(error).toMatchObject({ status, name, code: "request_timeout" });
        }
      },
      { retries: { strategy: "none" } },
    );
  });

  test("becomes a message that says what is wrong, where, what to do, and the request's id", async () => {
    const errors = [
      { location: "body.ratelimits[0].limit", message: "is less than 1", fix: "use at least 1" },
      { location: "body.x", message: "is not a known field" },
      "not even a flaw",
    ];
    await withStub(
      (_, index) =>
        index === 0
          ? refusal(400, "unkey/application/invalid_input", { errors })
          : refusal(404, "unkey/data/identity_not_found"),
      async (latchkey) => {
        const wrong = await caught(BadRequestError, latchkey.identities.getIdentity({ identity: "user_1" }));
        expect(wrong.message).toBe(
          "identities.getIdentity returned 400 invalid_input: body.ratelimits[0].limit is less than 1; use at least 1 (and 1 more, req_stub).",
        );
        expect(wrong.errors.map(({ location }) => location)).toEqual(["body.ratelimits[0].limit", "body.x"]);
        const missing = await caught(ApiError, latchkey.identities.getIdentity({ identity: "user_1" }));
        expect(missing.message).toBe(
          "identities.getIdentity returned 404 identity_not_found: The stub refuses this; see http://stub/errors/unkey/data/identity_not_found (req_stub).",
        );
      },
    );
  });
});

describe("time", () => {
  test("ends a call that gets no response, and closes its connection", async () => {
    await withStub(
      () => "silence",
      async (latchkey, stub) => {
        const call = latchkey.apis.getApi({ apiId: "api_1234" }, { timeoutMs: 40 });
        expect((await caught(TimeoutError, call)).message).toBe("apis.getApi got no response within 40 ms.");
        await stub.quiet();
      },
    );
  });

  test("ends a call whose response never ends", async () => {
    await withStub(
      () => ({ headers: { "content-length": "1000" }, body: '{"meta":' }),
      async (latchkey, stub) => {
        await caught(TimeoutError, latchkey.apis.getApi({ apiId: "api_1234" }, { timeoutMs: 40 }));
        await stub.quiet();
      },
    );
  });

  test("includes the waits: a call that would have to wait longer fails with the last error", async () => {
    await withStub(
      () => refusal(503, "unkey/application/service_unavailable", { headers: { "retry-after": "5" } }),
      async (latchkey, stub) => {
        await caught(
          ServiceUnavailableError,
          latchkey.apis.getApi({ apiId: "api_1234" }, { timeoutMs: 4000 }),
        );
        expect(stub.seen).toHaveLength(1);
      },
    );
  });

  test("may be unlimited", async () => {
    await withStub(
      () => api,
      async (latchkey) => {
        const { data } = await latchkey.apis.getApi(
          { apiId: "api_1234" },
          { timeoutMs: Number.POSITIVE_INFINITY },
        );
        expect(data.name).toBe("payments");
        expect((await latchkey.apis.getApi({ apiId: "api_1234" }, { timeoutMs: 2 ** 40 })).data.name).toBe(
          "payments",
        );
      },
    );
  });

  test("ends a call even if the application's `fetch` ignores its signal", async () => {
    const latchkey = new Latchkey({ rootKey, fetch: () => new Promise(() => {}), timeoutMs: 20 });
    await caught(TimeoutError, latchkey.apis.getApi({ apiId: "api_1234" }));
  });
});

describe("a signal", () => {
  test("ends a call at once with the signal's reason as the error's cause, and closes the connection", async () => {
    const controller = new AbortController();
    const reason = new Error("the user left");
    await withStub(
      () => {
        controller.abort(reason);
        return "silence";
      },
      async (latchkey, stub) => {
        const call = latchkey.apis.getApi({ apiId: "api_1234" }, { signal: controller.signal });
        const error = await caught(AbortError, call);
        expect(error.cause).toBe(reason);
        expect(error.name).toBe("AbortError");
        await stub.quiet();
      },
    );
  });

  test("that is aborted already prevents a call from being sent", async () => {
    await withStub(
      () => api,
      async (latchkey, stub) => {
        const call = latchkey.apis.getApi({ apiId: "api_1234" }, { signal: AbortSignal.abort() });
        await caught(AbortError, call);
        expect(stub.seen).toHaveLength(0);
      },
    );
  });

  test("ends a wait between two attempts", async () => {
    const controller = new AbortController();
    await withStub(
      () => {
        setTimeout(() => controller.abort(), 20);
        return refusal(503, "unkey/application/service_unavailable", { headers: { "retry-after": "9" } });
      },
      async (latchkey, stub) => {
        await caught(AbortError, latchkey.apis.getApi({ apiId: "api_1234" }, { signal: controller.signal }));
        expect(stub.seen).toHaveLength(1);
      },
    );
  });

  test("has no listeners left of calls that have ended", async () => {
    const controller = new AbortController();
    const listened = { added: 0, removed: 0 };
    const { signal } = controller;
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    signal.addEventListener = (...given: Parameters<typeof add>) => {
      listened.added += 1;
      add(...given);
    };
    signal.removeEventListener = (...given: Parameters<typeof remove>) => {
      listened.removed += 1;
      remove(...given);
    };
    await withStub(
      () => api,
      async (latchkey) => {
        for (let call = 0; call < 3; call += 1) await latchkey.apis.getApi({ apiId: "api_1234" }, { signal });
      },
    );
    expect(listened).toEqual({ added: 3, removed: 3 });
  });
});

describe("a secret", () => {
  /** All text that a log could contain if an application logs an error or a client. */
  function shown(value: unknown): string {
    const json = JSON.stringify(value, Object.getOwnPropertyNames(Object(value)));
    return [inspect(value, { depth: 9, showHidden: true }), String(value), json, JSON.stringify(value)].join(
      "\n",
    );
  }

  const echoes: { name: string; reaction: Reaction }[] = [
    {
      name: "a proxy's page",
      reaction: { status: 502, body: `<pre>Authorization: Bearer ${rootKey}\n{"key":"${apiKey}"}</pre>` },
    },
    {
      name: "a refusal",
      reaction: {
        status: 400,
        body: {
          meta: { requestId: "req_1" },
          error: {
            title: rootKey,
            detail: `${apiKey} of ${rootKey}`,
            status: 400,
            type: `x/${apiKey}`,
            errors: [{ location: apiKey, message: rootKey }],
          },
        },
      },
    },
    { name: "a response of another shape", reaction: success([apiKey, rootKey]) },
    {
      name: "an incomplete response",
      reaction: { body: `{"data":{"key":"${apiKey}","x":"${rootKey}`, cutAt: 70 },
    },
  ];

  test.each(echoes)("is not in the error if $name echoes it", async ({ reaction }) => {
    await withStub(
      () => reaction,
      async (latchkey) => {
        const error = await caught(LatchkeyError, latchkey.keys.verifyKey({ key: apiKey }));
        expect(shown(error)).not.toContain(rootKey);
        expect(shown(error)).not.toContain(apiKey);
      },
    );
  });

  test("that was just created is not in the error if the response that contains it is incomplete", async () => {
    const body = { meta: { requestId: "req_1" }, data: { keyId: "key_1", key: apiKey } };
    const begins = JSON.stringify(body).indexOf(apiKey);
    for (const cutAt of [
      begins + 1,
      begins + 8,
      begins + apiKey.length,
      begins + apiKey.length + 2,
      undefined,
    ]) {
      await withStub(
        () => (cutAt === undefined ? { body: { ...body, meta: {} } } : { body, cutAt }),
        async (latchkey) => {
          const error = await caught(
            ResponseFormatError,
            latchkey.keys.createKey({ apiId: "api_1" }, { retries: { strategy: "none" } }),
          );
          expect(shown(error)).not.toContain("canary");
          expect(error.text).toContain("[hidden]");
        },
      );
    }
  });

  test("is not in the error of a `fetch` that quotes its request", async () => {
    const latchkey = new Latchkey({
      rootKey,
      retries: { strategy: "none" },
      fetch: async (url, init) => {
        throw Object.assign(new Error(`could not send ${JSON.stringify(init)} to ${url}`), { request: init });
      },
    });
    const error = await caught(ConnectionError, latchkey.keys.verifyKey({ key: apiKey }));
    expect(shown(error)).not.toContain(rootKey);
    expect(shown(error)).not.toContain(apiKey);
    expect(error.cause).toBeInstanceOf(Error);
  });

  test("in a call's own Authorization header is masked like the root key", async () => {
    await withStub(
      ({ headers }) => ({ status: 500, body: headers["authorization"] }),
      async (latchkey) => {
        const headers = { authorization: "Bearer another_canary_1234" };
        const error = await caught(
          LatchkeyError,
          latchkey.apis.getApi({ apiId: "api_1" }, { headers, retries: { strategy: "none" } }),
        );
        expect(shown(error)).not.toContain("another_canary_1234");
      },
    );
  });

  test("is not in a client's own output, nor in the error for an invalid header", () => {
    const latchkey = new Latchkey({ rootKey, headers: { "x-token": "canary_header" } });
    expect(shown(latchkey)).not.toContain("canary");
    expect(Object.keys(latchkey)).toEqual(Object.keys(operations));
    const headers = { "x-token": "canary\nheader" };
    expect(() => new Latchkey({ rootKey, headers })).toThrow(/^(?!.*canary)/s);
  });
});
