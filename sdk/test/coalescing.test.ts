import { afterEach, describe, expect, test } from "bun:test";
import { testServer } from "../../server/test/setUp.ts";
import { AbortError, BadRequestError, Latchkey, type LatchkeyOptions, TimeoutError } from "../src/index.ts";
import { Latchkey as NodeLatchkey } from "../src/node/index.ts";
import { type Reaction, type Seen, type Stub, startStub, success } from "./stub.ts";

const valid = { valid: true, code: "VALID", keyId: "key_1", enabled: true };
const stubs: Stub[] = [];
afterEach(async () => {
  await Promise.all(stubs.splice(0).map((stub) => stub.stop()));
});

/** A server that holds back its responses until the test calls `open`. */
async function gated(react: (request: Seen, index: number) => Reaction = respond) {
  const gates: (() => void)[] = [];
  const stub = await startStub(async (request, index) => {
    await new Promise<void>((resolve) => gates.push(resolve));
    return react(request, index);
  });
  stubs.push(stub);
  const open = async () => {
    await until(() => gates.length > 0);
    gates.shift()?.();
  };
  return { stub, open };
}

function respond({ path, body }: Seen): Reaction {
  if (path.endsWith("verifyKey")) return success({ ...valid, name: JSON.parse(body).key });
  return success(
    (JSON.parse(body) as { key: string }[]).map(({ key }) => ({ data: { ...valid, name: key } })),
  );
}

/** The error that the call rejects with. */
const errorOf = (call: Promise<unknown>) =>
  call.then(
    () => undefined,
    (error: unknown) => error,
  );

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 1));
}

const clientOf = (serverURL: string, options: LatchkeyOptions = {}) =>
  new Latchkey({ rootKey: "latchkey_root_x", serverURL, retries: { strategy: "none" }, ...options });
const sizes = ({ seen }: Stub) =>
  seen.map(({ path, body }) => (path.endsWith("s") ? JSON.parse(body).length : 1));
const nameOf = async (call: Promise<{ data: { name?: string } | object }>) =>
  ((await call).data as { name?: string }).name;

describe.each([Latchkey, NodeLatchkey])("a client", (Client) => {
  const server = testServer();
  test("returns for coalesced verifications the results, errors and raw responses of single calls", async () => {
    const latchkey = new Client({ rootKey: server.rootKey, serverURL: server.url });
    const { data: api } = await latchkey.apis.createApi({ name: "api" });
    const { data: made } = await latchkey.keys.createKey({ apiId: api.apiId, credits: { remaining: 10 } });
    const verify = (input: Parameters<Latchkey["keys"]["verifyKey"]>[0]) => latchkey.keys.verifyKey(input);
    const first = verify({ key: made.key });
    const calls = [
      verify({ key: made.key, credits: { cost: 4 } }),
      verify({ key: made.key, permissions: "a AND" }),
      verify({ key: "unknown" }),
      verify({ key: made.key, credits: { cost: 6 } }),
    ] as const;
    const [one, invalid, unknown, refused] = await Promise.allSettled(calls);
    expect((await first).data).toMatchObject({ code: "VALID", credits: 9 });
    expect(one).toMatchObject({ value: { data: { code: "VALID", credits: 5 } } });
    expect(unknown).toMatchObject({ value: { data: { valid: false, code: "NOT_FOUND" } } });
    expect(refused).toMatchObject({ value: { data: { code: "USAGE_EXCEEDED", credits: 5 } } });
    const alone = await verify({ key: made.key, permissions: "a AND" }).catch((error: unknown) => error);
    const { reason } = invalid as PromiseRejectedResult;
    expect(reason).toBeInstanceOf(BadRequestError);
    const told = ({ status, code, detail, errors, type }: BadRequestError) => ({
      status,
      code,
      detail,
      errors,
      type,
    });
    expect(told(reason)).toEqual(told(alone as BadRequestError));
    const { response } = await calls[2].withResponse();
    expect([response.status, JSON.parse(response.text).data]).toEqual([
      200,
      { valid: false, code: "NOT_FOUND" },
    ]);
  });
});

test("a call is sent at once if none is in flight, and calls made meanwhile are sent in one request after it", async () => {
  const { stub, open } = await gated();
  const latchkey = clientOf(stub.url);
  const calls = Array.from({ length: 20 }, (_, index) =>
    nameOf(latchkey.keys.verifyKey({ key: `k${index}` })),
  );
  await open();
  await calls[0];
  await open();
  expect(await Promise.all(calls)).toEqual(calls.map((_, index) => `k${index}`));
  expect(sizes(stub)).toEqual([1, 19]);
  const alone = latchkey.keys.verifyKey({ key: "alone" });
  await open();
  await alone;
  expect(sizes(stub)).toEqual([1, 19, 1]);
});

test("a call that is aborted while it waits is never sent, and aborting one call of a batch does not affect the others", async () => {
  const { stub, open } = await gated();
  const latchkey = clientOf(stub.url);
  const first = latchkey.keys.verifyKey({ key: "first" });
  const waiting = new AbortController();
  const sent = new AbortController();
  const [never, ended, kept] = [
    latchkey.keys.verifyKey({ key: "never" }, { signal: waiting.signal }),
    latchkey.keys.verifyKey({ key: "ended" }, { signal: sent.signal }),
    latchkey.keys.verifyKey({ key: "kept" }),
  ];
  waiting.abort();
  expect(await errorOf(never)).toBeInstanceOf(AbortError);
  await open();
  await first;
  await until(() => stub.seen.length === 2);
  sent.abort();
  expect(await errorOf(ended)).toBeInstanceOf(AbortError);
  await open();
  expect(await nameOf(kept)).toBe("kept");
  expect(stub.seen[1]?.body).not.toContain("never");
});

test("each call has its own timeout, also while it waits, and a hung request does not delay later calls for long", async () => {
  const { stub, open } = await gated();
  const latchkey = clientOf(stub.url);
  const hung = latchkey.keys.verifyKey({ key: "hung" }, { timeoutMs: 60_000 }).catch(() => undefined);
  await until(() => stub.seen.length === 1);
  const short = latchkey.keys.verifyKey({ key: "short" }, { timeoutMs: 20 });
  expect(await errorOf(short)).toBeInstanceOf(TimeoutError);
  await new Promise((resolve) => setTimeout(resolve, 110));
  const later = latchkey.keys.verifyKey({ key: "later" });
  await until(() => stub.seen.length === 2);
  await open();
  await open();
  expect(await nameOf(later)).toBe("later");
  await hung;
});

test("if the server has no keys.verifyKeys, every call is sent alone, and later calls do not try it again", async () => {
  const unknown = {
    status: 404,
    body: {
      meta: { requestId: "req_1" },
      error: { title: "Not Found", detail: "unknown", status: 404, type: "x/unknown_operation" },
    },
  };
  const stub = await startStub((request) => (request.path.endsWith("s") ? unknown : respond(request)));
  stubs.push(stub);
  const latchkey = clientOf(stub.url);
  const verifyAll = () => Promise.all(["a", "b", "c"].map((key) => nameOf(latchkey.keys.verifyKey({ key }))));
  expect(await verifyAll()).toEqual(["a", "b", "c"]);
  expect(sizes(stub)).toEqual([1, 2, 1, 1]);
  expect(await verifyAll()).toEqual(["a", "b", "c"]);
  expect(sizes(stub).slice(4)).toEqual([1, 1, 1]);
});

test("a call is sent alone if the client has `coalesce: false` or the call has headers of its own", async () => {
  const stub = await startStub(respond);
  stubs.push(stub);
  const off = clientOf(stub.url, { coalesce: false });
  await Promise.all(["a", "b", "c"].map((key) => off.keys.verifyKey({ key })));
  const on = clientOf(stub.url);
  await Promise.all(
    ["a", "b", "c"].map((key) => on.keys.verifyKey({ key }, { headers: { "x-trace": key } })),
  );
  expect(sizes(stub)).toEqual([1, 1, 1, 1, 1, 1]);
});

test("a Cloudflare Worker sends each call alone, since one of its requests may not wait for another's, even if it has a Node version", async () => {
  const stub = await startStub(respond);
  stubs.push(stub);
  const userAgent = Object.getOwnPropertyDescriptor(navigator, "userAgent");
  Object.defineProperty(navigator, "userAgent", { value: "Cloudflare-Workers", configurable: true });
  try {
    const latchkey = clientOf(stub.url);
    await Promise.all(["a", "b", "c"].map((key) => latchkey.keys.verifyKey({ key })));
  } finally {
    if (userAgent === undefined) Reflect.deleteProperty(navigator, "userAgent");
    else Object.defineProperty(navigator, "userAgent", userAgent);
  }
  expect(sizes(stub)).toEqual([1, 1, 1]);
});

test("every call of a request fails if the request fails, and a call without an outcome in the response fails", async () => {
  const stub = await startStub((request) => {
    if (!request.path.endsWith("s")) return respond(request);
    return success([{ data: valid }]);
  });
  stubs.push(stub);
  const latchkey = clientOf(stub.url);
  const outcomes = await Promise.allSettled(["a", "b", "c"].map((key) => latchkey.keys.verifyKey({ key })));
  expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "fulfilled", "rejected"]);
  await stub.stop();
  stubs.splice(0);
  const after = await Promise.allSettled(["a", "b", "c"].map((key) => latchkey.keys.verifyKey({ key })));
  expect(after.map(({ status }) => status)).toEqual(["rejected", "rejected", "rejected"]);
});
