import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { newQuota, type QuotaRule, quotaAt } from "../../src/domain/quotas.ts";
import { openStorage } from "../../src/storage/open.ts";
import { findAccounts } from "../../src/storage/queries/accounts.ts";
import { insertBalances } from "../../src/storage/queries/balances.ts";
import { databaseAt } from "../databaseAt.ts";
import { postgres } from "../harness.ts";

const processes = 8;
const callers = 64;
const keys = 8;
const limit = 2_400;
const workspaceId = "ws_1";
const identity = { workspaceId, id: "id_1", kind: "identity" as const };
const noon = Date.UTC(2026, 0, 15, 12);
const midnight = Date.UTC(2026, 0, 16);
const rule: QuotaRule = {
  name: "tokens",
  limit,
  unit: "day",
  every: 1,
  timeZone: "UTC",
  anchor: "calendar",
  rolloverMax: 0,
  overage: "refuse",
  thresholds: [],
  autoApply: false,
};

let url: string;
beforeAll(async () => {
  url = await postgres.url("");
});
afterAll(async () => {
  await postgres.drop?.(url);
});

const open = () =>
  openStorage(databaseAt(url), { serving: false, connections: 4, monotonicMs: () => performance.now() });

/**
 * Lets all callers of all processes spend, each process at its own fixed time. Returns the units that they were
 * charged.
 */
async function spendEverything(clocks: readonly number[]): Promise<number> {
  const sums = await Promise.all(
    clocks.map(async (nowMs) => {
      const words = [url, workspaceId, identity.id, keys, callers, nowMs].map(String);
      const command = [process.execPath, join(import.meta.dir, "holder.ts"), ...words];
      const child = Bun.spawn(command, { stdout: "pipe", stderr: "inherit" });
      const [text, code] = await Promise.all([new Response(child.stdout).text(), child.exited]);
      expect(code).toBe(0);
      return Number(text);
    }),
  );
  return sums.reduce((sum, one) => sum + one, 0);
}

/**
 * Returns how many units are used at that time: of the identity's quota, and of the keys' own quotas together.
 */
async function stateAt(nowMs: number) {
  const engine = await open();
  const owners = Array.from({ length: keys }, (_, index) => ({
    workspaceId,
    id: `key_${index}`,
    kind: "key" as const,
  }));
  const usedBy = async (of: Parameters<typeof findAccounts>[1]) =>
    (await findAccounts(engine.db, of, nowMs))
      .flatMap(({ quotas }) => quotas)
      .reduce((sum, { used }) => sum + used, 0);
  const state = { used: await usedBy([identity]), usedByKeys: await usedBy(owners) };
  await engine.close();
  return state;
}

async function deadlocks(): Promise<number> {
  const sql = new Bun.SQL(url, { max: 1 });
  const [row] = await sql`select deadlocks from pg_stat_database where datname = current_database()`;
  await sql.end();
  return Number(row.deadlocks);
}

test("8 processes with 64 callers each that spend, hold, settle and release an identity's quota, whose keys have quotas of the same name, charge every unit once, also when half of them see the next period", async () => {
  const engine = await open();
  const withQuota = (ownerId: string, own: number) => ({
    ownerId,
    credits: undefined,
    quotas: [quotaAt(newQuota({ ...rule, limit: own }, noon), noon)],
  });
  const balances = [
    withQuota(identity.id, limit),
    ...Array.from({ length: keys }, (_, index) => withQuota(`key_${index}`, limit / 4)),
  ];
  await engine.transaction((tx) => insertBalances(tx, workspaceId, balances, noon));
  await engine.close();

  const first = await spendEverything(Array.from({ length: processes }, () => noon));
  const before = await stateAt(noon);
  expect(before).toEqual({ used: first, usedByKeys: first });
  expect(first).toBeLessThanOrEqual(limit);
  // units may be left, since a caller stops when it is refused, and others may release the units of their holds later
  const left = limit - first;

  const clocks = Array.from({ length: processes }, (_, index) => (index % 2 === 0 ? midnight - 1 : midnight));
  const second = await spendEverything(clocks);
  const { used } = await stateAt(midnight);
  expect(used).toBeLessThanOrEqual(limit);
  // callers whose clocks are still in the old period have used units that were left of it
  expect(second).toBeGreaterThanOrEqual(used);
  expect(second - used).toBeLessThanOrEqual(left);
  expect(await deadlocks()).toBe(0);
  console.info(`charged ${first} of ${limit}, then ${second}, of which ${used} are of the new period`);
}, 120_000);
