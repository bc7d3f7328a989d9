import { describe, expect, test } from "bun:test";
import { AbortError, ApiError, type HookOutcome, Latchkey, LatchkeyError } from "../src/index.ts";
import { isOlder } from "../src/runtimeChecks.ts";
import { version } from "../src/version.ts";
import { caught, thrown } from "./caught.ts";
import { refusal, startStub, success } from "./stub.ts";

const api = success({ id: "api_1234", name: "payments" });
const fast = { strategy: "backoff", backoff: { initialInterval: 1, maxInterval: 1 } } as const;
const unavailable = refusal(503, "unkey/application/service_unavailable");

describe("a call", () => {
  test("returns its raw response and headers on request", async () => {
    const stub = await startStub(({ path }) =>
      path.endsWith("listIdentities")
        ? success([], { pagination: { hasMore: false } })
        : { ...(api as object), headers: { "x-served-by": "one" } },
    );
    const latchkey = new Latchkey({ rootKey: "root_key", serverURL: stub.url });
    const call = latchkey.apis.getApi({ apiId: "api_1234" });
    const { data, response } = await call.withResponse();
    expect(data.name).toBe("payments");
    expect(response.status).toBe(200);
    expect(response.headers.get("x-served-by")).toBe("one");
    expect(JSON.parse(response.text)).toMatchObject({ data: { id: "api_1234" } });
    expect(await call).toMatchObject({ data: { name: "payments" } });
    const page = await latchkey.identities.listIdentities().withResponse();
    expect([page.data, page.response.status]).toEqual([[], 200]);
    await stub.stop();
  });

  test("is retried at most `maxRetries` times, whether the client or the call sets it", async () => {
    const stub = await startStub(() => unavailable);
    const latchkey = new Latchkey({ rootKey: "root_key", serverURL: stub.url, retries: fast, maxRetries: 2 });
    await caught(ApiError, latchkey.apis.getApi({ apiId: "api_1234" }));
    expect(stub.seen).toHaveLength(3);
    await caught(ApiError, latchkey.apis.getApi({ apiId: "api_1234" }, { maxRetries: 0 }));
    expect(stub.seen).toHaveLength(4);
    expect(thrown(() => new Latchkey({ maxRetries: -1 })).message).toContain("`maxRetries`");
    await stub.stop();
  });

  test("calls its hooks before and after each attempt, and sends the headers that they add", async () => {
    const stub = await startStub((_, index) => (index === 0 ? unavailable : api));
    const outcomes: Omit<HookOutcome, "durationMs">[] = [];
    const latchkey = new Latchkey({
      rootKey: "root_key",
      serverURL: stub.url,
      retries: fast,
      hooks: {
        beforeRequest: ({ headers, attempt }) =>
          void Object.assign(headers, { "x-attempt": String(attempt) }),
        afterResponse: ({ durationMs, ...outcome }) => {
          expect(durationMs).toBeGreaterThan(0);
          outcomes.push(outcome);
        },
      },
    });
    await latchkey.apis.getApi({ apiId: "api_1234" });
    expect(stub.seen.map(({ headers }) => headers["x-attempt"])).toEqual(["0", "1"]);
    const common = { operation: "apis.getApi", requestId: "req_stub" };
    expect(outcomes).toEqual([
      { ...common, attempt: 0, status: 503, error: expect.any(ApiError) },
      { ...common, attempt: 1, status: 200, error: undefined },
    ]);
    await stub.stop();
  });

  test("writes a debug log of its attempts in which secrets are masked", async () => {
    const stub = await startStub(({ body }) =>
      refusal(400, "unkey/application/invalid_input", { errors: [{ location: "body.key", message: body }] }),
    );
    const lines: string[] = [];
    const latchkey = new Latchkey({
      rootKey: "root_key_canary",
      serverURL: stub.url,
      debug: (line) => void lines.push(line),
    });
    await caught(LatchkeyError, latchkey.keys.verifyKey({ key: "api_key_canary", tags: ["one"] }));
    expect(lines).toHaveLength(2);
    expect(lines[0]).toContain("keys.verifyKey");
    expect(lines[0]).toContain('"tags":["one"]');
    expect(lines[1]).toContain("BadRequestError");
    expect(lines.join()).not.toContain("canary");
    await stub.stop();
  });

  test("names the package and the runtime in its User-Agent", async () => {
    const { version: published } = await Bun.file(new URL("../package.json", import.meta.url)).json();
    expect(version).toBe(published);
    const stub = await startStub(() => api);
    await new Latchkey({ rootKey: "root_key", serverURL: stub.url }).apis.getApi({ apiId: "api_1234" });
    expect(stub.seen[0]?.headers["user-agent"]).toBe(`latchkey-sdk/${version} bun/${Bun.version}`);
    await stub.stop();
  });

  test("adds one listener to a signal, however many calls share it, and removes it after the last call", async () => {
    const stub = await startStub(() => "silence");
    const latchkey = new Latchkey({ rootKey: "root_key", serverURL: stub.url });
    const controller = new AbortController();
    let listeners = 0;
    const { signal } = controller;
    const [add, remove] = [signal.addEventListener.bind(signal), signal.removeEventListener.bind(signal)];
    signal.addEventListener = (...parameters: Parameters<typeof add>) => {
      listeners += 1;
      add(...parameters);
    };
    signal.removeEventListener = (...parameters: Parameters<typeof remove>) => {
      listeners -= 1;
      remove(...parameters);
    };
    const calls = Array.from({ length: 50 }, () => latchkey.apis.getApi({ apiId: "api_1234" }, { signal }));
    expect(listeners).toBe(1);
    controller.abort();
    for (const call of calls) await caught(AbortError, call);
    expect(listeners).toBe(0);
    await stub.stop();
  });
});

describe("an error", () => {
  test("of one copy of the package is an instance of the other copy's class", async () => {
    const path = "../src/errors.ts?another-copy";
    const other = (await import(path)) as typeof import("../src/errors.ts");
    expect(other.ApiError).not.toBe(ApiError);
    const error = other.apiError("apis.getApi", {
      status: 404,
      code: "api_not_found",
      type: "",
      title: "",
      detail: "",
      errors: [],
      requestId: "req_1",
      headers: new Headers(),
      body: "",
    });
    expect(error instanceof ApiError).toBe(true);
    expect(error instanceof LatchkeyError).toBe(true);
    expect(error instanceof AbortError).toBe(false);
  });

  test("is not an instance of an application's own class", () => {
    class Own extends LatchkeyError {}
    expect(new LatchkeyError("x") instanceof Own).toBe(false);
    expect(new Own("x") instanceof Own).toBe(true);
    expect(new Own("x") instanceof LatchkeyError).toBe(true);
    expect(new Error("x") instanceof LatchkeyError).toBe(false);
  });
});

describe("a runtime", () => {
  test("that is a browser cannot create a client without `allowBrowser: true`", async () => {
    const script = `
      globalThis.document = {};
      Object.defineProperty(globalThis, "process", { value: undefined });
      const { Latchkey } = await import(${JSON.stringify(new URL("../src/index.ts", import.meta.url).href)});
      new Latchkey({ rootKey: "root_key", allowBrowser: true });
      try { new Latchkey({ rootKey: "root_key" }); } catch (error) { console.log(error.message); }`;
    const child = Bun.spawn([process.execPath, "-e", script], { stdout: "pipe" });
    expect(await new Response(child.stdout).text()).toContain("`allowBrowser: true`");
  });

  test.each([
    ["1.3.13", true],
    ["1.3.14", false],
    ["1.3.14-canary.1", false],
    ["1.4.0", false],
    ["0.9.99", true],
    ["2.0", false],
  ])("Bun %s is too old: %p", (version, expected) => {
    expect(isOlder(version, "1.3.14")).toBe(expected);
  });

  test("of Bun needs the version that package.json names in `engines`", async () => {
    const { engines } = await Bun.file(new URL("../package.json", import.meta.url)).json();
    const source = await Bun.file(new URL("../src/runtimeChecks.ts", import.meta.url)).text();
    expect(source).toContain(`"${engines.bun.slice(2)}"`);
  });
});
