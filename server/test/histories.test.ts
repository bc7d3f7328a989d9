import { afterAll, beforeAll, expect, test } from "bun:test";
import fc from "fast-check";
import { engines, startTest, type TestServer } from "./harness.ts";

/** A call, in whose body `#<kind>:<n>` stands for the n-th record of this kind that the server has created. */
type Call = { operation: string; body: object; advanceMs?: number };

const pick = <T>(...values: T[]) => fc.constantFrom(...values);
const some = pick(0, 0, 0, 1, 2);
const ref = (kind: string) => some.map((n) => `#${kind}:${n}`);
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });
const stateful = <T>(value: fc.Arbitrary<T>) => fc.option(fc.option(value), { nil: undefined });

const externalId = pick("user", "user", "User", "a.b", "A.B", "a_b");
const slug = pick("a.read", "a.*", "B.read", "b:x");
const roleName = pick("editor", "Editor", "Ärger", "zebra");
const meta = pick({}, { plan: "pro" }, { a: null, list: [1, "2"], "1": 2 }, { text: "ü😀" });
const ratelimits = fc.array(
  fc.record({
    name: pick("api", "API", "x_y"),
    limit: pick(1, 3),
    duration: pick(1_000, 60_000),
    autoApply: fc.boolean(),
  }),
  { maxLength: 2 },
);
const credits = fc.record({
  remaining: pick(0, 1, 5, null),
  refill: maybe(fc.record({ interval: pick("daily", "monthly"), amount: pick(1, 4) })),
});
const keyFields = {
  name: maybe(pick("one", "two")),
  externalId: maybe(externalId),
  meta: maybe(meta),
  roles: maybe(fc.array(roleName, { maxLength: 2 })),
  permissions: maybe(fc.array(slug, { maxLength: 3 })),
  credits: maybe(credits),
  ratelimits: maybe(ratelimits),
  enabled: maybe(fc.boolean()),
};
const paging = {
  limit: maybe(pick(1, 2, 100)),
  cursor: pick(undefined, undefined, undefined, undefined, "#cursor:0"),
};
/** Texts to search for. None can be found by chance in the random part of an id. */
const search = maybe(pick("A.B", "_", "%", ".", "Ä", "ä", "\\"));

const bodies: Record<string, fc.Arbitrary<object>> = {
  "identities.createIdentity": fc.record({ externalId, meta: maybe(meta), ratelimits: maybe(ratelimits) }),
  "identities.updateIdentity": fc.record({
    identity: fc.oneof(externalId, ref("id")),
    meta: maybe(meta),
    ratelimits: maybe(ratelimits),
  }),
  "identities.getIdentity": fc.record({ identity: fc.oneof(externalId, ref("id")) }),
  "identities.deleteIdentity": fc.record({ identity: fc.oneof(externalId, ref("id")) }),
  "identities.listIdentities": fc.record({ ...paging, search }),
  "apis.createApi": fc.record({ name: pick("payments", "支付 api") }),
  "apis.deleteApi": fc.record({ apiId: pick("#api:1", "#api:1", "#api:0") }),
  "apis.listKeys": fc.record({ ...paging, apiId: ref("api"), externalId: maybe(externalId) }),
  "keys.createKey": fc.record({ apiId: ref("api"), ...keyFields }),
  "keys.updateKey": fc.record({
    keyId: ref("key"),
    ...keyFields,
    name: stateful(pick("one", "two")),
    externalId: stateful(externalId),
    meta: stateful(meta),
    credits: stateful(credits),
  }),
  "keys.getKey": fc.record({ keyId: ref("key") }),
  "keys.deleteKey": fc.record({ keyId: ref("key"), permanent: maybe(fc.boolean()) }),
  "keys.rerollKey": fc.record({ keyId: ref("key"), expiration: pick(0, 60_000) }),
  "keys.verifyKey": fc.record({
    key: ref("secret"),
    permissions: maybe(pick("a.read", "a.read AND b:x", "B.read OR c")),
    credits: maybe(fc.record({ cost: pick(0, 1, 3) })),
    ratelimits: maybe(
      fc.array(fc.record({ name: pick("api", "API"), cost: maybe(pick(0, 1, 2)) }), { maxLength: 2 }),
    ),
  }),
  "keys.updateCredits": fc.record({
    keyId: ref("key"),
    operation: pick("set", "increment", "decrement"),
    value: stateful(pick(0, 3)),
  }),
  "keys.setRoles": fc.record({ keyId: ref("key"), roles: fc.array(roleName, { maxLength: 2 }) }),
  "keys.addPermissions": fc.record({ keyId: ref("key"), permissions: fc.array(slug, { maxLength: 2 }) }),
  "permissions.createRole": fc.record({
    name: roleName,
    permissions: maybe(fc.array(slug, { maxLength: 2 })),
  }),
  "permissions.deleteRole": fc.record({ role: fc.oneof(roleName, ref("role")) }),
  "permissions.deletePermission": fc.record({ permission: fc.oneof(slug, ref("perm")) }),
  "permissions.listRoles": fc.record({ ...paging, search }),
  "permissions.listPermissions": fc.record({ ...paging, search }),
  "ratelimit.limit": fc.record({
    namespace: pick("mail", "Mail", "ü"),
    identifier: pick("a", "A", "a*"),
    limit: pick(1, 3),
    duration: pick(1_000, 60_000),
    cost: maybe(pick(0, 2)),
  }),
  "ratelimit.setOverride": fc.record({
    namespace: pick("mail", "ü"),
    identifier: pick("a", "a*", "*", "A"),
    limit: pick(0, 2),
    duration: pick(1_000, 60_000),
  }),
  "ratelimit.deleteOverride": fc.record({ namespace: pick("mail", "ü"), identifier: pick("a", "a*") }),
  "ratelimit.listOverrides": fc.record({ namespace: pick("mail", "ü"), ...paging }),
  "audit.listEvents": fc.record({ ...paging, event: maybe(pick("key.update", "identity.create")) }),
};

const calls: fc.Arbitrary<Call> = fc.oneof(
  ...Object.entries(bodies).map(([operation, body]) => ({
    weight: operation.includes("list") ? 3 : 2,
    arbitrary: fc.record({
      operation: fc.constant(operation),
      body,
      advanceMs: pick(0, 0, 500, 61_000, 86_400_000),
    }),
  })),
);

/**
 * One of the two servers that are compared. It remembers its generated ids and keys in the order of its responses: the
 * nth of one server stands for the nth of the other.
 */
function party(server: TestServer) {
  const made = new Map<string, string[]>();
  const known = new Map<string, string>();
  let rootKey = "";

  /** Returns the response with each id, key and cursor replaced by the number under which it first appeared. */
  function comparable(text: string): string {
    return text
      .replace(/"start":"[^"]*"/g, '"start":"*"')
      .replace(/127\.0\.0\.1:\d+/g, "host")
      .replace(/"key":"([^"]*)"/g, (_, secret: string) => `"key":"${nameOf("secret", secret)}"`)
      .replace(/cursor_[\w-]+/g, (cursor) => nameOf("cursor", cursor))
      .replace(/\b([a-z]{2,8})_[0-9A-Za-z]{22}\b/g, (id, prefix: string) => nameOf(prefix, id));
  }

  function nameOf(kind: string, value: string): string {
    const before = known.get(value);
    if (before !== undefined) return before;
    const all = made.get(kind) ?? [];
    made.set(kind, [...all, value]);
    known.set(value, `#${kind}:${all.length}`);
    return `#${kind}:${all.length}`;
  }

  return {
    async begin() {
      const workspaceId = await server.makeWorkspace();
      rootKey = await server.makeRootKey(["*"], { workspaceId });
      made.clear();
      known.clear();
    },
    async ask({ operation, body, advanceMs = 0 }: Call): Promise<string> {
      server.clock.advance(advanceMs);
      const text = JSON.stringify(body).replace(
        /#([a-z]+):(\d+)/g,
        (_, kind: string, n: string) => made.get(kind)?.[Number(n)] ?? `${kind}_0000000000000000000000`,
      );
      const reply = await server.call(operation, text, { rootKey });
      return `${operation} ${reply.status} ${comparable(reply.text)}`;
    },
  };
}

const servers: TestServer[] = [];
beforeAll(async () => {
  for (const engine of engines) servers.push(await startTest({ engine }));
}, 60_000);
afterAll(async () => {
  for (const server of servers) await server.stop();
});

test("every engine gives the same responses to every history", async () => {
  const parties = servers.map(party);
  const limit = { name: "api", limit: 3, duration: 60_000, autoApply: true };
  const prologue: Call[] = [
    { operation: "apis.createApi", body: { name: "payments" } },
    { operation: "permissions.createRole", body: { name: "editor", permissions: ["a.read"] } },
    { operation: "identities.createIdentity", body: { externalId: "user", ratelimits: [limit] } },
    {
      operation: "keys.createKey",
      body: { apiId: "#api:0", externalId: "user", roles: ["editor"], credits: { remaining: 9 } },
    },
    { operation: "keys.createKey", body: { apiId: "#api:0", permissions: ["b:x"], ratelimits: [limit] } },
    {
      operation: "ratelimit.limit",
      body: { namespace: "mail", identifier: "a", limit: 3, duration: 60_000 },
    },
  ];
  await fc.assert(
    fc.asyncProperty(fc.array(calls, { minLength: 30, maxLength: 60, size: "max" }), async (history) => {
      await Promise.all(parties.map((one) => one.begin()));
      for (const call of [...prologue, ...history]) {
        const [first, ...others] = await Promise.all(parties.map((one) => one.ask(call)));
        for (const other of others) expect(other).toBe(first ?? "");
        expect(first).not.toMatch(/^\S+ 5\d\d /);
      }
    }),
    { numRuns: 10, endOnFailure: true },
  );
}, 120_000);
