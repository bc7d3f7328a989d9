import { describe, expect, test } from "bun:test";
import { ApiError, BadRequestError, ResponseFormatError } from "../src/index.ts";
import { caught } from "./caught.ts";
import { type Reaction, refusal, success } from "./stub.ts";
import { withStub } from "./withStub.ts";

const identity = { id: "id_1", externalId: "user_1", meta: {}, ratelimits: [] };

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
