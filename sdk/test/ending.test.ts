import { describe, expect, test } from "bun:test";
import { AbortError, Latchkey, ServiceUnavailableError, TimeoutError } from "../src/index.ts";
import { caught } from "./caught.ts";
import { refusal } from "./stub.ts";
import { api, rootKey, withStub } from "./withStub.ts";

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
