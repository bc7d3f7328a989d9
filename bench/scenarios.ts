import { randomBytes } from "node:crypto";
import { numberMark } from "./load.ts";

export type Call = <T>(operation: string, body: object) => Promise<T>;

/** The requests of a scenario: bodies that are sent in turn, and a text that every response must contain. */
export type Requests = { operation: string; bodies: readonly object[]; expected: string };

/**
 * Requests that any server with this API can serve. `prepare` first creates the records they need, under new
 * random names.
 */
export type Scenario = { title: string; prepare(call: Call): Promise<Requests> };

const huge = 1_000_000_000_000;
const hourMs = 3_600_000;
export const window = { limit: huge, duration: hourMs };
const valid = '"code":"VALID"';
/** How many keys or identities a scenario with many of them creates. */
const many = 10_000;

export const scenarios: Record<string, Scenario> = {
  verify: { title: "keys.verifyKey, one shared limit, the same key", prepare: (call) => verify(call, 1) },
  "verify-keys": {
    title: "keys.verifyKey, one shared limit, 10,000 keys one after another",
    prepare: (call) => verify(call, many),
  },
  "verify-credits": { title: "keys.verifyKey, credits", prepare: verifyCredits },
  batch: { title: "keys.verifyKeys, 16 times the same key", prepare: verifyBatch },
  limit: { title: "ratelimit.limit, the same identifier", prepare: limit },
  create: { title: "identities.createIdentity with two limits", prepare: createIdentity },
  "create-key": { title: "keys.createKey for an identity", prepare: createKey },
  get: { title: "identities.getIdentity with two limits", prepare: getIdentity },
  update: { title: "identities.updateIdentity, new metadata", prepare: updateIdentity },
  list: { title: "identities.listIdentities, 100 of 10,000", prepare: listIdentities },
};

const newName = (kind: string) => `${kind}_${randomBytes(6).toString("hex")}`;

/** The input that creates an identity with two limits. Only the first has `autoApply`. */
const newIdentity = (externalId: string) => ({
  externalId,
  meta: { plan: "pro" },
  ratelimits: [
    { name: "requests", ...window, autoApply: true },
    { name: "tokens", ...window, autoApply: false },
  ],
});

/**
 * Creates an identity and an api. In the result, `make` creates a key of that identity in that api and returns the key.
 * `body` is the input of `keys.createKey` with which `make` does so.
 */
export async function keyMaker(call: Call, ratelimits: object[] = newIdentity("").ratelimits) {
  const externalId = newName("user");
  await call("identities.createIdentity", { ...newIdentity(externalId), ratelimits });
  const { apiId } = await call<{ apiId: string }>("apis.createApi", { name: newName("payments") });
  const body = { apiId, externalId, prefix: "prod", name: "a key" };
  return {
    body,
    make: async (more: object = {}) =>
      (await call<{ key: string }>("keys.createKey", { ...body, ...more })).key,
  };
}

/** Runs `work` for each number from 0 to `count` - 1, a hundred of them at a time. */
export async function inHundreds<T>(count: number, work: (index: number) => Promise<T>): Promise<T[]> {
  const done: T[] = [];
  while (done.length < count) {
    const some = Array.from({ length: Math.min(100, count - done.length) }, (_, i) => work(done.length + i));
    done.push(...(await Promise.all(some)));
  }
  return done;
}

async function verify(call: Call, keyCount: number): Promise<Requests> {
  const { make } = await keyMaker(call);
  const keys = await inHundreds(keyCount, () => make());
  await inHundreds(keyCount, (index) => call("keys.verifyKey", { key: keys[index] }));
  return { operation: "keys.verifyKey", bodies: keys.map((key) => ({ key })), expected: valid };
}

async function verifyCredits(call: Call): Promise<Requests> {
  const { make } = await keyMaker(call, []);
  const key = await make({ credits: { remaining: huge } });
  return { operation: "keys.verifyKey", bodies: [{ key }], expected: valid };
}

/** Each request verifies 16 keys, so its figures are for 16 verifications. */
async function verifyBatch(call: Call): Promise<Requests> {
  const { make } = await keyMaker(call);
  const key = await make();
  const body = Array.from({ length: 16 }, () => ({ key }));
  return { operation: "keys.verifyKeys", bodies: [body], expected: valid };
}

async function limit(call: Call): Promise<Requests> {
  const namespace = newName("email");
  const body = { namespace, identifier: "user_1", ...window };
  await call("ratelimit.limit", body);
  return { operation: "ratelimit.limit", bodies: [body], expected: '"success":true' };
}

async function createIdentity(): Promise<Requests> {
  const body = newIdentity(`${newName("user")}_${numberMark}`);
  return { operation: "identities.createIdentity", bodies: [body], expected: '"identityId":"' };
}

async function createKey(call: Call): Promise<Requests> {
  const { body } = await keyMaker(call);
  return { operation: "keys.createKey", bodies: [body], expected: '"keyId":"' };
}

async function getIdentity(call: Call): Promise<Requests> {
  const identity = newName("user");
  await call("identities.createIdentity", newIdentity(identity));
  return {
    operation: "identities.getIdentity",
    bodies: [{ identity }],
    expected: `"externalId":"${identity}"`,
  };
}

async function updateIdentity(call: Call): Promise<Requests> {
  const identity = newName("user");
  await call("identities.createIdentity", newIdentity(identity));
  return {
    operation: "identities.updateIdentity",
    bodies: [{ identity, meta: { plan: numberMark } }],
    expected: '"plan":"',
  };
}

async function listIdentities(call: Call): Promise<Requests> {
  const prefix = newName("user");
  await inHundreds(many, (index) => call("identities.createIdentity", newIdentity(`${prefix}_${index}`)));
  return { operation: "identities.listIdentities", bodies: [{ limit: 100 }], expected: '"externalId":"' };
}
