import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { recordCache } from "./cache.ts";
import { changeLog } from "./changeLog.ts";

/** A simulated record. `made` has the version of each dependency at the time when the database was read. */
type Value = { made: ReadonlyMap<string, number> };
type Command =
  | { do: "find" | "create" | "remove"; key: string }
  | { do: "change" | "acknowledge"; thing: string }
  | { do: "settle"; pick: number }
  | { do: "clear" };

const things = ["key_1", "key_2", "id_1", "role_1"];
/** The dependencies of each record. The two records share an identity and a role. */
const dependencies: Record<string, readonly string[]> = {
  first: ["key_1", "id_1", "role_1"],
  second: ["key_2", "id_1", "role_1"],
};
const keys = Object.keys(dependencies);

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

const valueSource = {
  idsOf: ({ made }: Value) => [...made.keys()],
  bytesOf: () => 100,
  maxBytes: 10_000,
  isCurrent: () => true,
};

/**
 * A cache in front of a simulated database. The database reads a record at once, but returns the record only when the
 * test allows it.
 */
function simulation() {
  const versions = new Map(things.map((thing) => [thing, 0]));
  const acknowledged = new Map(versions);
  const present = new Set(keys);
  const pending: (() => void)[] = [];
  let loads = 0;

  const read = (key: string): Value | undefined =>
    present.has(key)
      ? { made: new Map((dependencies[key] ?? []).map((thing) => [thing, versions.get(thing) ?? 0])) }
      : undefined;
  const changes = changeLog();
  const cache = recordCache<Value>({
    ...valueSource,
    changes,
    load(_, key) {
      loads += 1;
      const record = read(key);
      return new Promise((resolve) => pending.push(() => resolve(record)));
    },
  });
  const bump = (thing: string) => versions.set(thing, (versions.get(thing) ?? 0) + 1);
  const acknowledge = (thing: string) => {
    changes.note(thing);
    acknowledged.set(thing, versions.get(thing) ?? 0);
  };

  return {
    cache,
    clear() {
      changes.noteAll();
      cache.clear();
    },
    present,
    bump,
    acknowledge,
    loads: () => loads,
    /** Returns each dependency's last acknowledged version. A look-up that starts now must not return an older one. */
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
  /** whether the record existed, for each step from the start of the look-up to its end */
  seen: Set<boolean>;
  result: Promise<Value | undefined>;
  isOver: boolean;
};

function ask(world: Simulation, key: string): Look {
  const look: Look = {
    key,
    promised: world.promised(),
    seen: new Set([world.present.has(key)]),
    result: Promise.resolve(world.cache.find("ws_1", key)),
    isOver: false,
  };
  void look.result.then(() => {
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
      world.present.add(command.key); // evicts nothing: the cache does not remember that a record was missing
      return;
    case "remove":
      if (!world.present.delete(command.key)) return;
      world.acknowledge(dependencies[command.key]?.[0] ?? "");
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
    case "clear": // as after a restart of the database: anything may have changed
      world.clear();
      world.promiseAll();
  }
}

/** Runs the commands of a history, waits until all look-ups have ended, and looks up every record once more. */
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
  const value = await look.result;
  expect(look.seen).toContain(value !== undefined);
  for (const [thing, version] of value?.made ?? []) {
    expect(version).toBeGreaterThanOrEqual(look.promised.get(thing) ?? 0);
  }
}

describe("whatever happens during its look-up, a record", () => {
  test("is never older than what was acknowledged before the look-up, and a missing record is never cached", async () => {
    await fc.assert(
      fc.asyncProperty(commands, async (history) => {
        const looks = await live(simulation(), history);
        await Promise.all(looks.map(check));
      }),
      { numRuns: 400 },
    );
  }, 30_000);

  test("is looked up once for all concurrent callers, and then returned at once", async () => {
    const world = simulation();
    const asked = Array.from({ length: 50 }, () => ask(world, "first"));
    await world.settleAll();
    expect(world.loads()).toBe(1);
    for (const { result } of asked) expect(await result).toBeDefined();
    expect(world.cache.find("ws_1", "first")).not.toBeInstanceOf(Promise);
    world.acknowledge("key_2"); // a change of something on which `first` does not depend
    expect(world.cache.find("ws_1", "first")).not.toBeInstanceOf(Promise);
  });

  test("that was revoked during its look-up is looked up again for all callers that wait", async () => {
    const world = simulation();
    const before = ask(world, "first");
    world.bump("role_1");
    world.acknowledge("role_1");
    const after = ask(world, "first");
    await world.settleAll();
    expect((await before.result)?.made.get("role_1")).toBe(1);
    expect((await after.result)?.made.get("role_1")).toBe(1);
  });
});

test("a failed look-up fails for all callers that wait for it, and is not cached", async () => {
  let fails = true;
  const cache = recordCache<Value>({
    ...valueSource,
    changes: changeLog(),
    load: async () => {
      await turn();
      if (fails) throw new Error("away");
      return { made: new Map() };
    },
  });
  const failed = await Promise.allSettled([cache.find("ws_1", "first"), cache.find("ws_1", "first")]);
  expect(failed.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  fails = false;
  expect(await cache.find("ws_1", "first")).toBeDefined();
});

test("while this process cannot learn of changes, no cached record is used", async () => {
  let current = true;
  let loads = 0;
  const cache = cacheOf(
    1_000,
    () => {
      loads += 1;
    },
    () => current,
  );
  await cache.find("ws_1", "first");
  current = false;
  await cache.find("ws_1", "first");
  expect(loads).toBe(2);
  current = true;
  expect(cache.find("ws_1", "first")).not.toBeInstanceOf(Promise);
});

function cacheOf(
  maxBytes: number,
  loaded: (value: { key: string }) => void,
  isCurrent = () => true,
  changes = changeLog(),
) {
  return recordCache<{ key: string }>({
    async load(_, key) {
      const record = { key };
      loaded(record);
      return record;
    },
    changes,
    idsOf: ({ key }) => [key],
    bytesOf: () => 100,
    maxBytes,
    isCurrent,
  });
}

test("records take no more memory than allowed, and a record in use stays", async () => {
  const values: WeakRef<object>[] = [];
  const cache = cacheOf(28_000, (value) => void values.push(new WeakRef(value)));
  for (let i = 0; i < 1_000; i += 1) {
    await cache.find("ws_1", `key_${i}`);
    await cache.find("ws_1", "key_0");
    expect(cache.find("ws_1", "key_0")).not.toBeInstanceOf(Promise);
    if (i % 97 !== 0) continue;
    await turn();
    Bun.gc(true);
    const alive = values.filter((value) => value.deref() !== undefined);
    // 100 records fit into the cache, and the stack may still keep a few others alive
    expect(alive.length).toBeLessThanOrEqual(105);
    expect(alive.length).toBeGreaterThan(Math.min(i, 45));
  }
}, 60_000);

test("however many changes follow, an outdated record is never used: its change is remembered, or the cache is cleared", async () => {
  const loaded: string[] = [];
  const changes = changeLog();
  const cache = cacheOf(10_000, ({ key }) => void loaded.push(key), undefined, changes);
  await cache.find("ws_1", "first");
  changes.note("first");
  for (let i = 0; i < 100_001; i += 1) changes.note(`other_${i}`);
  await cache.find("ws_1", "first");
  expect(loaded).toEqual(["first", "first"]);
});

test("a record is found only under its own workspace and name, whatever characters the name has", async () => {
  const workspace = fc.stringMatching(/^ws_[A-Za-z0-9]{1,2}$/);
  const name = fc.oneof(fc.constantFrom("", "/", "a", "/a", "a/"), fc.string());
  const cache = recordCache<[string, string]>({
    load: async (workspaceId, name) => [workspaceId, name],
    changes: changeLog(),
    idsOf: () => [],
    bytesOf: () => 1,
    maxBytes: 1_000_000,
    isCurrent: () => true,
  });
  await fc.assert(
    fc.asyncProperty(workspace, name, async (workspaceId, asked) => {
      expect(await cache.find(workspaceId, asked)).toEqual([workspaceId, asked]);
    }),
  );
});
