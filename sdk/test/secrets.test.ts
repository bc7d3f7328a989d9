import { describe, expect, test } from "bun:test";
import { inspect } from "node:util";
import { ConnectionError, Latchkey, LatchkeyError, ResponseFormatError } from "../src/index.ts";
import { operations } from "../src/table.gen.ts";
import { caught } from "./caught.ts";
import { type Reaction, success } from "./stub.ts";
import { apiKey, rootKey, withStub } from "./withStub.ts";

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
