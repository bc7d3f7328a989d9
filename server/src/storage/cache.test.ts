import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { recordCache, workspaceKey, workspaceKeyParts } from "./cache.ts";

/** A record and the versions, as it was read, of the things it was made from. */
type Value = { made: ReadonlyMap<string, number> };
type Command =
  | { do: "find" | "create" | "remove"; key: string }
  | { do: "change" | "acknowledge"; thing: string }
  | { do: "settle"; pick: number }
  | { do: "clear" };

const things = ["key_1", "key_2", "id_1", "role_1"];
/** What each record is made from; two share an identity and a role. */
const madeFrom: Record<string, readonly string[]> = {
  first: ["key_1", "id_1", "role_1"],
  second: ["key_2", "id_1", "role_1"],
};
const keys = Object.keys(madeFrom);

const commands: fc.Arbitrary<Command[]> = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(...keys).map((key): Command => ({ do: "find", key })) },
    { weight: 1, arbitrary: fc.constantFrom(...keys).map((key): Command => ({ do: "create", key })) },
    { weight: 1, arbitrary: fc.constantFrom(...keys).map((key): Command => ({ do: "remove", key })) },
    { weight: 2, arbitrary: fc.constantFrom(...things).map((thing): Command => ({ do: "change", thing })) },
    {
      weight: 2,
      arbitrary: fc.constantFrom(...things).map((thing): Command => ({ do: "acknowledge", thing })),
    },
    { weight: 4, arbitrary: fc.nat({ max: 5 }).map((pick): Command => ({ do: "settle", pick })) },
    { weight: 1, arbitrary: fc.constant<Command>({ do: "clear" }) },
  ),
  { maxLength: 40, size: "max" },
);

/** A database whose look-ups read at once and answer when they are told to, and a cache before it. */
function simulation() {
  const versions = new Map(things.map((thing) => [thing, 0]));
  const acknowledged = new Map(versions);
  const present = new Set(keys);
  const pending: (() => void)[] = [];
  let loads = 0;

  const read = (key: string): Value | undefined =>
    present.has(key)
      ? { made: new Map((madeFrom[key] ?? []).map((thing) => [thing, versions.get(thing) ?? 0])) }
      : undefined;
  const cache = recordCache<Value>({
    load(key) {
      loads += 1;
      const found = read(key);
      return new Promise((resolve) => pending.push(() => resolve(found)));
    },
    madeFrom: (value) => [...value.made.keys()],
    weigh: () => 100,
    maxBytes: 10_000,
    isCurrent: () => true,
  });
  const bump = (thing: string) => versions.set(thing, (versions.get(thing) ?? 0) + 1);
  const acknowledge = (thing: string) => {
    cache.evict(thing);
    acknowledged.set(thing, versions.get(thing) ?? 0);
  };

  return {
    cache,
    present,
    bump,
    acknowledge,
    loads: () => loads,
    /** what an answer that is asked for now may not be older than */
    promised: () => new Map(acknowledged),
    promiseAll: () => {
      for (const [thing, version] of versions) acknowledged.set(thing, version);
    },
    settle: (pick: number) => pending.splice(pick % Math.max(1, pending.length), 1)[0]?.(),
    async settleAll() {
      await turn();
      while (pending.length > 0) {
        pending.shift()?.();
        await turn();
      }
    },
  };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

type Simulation = ReturnType<typeof simulation>;
type Look = {
  key: string;
  promised: Map<string, number>;
  /** whether the record was there or not at some time since the question was asked */
  seen: Set<boolean>;
  answer: Promise<Value | undefined>;
  isOver: boolean;
};

function ask(world: Simulation, key: string): Look {
  const look: Look = {
    key,
    promised: world.promised(),
    seen: new Set([world.present.has(key)]),
    answer: Promise.resolve(world.cache.find(key)),
    isOver: false,
  };
  void look.answer.then(() => {
    look.isOver = true;
  });
  return look;
}

function follow(world: Simulation, looks: Look[], command: Command): void {
  switch (command.do) {
    case "find":
      looks.push(ask(world, command.key));
      return;
    case "create":
      world.present.add(command.key); // nothing is evicted: absence is not kept
      return;
    case "remove":
      if (!world.present.delete(command.key)) return;
      world.acknowledge(madeFrom[command.key]?.[0] ?? "");
      return;
    case "change":
      world.bump(command.thing);
      return;
    case "acknowledge":
      world.acknowledge(command.thing);
      return;
    case "settle":
      world.settle(command.pick);
      return;
    case "clear": // anything may have changed
      world.cache.clear();
      world.promiseAll();
  }
}

/** Lets the history happen, then everything settle, and asks once more for what is kept at the end. */
async function live(world: Simulation, history: readonly Command[]): Promise<Look[]> {
  const looks: Look[] = [];
  for (const command of history) {
    follow(world, looks, command);
    for (const look of looks) if (!look.isOver) look.seen.add(world.present.has(look.key));
    await turn();
  }
  await world.settleAll();
  for (const key of keys) looks.push(ask(world, key));
  await world.settleAll();
  return looks;
}

async function check(look: Look): Promise<void> {
  const value = await look.answer;
  expect(look.seen).toContain(value !== undefined);
  for (const [thing, version] of value?.made ?? []) {
    expect(version).toBeGreaterThanOrEqual(look.promised.get(thing) ?? 0);
  }
}

describe("whatever happens while it is looked up, a record", () => {
  test("is never older than what was acknowledged before it was asked for, and absence is never kept", async () => {
    await fc.assert(
      fc.asyncProperty(commands, async (history) => {
        const looks = await live(simulation(), history);
        await Promise.all(looks.map(check));
      }),
      { numRuns: 400 },
    );
  }, 30_000);

  test("is looked up once however many ask, and then answered at once", async () => {
    const world = simulation();
    const asked = Array.from({ length: 50 }, () => ask(world, "first"));
    await world.settleAll();
    expect(world.loads()).toBe(1);
    for (const { answer } of asked) expect(await answer).toBeDefined();
    expect(world.cache.find("first")).not.toBeInstanceOf(Promise);
    world.acknowledge("key_2"); // none of its own
    expect(world.cache.find("first")).not.toBeInstanceOf(Promise);
  });

  test("that was revoked during its look-up is looked up again for all who wait", async () => {
    const world = simulation();
    const before = ask(world, "first");
    world.bump("role_1");
    world.acknowledge("role_1");
    const after = ask(world, "first");
    await world.settleAll();
    expect((await before.answer)?.made.get("role_1")).toBe(1);
    expect((await after.answer)?.made.get("role_1")).toBe(1);
  });
});

test("a failed look-up fails for all who joined it and is not kept", async () => {
  let fails = true;
  const cache = recordCache<Value>({
    load: async () => {
      await turn();
      if (fails) throw new Error("away");
      return { made: new Map() };
    },
    madeFrom: () => [],
    weigh: () => 1,
    maxBytes: 1_000,
    isCurrent: () => true,
  });
  const failed = await Promise.allSettled([cache.find("first"), cache.find("first")]);
  expect(failed.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  fails = false;
  expect(await cache.find("first")).toBeDefined();
});

test("while changes cannot be heard of, what is kept is not used", async () => {
  let current = true;
  let loads = 0;
  const cache = cacheOf(
    1_000,
    () => {
      loads += 1;
    },
    () => current,
  );
  await cache.find("first");
  current = false;
  await cache.find("first");
  expect(loads).toBe(2);
  current = true;
  expect(cache.find("first")).not.toBeInstanceOf(Promise);
});

function cacheOf(maxBytes: number, loaded: (value: { key: string }) => void, isCurrent = () => true) {
  return recordCache<{ key: string }>({
    async load(key) {
      const value = { key };
      loaded(value);
      return value;
    },
    madeFrom: ({ key }) => [key],
    weigh: () => 100,
    maxBytes,
    isCurrent,
  });
}

test("records take no more memory than they may, and one in use stays", async () => {
  const values: WeakRef<object>[] = [];
  const cache = cacheOf(10_000, (value) => void values.push(new WeakRef(value)));
  for (let i = 0; i < 1_000; i += 1) {
    await cache.find(`key_${i}`);
    await cache.find("key_0");
    expect(cache.find("key_0")).not.toBeInstanceOf(Promise);
    if (i % 97 !== 0) continue;
    await turn();
    Bun.gc(true);
    const alive = values.filter((value) => value.deref() !== undefined);
    expect(alive.length).toBeLessThanOrEqual(105); // a few may still lie on the stack
    expect(alive.length).toBeGreaterThan(Math.min(i, 45));
  }
}, 60_000);

test("a change is remembered, or everything is forgotten, however many changes follow it", async () => {
  const loaded: string[] = [];
  const cache = cacheOf(10_000, ({ key }) => void loaded.push(key));
  await cache.find("first");
  cache.evict("first");
  for (let i = 0; i < 100_001; i += 1) cache.evict(`other_${i}`);
  await cache.find("first");
  expect(loaded).toEqual(["first", "first"]);
});

test("two workspaces or two hashes never share a cache key, and it tells both", () => {
  const workspace = fc.stringMatching(/^ws_[A-Za-z0-9]{1,22}$/);
  const hash = fc.oneof(fc.base64String(), fc.string());
  fc.assert(
    fc.property(workspace, hash, workspace, hash, (workspaceId, keyHash, other, otherHash) => {
      const key = workspaceKey(workspaceId, keyHash);
      expect(workspaceKeyParts(key)).toEqual([workspaceId, keyHash]);
      const same = workspaceId === other && keyHash === otherHash;
      expect(key === workspaceKey(other, otherHash)).toBe(same);
    }),
  );
});
