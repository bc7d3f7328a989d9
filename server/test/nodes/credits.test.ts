import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { nextRefillAt } from "../../src/domain/credits.ts";
import { openStorage } from "../../src/storage/open.ts";
import { findAccounts } from "../../src/storage/queries/accounts.ts";
import { insertBalances } from "../../src/storage/queries/balances.ts";
import { databaseAt } from "../databaseAt.ts";
import { postgres } from "../harness.ts";

const processes = 8;
const callers = 64;
const initial = 20_000;
const amount = 15_000;
const madeAtMs = Date.UTC(2026, 0, 15, 12);
const owner = { workspaceId: "ws_1", id: "key_1", kind: "key" as const };

let url: string;
beforeAll(async () => {
  url = await postgres.url("");
});
afterAll(async () => {
  await postgres.drop?.(url);
});

/** Lets all callers of all processes spend at `nowMs`. Returns the sum of what they were granted, and what is left. */
async function spendEverything(nowMs: number): Promise<{ granted: number; left: number | undefined }> {
  const spender = join(import.meta.dir, "spender.ts");
  const { workspaceId, id: subjectId } = owner;
  const sums = await Promise.all(
    Array.from({ length: processes }, async () => {
      const command = [
        process.execPath,
        spender,
        url,
        workspaceId,
        subjectId,
        String(callers),
        String(nowMs),
      ];
      const child = Bun.spawn(command, { stdout: "pipe", stderr: "inherit" });
      const [text, code] = await Promise.all([new Response(child.stdout).text(), child.exited]);
      expect(code).toBe(0);
      return Number(text);
    }),
  );
  const engine = await open();
  const [account] = await findAccounts(engine.db, [owner], nowMs);
  await engine.close();
  return { granted: sums.reduce((sum, one) => sum + one, 0), left: account?.credits.remaining ?? undefined };
}

const open = () =>
  openStorage(databaseAt(url), { serving: false, connections: 4, monotonicMs: () => performance.now() });

test("8 processes with 64 callers each spend every credit exactly once, also those of each refill", async () => {
  const engine = await open();
  const credits = { remaining: initial, refill: { amount, day: undefined } };
  const { workspaceId, id: ownerId } = owner;
  await engine.transaction((tx) =>
    insertBalances(tx, workspaceId, [{ ownerId, credits, quotas: [] }], madeAtMs),
  );
  await engine.close();
  const first = await spendEverything(madeAtMs);
  expect(first).toEqual({ granted: initial, left: 0 });
  const refilledAtMs = nextRefillAt({ interval: "daily" }, madeAtMs);
  expect(await spendEverything(refilledAtMs)).toEqual({ granted: amount, left: 0 });
}, 120_000);
