/** Tests of what an import costs: the number of statements, how long it blocks other writes, and its memory. */

import { heapStats } from "bun:jsc";
import { describe, expect, test } from "bun:test";
import { engines } from "../../test/harness.ts";
import { testServer, testWorkspace } from "../../test/setUp.ts";
import { watchStatements } from "../../test/statements.ts";
import type { Engine } from "../storage/engine.ts";
import { openUsageDatabase } from "../storage/engines/usage.ts";
import { type ImportOptions, importRecords } from "./importRecords.ts";
import { type Entry, parseRecord } from "./parseRecord.ts";

const usage = await openUsageDatabase({ kind: "memory" });

describe.each(engines)("on $name,", (engine) => {
  const server = testServer({ engine });
  const workspace = testWorkspace(server);
  const rules = { dryRun: false, replace: false, rootKeys: false, reseal: (sealed: string) => sealed };

  /**
   * Records of an api, identities and this many keys. Each key has an identity, a permission, credits and a rate limit.
   */
  async function* entriesOf(keys: number): AsyncGenerator<Entry> {
    const { id } = workspace;
    const no = (index: number) => `${id}_${String(index).padStart(6, "0")}`;
    let line = 0;
    const entry = (record: object) => {
      line += 1;
      return { ...parseRecord({ createdAtMs: 1, ...record }), line };
    };
    yield entry({ type: "permission", id: `perm_${id}`, slug: "read", name: "read" });
    yield entry({ type: "api", id: `api_${id}`, name: "payments" });
    for (let index = 0; index < keys / 10; index += 1) {
      yield entry({ type: "identity", id: `id_${no(index)}`, externalId: `user_${index}` });
    }
    for (let index = 0; index < keys; index += 1) {
      yield entry({
        type: "key",
        id: `key_${no(index)}`,
        apiId: `api_${id}`,
        identityId: `id_${no(Math.floor(index / 10))}`,
        hash: server.services.hashKey(no(index)),
        permissions: [`perm_${id}`],
        ratelimits: [{ id: `rl_${no(index)}`, name: "calls", limit: 1, durationMs: 1000 }],
        balance: { remaining: 1 },
      });
    }
  }

  /** Imports this many keys. `through` replaces the server's engine, for example to count statements. */
  const run = (
    keys: number,
    { engine: through, monotonicMs, ...options }: Partial<ImportOptions> & Measured = {},
  ) => {
    const { newId, now, engine: own } = server.services;
    const clock = monotonicMs === undefined ? {} : { monotonicMs };
    const place = { engine: through ?? own, workspaceId: workspace.id, usage, newId, now, actorId: "test" };
    return importRecords({ ...place, ...clock }, entriesOf(keys), { ...rules, ...options });
  };
  type Measured = { engine?: Engine; monotonicMs?: () => number };

  test("an import runs at most 100 statements for 1,000 keys, however many it has imported before", async () => {
    const watched = { ...server.services.engine };
    let statements = 0;
    watchStatements(watched, () => {
      statements += 1;
    });
    const counts: number[] = [];
    await run(4_000, {
      engine: watched,
      monotonicMs: () => 0,
      onProgress: () => void counts.push(statements),
    });
    expect(counts.at(-1)).toBeGreaterThan(40);
    expect(counts.at(-1)).toBeLessThanOrEqual(4 * 100);
    const [before = 0, after = 0] = counts.slice(-3);
    expect(after - before).toBeLessThan(50); // for 512 keys
    const { count } = await server.services.engine.db
      .selectFrom("keys")
      .select(({ fn }) => fn.countAll<number>().as("count"))
      .where("workspaceId", "=", workspace.id)
      .executeTakeFirstOrThrow();
    expect(Number(count)).toBe(4_000);
  }, 60_000);

  test.each([
    [0.05, 20],
    [0.5, 70],
    [1.5, 200],
  ])(
    "no transaction of an import takes longer than 50 ms if each statement takes %d ms, and 2,000 keys take at most %d",
    async (statementMs, mostTransactions) => {
      const watched = { ...server.services.engine };
      let nowMs = 0;
      watchStatements(watched, () => {
        nowMs += statementMs;
      });
      const held: number[] = [];
      const timed: Engine = {
        ...watched,
        transaction: (work, options) =>
          watched.transaction(async (tx) => {
            const startMs = nowMs;
            const result = await work(tx);
            held.push(nowMs - startMs);
            return result;
          }, options),
      };
      await run(2_000, { engine: timed, monotonicMs: () => nowMs });
      expect(Math.max(...held)).toBeLessThanOrEqual(50);
      expect(held.length).toBeLessThanOrEqual(mostTransactions);
    },
    60_000,
  );

  test.each([
    { how: "an import", dryRun: false, keys: 6_000 },
    { how: "a dry run", dryRun: true, keys: 40_000 },
  ])(
    "the memory of $how does not grow with the number of keys",
    async ({ dryRun, keys }) => {
      const objects: number[] = [];
      await run(keys, {
        dryRun,
        monotonicMs: () => 0, // otherwise a busy machine makes smaller batches, and the last one is still in memory
        onProgress(records) {
          if (records < ((objects.length + 1) * keys) / 8) return;
          Bun.gc(true);
          objects.push(heapStats().objectCount);
        },
      });
      // The least of several counts, because a garbage collection may keep a batch that the stack still refers to.
      const firstHalf = Math.min(...objects.slice(0, 4));
      const secondHalf = Math.min(...objects.slice(4));
      expect(objects.length).toBeGreaterThanOrEqual(6);
      // an import that kept ids would have an object for each key
      expect(secondHalf - firstHalf).toBeLessThan(keys / 6);
    },
    120_000,
  );
});
