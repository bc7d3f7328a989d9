import { afterAll, expect, test } from "bun:test";
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { type Node, newRootKey, startNode } from "./nodes/node.ts";
import { newFolder } from "./program.ts";
import { until } from "./until.ts";

const mebibyte = 2 ** 20;
const usageBytes = 16 * mebibyte;
const keyCount = 2_000;
const verifications = 10_000;
const perCall = 40;

let node: Node;
afterAll(() => node.kill());

const data = async (operation: string, body: unknown) => {
  const reply = await node.call(operation, body);
  expect([reply.status, reply.status === 200 ? "" : reply.text]).toEqual([200, ""]);
  return reply.body.data;
};

/** Runs `work` for the numbers from 0 up to `count`, eight at a time. */
async function inParallel(count: number, work: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < count) {
      next += 1;
      await work(next - 1);
    }
  };
  await Promise.all(Array.from({ length: 8 }, worker));
}

function residentBytes(): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${node.pid}/status`, "utf8"))?.[1]) * 1024;
}

const sizeOf = (path: string) => (existsSync(path) ? statSync(path).size : 0);

test("200,000 different tags of 512 characters from 2,000 keys take at most 100 MB of memory and USAGE_MAX_BYTES on disk, every verification counts, and the metrics count the tags that were left out", async () => {
  const path = join(newFolder(), "latchkey.db");
  const environment = { USAGE_MAX_BYTES: String(usageBytes) };
  node = await startNode({ databaseUrl: `file:${path}`, rootKey: newRootKey(), environment });
  const { apiId } = await data("apis.createApi", { name: "payments" });
  const keys: string[] = [];
  await inParallel(keyCount, async () => void keys.push((await data("keys.createKey", { apiId })).key));
  const hostile = async (index: number) => {
    const entries = Array.from({ length: perCall }, (_, entry) => {
      const number = index * perCall + entry;
      const tags = Array.from({ length: 20 }, (_, tag) => `${number} ${tag} `.padEnd(512, "x"));
      return { key: keys[number % keyCount], tags };
    });
    const results = await data("keys.verifyKeys", entries);
    expect(results.every((one: { data?: { valid: boolean } }) => one.data?.valid === true)).toBe(true);
  };
  await inParallel(50, hostile); // warms up, so that code is compiled and the connections have their buffers
  const before = residentBytes();
  let most = 0;
  await inParallel(verifications / perCall, async (index) => {
    await hostile(50 + index);
    most = Math.max(most, residentBytes());
  });
  expect((most - before) / 1e6).toBeLessThan(100);

  expect(await node.metric("latchkey_usage_tags_dropped_total")).toBeGreaterThan(0);
  await until(() => sizeOf(`${path}-usage`) <= usageBytes);
  const { totals } = await data("analytics.getUsage", {});
  expect(totals.total).toBe(verifications + 50 * perCall);
}, 120_000);
