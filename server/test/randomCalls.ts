/** Returns the next call of a random sequence. `names` are the names of everything that was created so far. */
export type RandomCalls = (names: readonly string[]) => {
  operation: string;
  /** the body as JSON, with names such as `<key 3>` for what the server has generated */
  body: string;
  idempotencyKey?: string;
};

/** Operations that are called more often than others: those that create records, and those that are the most used. */
const frequent = [
  "apis.createApi",
  "identities.createIdentity",
  "identities.updateIdentity",
  "keys.createKey",
  "keys.createKey",
  "keys.verifyKey",
  "keys.verifyKey",
  "permissions.createRole",
  "ratelimit.limit",
];

/**
 * Returns a sequence of random calls, always the same for a seed. Operations whose responses depend on when usage is
 * stored are not called.
 */
export function randomCalls(seed: number): RandomCalls {
  const random = generator(seed);
  return (names) => {
    const draw = drawer(random, names);
    const operation = draw.one(draw.chance(0.4) ? frequent : Object.keys(operations));
    const body = JSON.stringify(operations[operation]?.(draw));
    return draw.chance(0.05)
      ? { operation, body, idempotencyKey: `order-${draw.below(40)}` }
      : { operation, body };
  };
}

/** Returns a generator of random numbers: mulberry32, whose 32 bits of state are enough for a test. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

type Draw = ReturnType<typeof drawer>;

const letters = [
  "a",
  "A",
  "b",
  "é",
  "É",
  "e\u0301",
  "ß",
  "ı",
  "İ",
  "_",
  "%",
  "\\",
  "'",
  '"',
  " ",
  "😀",
  "ﬁ",
  "0",
  ".",
  "-",
];
const slugs = ["doc.read", "doc.write", "doc.*", "*", "billing", "DOC.read", "a_b", "a-b"];
const roles = ["editor", "Editor", "viewer", "no one"];
const startMs = Date.UTC(2026, 0, 15, 12);

function drawer(random: () => number, names: readonly string[]) {
  const below = (bound: number) => Math.floor(random() * bound);
  const chance = (share: number) => random() < share;
  const one = <T>(of: readonly T[]): T => of[below(of.length)] as T;
  const some = <T>(of: readonly T[], most: number): T[] => [
    ...new Set(Array.from({ length: below(most + 1) }, () => one(of))),
  ];
  /** Returns a random selection of the members; each has a chance of 40 %. */
  const partly = (members: Record<string, () => unknown>): Record<string, unknown> =>
    Object.fromEntries(
      Object.entries(members).flatMap(([name, make]) => (chance(0.4) ? [[name, make()]] : [])),
    );
  const text = (most: number) => Array.from({ length: 1 + below(most) }, () => one(letters)).join("");
  const made = (kind: string) => {
    const all = names.filter((name) => name.startsWith(`<${kind} `));
    return all.length === 0 || chance(0.05) ? `${kind}_0Ck3vDbnXhq2Tn6Yp1Zs4a` : one(all.slice(-25));
  };
  const externalId = () => `user_${below(12)}${chance(0.3) ? one(letters).trim() : ""}`;
  return { below, chance, one, some, partly, text, made, externalId };
}

const identity = (draw: Draw) => (draw.chance(0.5) ? draw.made("id") : draw.externalId());
const permission = (draw: Draw) => (draw.chance(0.5) ? draw.made("perm") : draw.one(slugs));
const role = (draw: Draw) => (draw.chance(0.5) ? draw.made("role") : draw.one(roles));
const namespace = (draw: Draw) => (draw.chance(0.3) ? draw.made("rlns") : `send.${draw.below(4)}`);
const identifier = (draw: Draw) => draw.one(["user_1", "user_2", "user_*", "*", "a_b", "100%"]);
const instant = (draw: Draw) => startMs + draw.below(40) * 3_600_000;

const limits = (draw: Draw) =>
  draw.some(["requests", "tokens", "Requests", "uploads"], 3).map((name) => ({
    name,
    limit: draw.one([1, 2, 5, 1_000, 2 ** 31]),
    duration: draw.one([1_000, 60_000, 86_400_000, 2_592_000_000]),
    autoApply: draw.chance(0.6),
  }));

const meta = (draw: Draw) => ({
  plan: draw.text(4),
  nested: { list: [1, 2.5, -0, 1e15, null, true], text: draw.text(8) },
});

const credits = (draw: Draw) => ({
  remaining: draw.one([0, 1, 5, 2 ** 33]),
  ...draw.partly({
    refill: () =>
      draw.chance(0.5)
        ? { interval: "daily", amount: draw.one([1, 10, 2 ** 40]) }
        : { interval: "monthly", amount: 7, refillDay: 1 + draw.below(31) },
  }),
});

const page = (draw: Draw) =>
  draw.partly({ limit: () => 1 + draw.below(5), cursor: () => draw.made("cursor") });
const search = (draw: Draw) =>
  draw.partly({ search: () => draw.one(["user", "USER", "_", "%", "\\", "é", "É", "ß", "0"]) });

const keyFields = (draw: Draw) =>
  draw.partly({
    name: () => draw.text(6),
    externalId: () => draw.externalId(),
    meta: () => meta(draw),
    expires: () => instant(draw),
    enabled: () => draw.chance(0.7),
    credits: () => credits(draw),
    ratelimits: () => limits(draw),
    roles: () => draw.some(roles, 2),
    permissions: () => draw.some(slugs, 3),
  });

const verification = (draw: Draw) => ({
  key: draw.made("secret"),
  ...draw.partly({
    permissions: () =>
      draw.one(["doc.read", "doc.read AND doc.write", "(billing OR a_b) AND doc.write", "x ("]),
    credits: () => ({ cost: draw.below(4) }),
    ratelimits: () =>
      draw.some(["requests", "tokens", "nowhere"], 2).map((name) => ({
        name,
        ...draw.partly({ cost: () => draw.below(4) }),
        ...(draw.chance(0.3) ? { limit: 3, duration: 60_000 } : {}),
      })),
  }),
});

const counted = (draw: Draw) => ({
  namespace: `send.${draw.below(4)}`,
  identifier: draw.one(["user_1", "user_2", "a_b", "other"]),
  limit: draw.one([1, 3, 100]),
  duration: draw.one([1_000, 60_000]),
  ...draw.partly({ cost: () => draw.below(4) }),
});

const operations: Record<string, (draw: Draw) => unknown> = {
  "apis.createApi": (draw) => ({ name: `api ${draw.text(4)}` }),
  "apis.deleteApi": (draw) => ({ apiId: draw.chance(0.1) ? draw.made("api") : "api_none" }),
  "apis.getApi": (draw) => ({ apiId: draw.made("api") }),
  "apis.listApis": (draw) => ({
    ...page(draw),
    ...search(draw),
    ...draw.partly({ order: () => draw.one(["asc", "desc"]) }),
  }),
  "apis.listKeys": (draw) => ({
    apiId: draw.made("api"),
    ...page(draw),
    ...draw.partly({ externalId: () => draw.externalId() }),
  }),
  "apis.updateApi": (draw) => ({
    apiId: draw.made("api"),
    ...draw.partly({ name: () => `api ${draw.text(4)}`, deleteProtection: () => draw.chance(0.3) }),
    ...draw.partly({ defaultPrefix: () => draw.one(["pay", null]) }),
  }),
  "audit.listEvents": (draw) => ({ ...page(draw), ...draw.partly({ targetId: () => draw.made("key") }) }),
  "identities.createIdentity": (draw) => ({
    externalId: draw.externalId(),
    ...draw.partly({ meta: () => meta(draw), ratelimits: () => limits(draw) }),
  }),
  "identities.deleteIdentity": (draw) => ({ identity: identity(draw) }),
  "identities.getIdentity": (draw) => ({ identity: identity(draw) }),
  "identities.getState": (draw) => ({ identity: identity(draw) }),
  "identities.listIdentities": (draw) => ({ ...page(draw), ...search(draw) }),
  "identities.updateIdentity": (draw) => ({
    identity: identity(draw),
    ...draw.partly({ meta: () => meta(draw), ratelimits: () => limits(draw) }),
  }),
  "keys.addPermissions": (draw) => ({ keyId: draw.made("key"), permissions: draw.some(slugs, 3) }),
  "keys.addRoles": (draw) => ({ keyId: draw.made("key"), roles: draw.some(roles, 2) }),
  "keys.createKey": (draw) => ({ apiId: draw.made("api"), ...keyFields(draw) }),
  "keys.deleteKey": (draw) => ({
    keyId: draw.made("key"),
    ...draw.partly({ permanent: () => draw.chance(0.5) }),
  }),
  "keys.getKey": (draw) => ({ keyId: draw.made("key") }),
  "keys.listKeys": (draw) => ({
    ...page(draw),
    ...search(draw),
    ...draw.partly({
      apiId: () => draw.made("api"),
      identity: () => draw.externalId(),
      enabled: () => draw.chance(0.5),
      role: () => role(draw),
      permission: () => permission(draw),
      order: () => draw.one(["asc", "desc"]),
    }),
    ...(draw.chance(0.3) ? { orderBy: "expires" } : {}),
  }),
  "keys.explain": verification,
  "keys.getState": (draw) => ({ keyId: draw.made("key") }),
  "keys.removePermissions": (draw) => ({ keyId: draw.made("key"), permissions: draw.some(slugs, 3) }),
  "keys.removeRoles": (draw) => ({ keyId: draw.made("key"), roles: draw.some(roles, 2) }),
  "keys.rerollKey": (draw) => ({ keyId: draw.made("key"), expiration: draw.one([0, 1_000, 3_600_000]) }),
  "keys.setPermissions": (draw) => ({ keyId: draw.made("key"), permissions: draw.some(slugs, 3) }),
  "keys.setRoles": (draw) => ({ keyId: draw.made("key"), roles: draw.some(roles, 2) }),
  "keys.updateCredits": (draw) => ({
    keyId: draw.made("key"),
    operation: draw.one(["set", "increment", "decrement"]),
    ...draw.partly({ value: () => draw.one([null, 0, 1, 3, 2 ** 34]) }),
  }),
  "keys.updateKey": (draw) => ({
    keyId: draw.made("key"),
    ...keyFields(draw),
    ...(draw.chance(0.2)
      ? draw.one([{ externalId: null }, { meta: null }, { credits: null }, { expires: null }])
      : {}),
  }),
  "keys.verifyKey": verification,
  "keys.verifyKeys": (draw) => Array.from({ length: 1 + draw.below(6) }, () => verification(draw)),
  "keys.whoami": (draw) => ({ key: draw.made("secret") }),
  "permissions.createPermission": (draw) => ({ name: `${draw.one(slugs)} right`, slug: draw.one(slugs) }),
  "permissions.createRole": (draw) => ({
    name: draw.one(roles),
    ...draw.partly({ permissions: () => draw.some(slugs, 3) }),
  }),
  "permissions.deletePermission": (draw) => ({ permission: permission(draw) }),
  "permissions.deleteRole": (draw) => ({ role: role(draw) }),
  "permissions.getPermission": (draw) => ({ permission: permission(draw) }),
  "permissions.getRole": (draw) => ({ role: role(draw) }),
  "permissions.listPermissions": (draw) => ({ ...page(draw), ...search(draw) }),
  "permissions.listRoles": (draw) => ({ ...page(draw), ...search(draw) }),
  "permissions.setRolePermissions": (draw) => ({ role: role(draw), permissions: draw.some(slugs, 3) }),
  "ratelimit.deleteOverride": (draw) => ({ namespace: namespace(draw), identifier: identifier(draw) }),
  "ratelimit.deleteNamespace": (draw) => ({ namespace: draw.chance(0.2) ? namespace(draw) : "none" }),
  "ratelimit.getNamespace": (draw) => ({ namespace: namespace(draw) }),
  "ratelimit.listNamespaces": (draw) => ({ ...page(draw), ...search(draw) }),
  "ratelimit.renameNamespace": (draw) => ({ namespace: namespace(draw), name: `send.${draw.below(6)}` }),
  "ratelimit.getOverride": (draw) => ({ namespace: namespace(draw), identifier: identifier(draw) }),
  "ratelimit.limit": counted,
  "ratelimit.listOverrides": (draw) => ({ namespace: namespace(draw), ...page(draw) }),
  "ratelimit.multiLimit": (draw) => Array.from({ length: 1 + draw.below(3) }, () => counted(draw)),
  "ratelimit.setOverride": (draw) => ({
    namespace: namespace(draw),
    identifier: identifier(draw),
    limit: draw.below(6),
    duration: 60_000,
  }),
};
