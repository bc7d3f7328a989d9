import { beforeAll, describe, expect, test } from "bun:test";
import { startTest } from "../../server/test/harness.ts";
import { testServer } from "../../server/test/setUp.ts";
import {
  ApiError,
  BadRequestError,
  ConflictError,
  ContentTooLargeError,
  ForbiddenError,
  Latchkey,
  LatchkeyError,
  NotFoundError,
  type Page,
  PreconditionFailedError,
  TooManyRequestsError,
  UnauthorizedError,
  UnprocessableError,
  UnsupportedMediaTypeError,
} from "../src/index.ts";
import { caught } from "./caught.ts";
import { startStub } from "./stub.ts";

type Call = (input?: unknown) => Promise<unknown>;
type AnyClient = Record<string, Record<string, Call>>;
type Post = {
  requestBody: { content: { "application/json": { example: unknown } } };
  responses: Record<string, unknown>;
};

const { paths } = (await Bun.file(new URL("../../openapi.json", import.meta.url)).json()) as {
  paths: Record<string, { post?: Post }>;
};
const documented = Object.entries(paths).flatMap(([path, { post }]) =>
  post === undefined
    ? []
    : [
        {
          name: path.replace("/v2/", ""),
          example: post.requestBody.content["application/json"].example,
          statuses: Object.keys(post.responses).map(Number),
        },
      ],
);

const server = testServer();
let latchkey: Latchkey;

beforeAll(async () => {
  latchkey = new Latchkey({ rootKey: server.rootKey, serverURL: server.url });
});

describe("the client", () => {
  test("has a call for each operation of openapi.json, and no other", () => {
    const calls = Object.entries(latchkey).flatMap(([group, verbs]) =>
      Object.keys(verbs).map((verb) => `${group}.${verb}`),
    );
    expect(calls.sort()).toEqual(documented.map(({ name }) => name).sort());
  });

  test.each(documented)(
    "$name sends its documented example to the server",
    async ({ name, example, statuses }) => {
      const [group = "", verb = ""] = name.split(".");
      const outcome = (latchkey as unknown as AnyClient)[group]?.[verb]?.(example);
      const seen = await Promise.resolve(outcome).catch((error: unknown) => {
        if (error instanceof ApiError) return error;
        throw error;
      });
      if (!(seen instanceof ApiError)) return expect(seen).toHaveProperty("meta.requestId");
      expect(seen.code).not.toBe("unknown_operation");
      expect(seen.code).not.toBe("invalid_input");
      expect(statuses).toContain(seen.status);
    },
  );

  test("has a class for each documented status", () => {
    const statuses = new Set(
      documented.flatMap(({ statuses }) => statuses).filter((status) => status >= 400),
    );
    const known = [400, 401, 403, 404, 409, 412, 413, 415, 422, 429, 500, 503];
    expect([...statuses].filter((status) => !known.includes(status))).toEqual([]);
  });

  test("has calls that also work when they are stored in variables", async () => {
    const { createIdentity } = latchkey.identities;
    expect((await createIdentity({ externalId: "taken" })).data.identityId).toStartWith("id_");
  });
});

describe("an identity", () => {
  test("is created, read, updated and deleted, with meta of the client's own type", async () => {
    const typed = new Latchkey<{ identity: { plan: "free" | "pro" } }>({
      rootKey: server.rootKey,
      serverURL: server.url,
    });
    const { data } = await typed.identities.createIdentity({
      externalId: "whole_life",
      meta: { plan: "free" },
      ratelimits: [{ name: "requests", limit: 10, duration: 60_000 }],
    });
    const read = await typed.identities.getIdentity({ identity: "whole_life" });
    expect(read.meta.requestId).toStartWith("req_");
    expect(read.data).toMatchObject({ id: data.identityId, meta: { plan: "free" } });
    const plan: "free" | "pro" = read.data.meta.plan;
    expect(plan).toBe("free");
    const updated = await typed.identities.updateIdentity({ identity: "whole_life", meta: { plan: "pro" } });
    expect(updated.data.meta.plan).toBe("pro");
    const other = await typed.identities.getIdentity<{ identity: { seats?: number } }>({
      identity: "whole_life",
    });
    expect(other.data.meta.seats).toBeUndefined();
    const deleted = await typed.identities.deleteIdentity({ identity: "whole_life" });
    expect(Object.keys(deleted)).toEqual(["meta"]);
    await caught(NotFoundError, typed.identities.getIdentity({ identity: "whole_life" }));
  });

  test("is created once even if the responses to the first two attempts are lost", async () => {
    const lossy = await startStub(async ({ path, headers, body }, index) => {
      const response = await fetch(server.url + path, { method: "POST", headers, body });
      const text = await response.text();
      return index < 2 ? "close" : { status: response.status, body: text };
    });
    const retries = { strategy: "backoff", backoff: { initialInterval: 1 } } as const;
    const client = new Latchkey({ rootKey: server.rootKey, serverURL: lossy.url, retries });
    const { data } = await client.identities.createIdentity({ externalId: "created_once" });
    expect(lossy.seen).toHaveLength(3);
    const found = await latchkey.identities.getIdentity({ identity: "created_once" });
    expect(data.identityId).toBe(found.data.id);
    await lossy.stop();
  });
});

describe("a list", () => {
  const externalIds = Array.from({ length: 7 }, (_, index) => `listed_${index}`);
  const search = "listed_";
  beforeAll(async () => {
    for (const externalId of externalIds) await latchkey.identities.createIdentity({ externalId });
  });

  test("is read page by page with next(), which returns null after the last", async () => {
    const pages: number[] = [];
    let page: Page<{ externalId: string }> | null = await latchkey.identities.listIdentities({
      limit: 3,
      search,
    });
    for (; page !== null; page = await page.next()) {
      pages.push(page.data.length);
      expect(page.pagination.hasMore).toBe(pages.length < 3);
    }
    expect(pages).toEqual([3, 3, 1]);
  });

  test("is iterated item by item over all pages", async () => {
    const seen: string[] = [];
    for await (const identity of latchkey.identities.listIdentities({ limit: 2, search }))
      seen.push(identity.externalId);
    expect(seen).toEqual(externalIds);
  });

  test("is iterated page by page with pages()", async () => {
    const sizes: number[] = [];
    for await (const page of latchkey.identities.listIdentities({ limit: 5, search }).pages())
      sizes.push(page.data.length);
    expect(sizes).toEqual([5, 2]);
  });

  test("requests no page before it is needed", async () => {
    let asked = 0;
    const counting = new Latchkey({
      rootKey: server.rootKey,
      serverURL: server.url,
      fetch: (url, init) => {
        asked += 1;
        return fetch(url, init);
      },
    });
    for await (const _ of counting.identities.listIdentities({ limit: 3, search })) break;
    expect(asked).toBe(1);
    const call = counting.identities.listIdentities({ limit: 3, search });
    const again: string[][] = [[], []];
    for (const list of again) for await (const { externalId } of call) list.push(externalId);
    expect(again).toEqual([externalIds, externalIds]);
    expect((await call).data).toHaveLength(3);
  });

  test("can be called without input if no field is required", async () => {
    const page = await latchkey.identities.listIdentities();
    expect(page.data.length).toBeGreaterThanOrEqual(externalIds.length);
    expect(await page.next()).toBeNull();
  });

  test("fails with the error of its first page, whether it is awaited or iterated", async () => {
    const call = () => latchkey.identities.listIdentities({ cursor: "no cursor" });
    await caught(BadRequestError, call());
    const iterate = async () => {
      for await (const _ of call()) throw new Error("there is no item");
    };
    await caught(BadRequestError, iterate());
  });
});

describe("a verdict", () => {
  test("has the identity of a valid key, nothing about an unknown one, and the reason of a refusal", async () => {
    const { apiId } = (await latchkey.apis.createApi({ name: "verdicts" })).data;
    await latchkey.identities.createIdentity({ externalId: "verified", meta: { plan: "pro" } });
    const made = await latchkey.keys.createKey({
      apiId,
      externalId: "verified",
      ratelimits: [{ name: "requests", limit: 1, duration: 60_000, autoApply: true }],
    });
    const { key, keyId } = made.data;
    const passed = (await latchkey.keys.verifyKey({ key })).data;
    if (!passed.valid) throw new Error(passed.code);
    expect(passed.identity?.externalId).toBe("verified");
    const limited = (await latchkey.keys.verifyKey({ key })).data;
    if (limited.valid || limited.code === "NOT_FOUND") throw new Error(limited.code);
    expect(limited).toMatchObject({ code: "RATE_LIMITED", keyId });
    expect(limited.ratelimits?.[0]).toMatchObject({ name: "requests", exceeded: true });
    expect((await latchkey.keys.verifyKey({ key: "unknown" })).data).toEqual({
      valid: false,
      code: "NOT_FOUND",
    });
  });
});

describe("a refusal of the server", () => {
  const cases: {
    name: string;
    kind: typeof ApiError;
    status: number;
    code: string;
    call(): Promise<unknown>;
  }[] = [
    {
      name: "an invalid input",
      kind: BadRequestError,
      status: 400,
      code: "invalid_input",
      call: () => latchkey.identities.createIdentity({ externalId: "with space" }),
    },
    {
      name: "an unknown root key",
      kind: UnauthorizedError,
      status: 401,
      code: "key_not_found",
      call: () =>
        new Latchkey({ rootKey: "unknown_root_key", serverURL: server.url }).identities.listIdentities(),
    },
    {
      name: "a missing permission",
      kind: ForbiddenError,
      status: 403,
      code: "insufficient_permissions",
      call: async () =>
        new Latchkey({
          rootKey: await server.makeRootKey(["api.*.create_api"]),
          serverURL: server.url,
        }).identities.createIdentity({ externalId: "x" }),
    },
    {
      name: "a record that does not exist",
      kind: NotFoundError,
      status: 404,
      code: "identity_not_found",
      call: () => latchkey.identities.getIdentity({ identity: "nobody" }),
    },
    {
      name: "a record that exists already",
      kind: ConflictError,
      status: 409,
      code: "identity_already_exists",
      call: async () => [
        await latchkey.identities.createIdentity({ externalId: "twice" }),
        await latchkey.identities.createIdentity({ externalId: "twice" }),
      ],
    },
    {
      name: "a feature that is not set up",
      kind: PreconditionFailedError,
      status: 412,
      code: "precondition_failed",
      call: async () =>
        latchkey.keys.createKey({
          apiId: (await latchkey.apis.createApi({ name: "recover" })).data.apiId,
          recoverable: true,
        }),
    },
    {
      name: "a body that is too large",
      kind: ContentTooLargeError,
      status: 413,
      code: "request_body_too_large",
      call: () =>
        latchkey.identities.createIdentity({ externalId: "large", meta: { text: "x".repeat(2 ** 21) } }),
    },
    {
      name: "a Content-Type other than JSON",
      kind: UnsupportedMediaTypeError,
      status: 415,
      code: "unsupported_media_type",
      call: () =>
        latchkey.identities.getIdentity({ identity: "x" }, { headers: { "content-type": "text/plain" } }),
    },
    {
      name: "an Idempotency-Key used with another input",
      kind: UnprocessableError,
      status: 422,
      code: "idempotency_key_reused",
      call: async () => [
        await latchkey.identities.createIdentity({ externalId: "first" }, { idempotencyKey: "same" }),
        await latchkey.identities.createIdentity({ externalId: "second" }, { idempotencyKey: "same" }),
      ],
    },
  ];

  test.each(cases)("of $name is a $status", async ({ kind, status, code, call }) => {
    const error = await caught(kind, call());
    expect(error).toMatchObject({ status, code, name: kind.prototype.name });
    expect(error).toBeInstanceOf(ApiError);
    expect(error).toBeInstanceOf(LatchkeyError);
    expect(error.type).toStartWith(`${server.url}/errors/`);
    expect(error.requestId).toBe(error.headers.get("x-request-id") ?? "");
    expect(error.message).toContain(error.requestId);
    expect(JSON.parse(error.body)).toMatchObject({ error: { status } });
    expect(error.detail.length * error.title.length).toBeGreaterThan(0);
  });

  test("of an invalid input has the location and fix of each error", async () => {
    const input = { externalId: "x", ratelimits: [{ name: "requests", limit: 0, duration: 1 }], extra: 1 };
    const { errors, message } = await caught(BadRequestError, latchkey.identities.createIdentity(input));
    expect(errors.map(({ location }) => location)).toEqual([
      "body.ratelimits[0].limit",
      "body.ratelimits[0].duration",
      "body.extra",
    ]);
    expect(errors.every(({ fix }) => fix !== undefined)).toBe(true);
    expect(message).toContain("body.ratelimits[0].limit");
  });

  test("of too many requests says how long to wait", async () => {
    const limited = await startTest({ config: { WORKSPACE_REQUESTS_PER_MINUTE: "1" } });
    const client = new Latchkey({ rootKey: limited.rootKey, serverURL: limited.url });
    await client.identities.listIdentities();
    const error = await caught(TooManyRequestsError, client.identities.listIdentities());
    expect(error.code).toBe("workspace_rate_limited");
    expect(error.retryAfterMs).toBeGreaterThan(10_000);
    await limited.stop();
  });
});
