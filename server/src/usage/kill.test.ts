import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { join } from "node:path";
import { databaseAt } from "../../test/databaseAt.ts";
import { callServer, newFolder, startServing } from "../../test/program.ts";
import { until } from "../../test/until.ts";
import { rootKeySecret } from "../domain/secrets.ts";
import { randomBytes } from "../runtime.ts";
import { openUsageDatabase } from "../storage/engines/usage.ts";
import type { CountRow } from "./countStore.ts";
import { writePending } from "./pending.ts";

const rootKey = rootKeySecret(randomBytes(24));
const call = async (url: string, operation: string, body: unknown) =>
  (await callServer(url, rootKey, operation, body)).body;

test("events and counts are stored even if nobody queries them, and survive if the server is killed", async () => {
  const path = join(newFolder(), "latchkey.db");
  const env = { DATABASE_URL: `file:${path}`, LATCHKEY_ROOT_KEY: rootKey };
  const first = await startServing({ env });
  const { apiId } = (await call(first.url, "apis.createApi", { name: "payments" })).data;
  const { key, keyId } = (await call(first.url, "keys.createKey", { apiId })).data;
  const requests: string[] = [];
  for (let index = 0; index < 20; index += 1) {
    requests.push((await call(first.url, "keys.verifyKey", { key })).meta.requestId);
  }
  const sumOf = (column: string, table: string) => {
    const database = new Database(`${path}-usage`, { readonly: true });
    const row = database
      .query<{ n: number }, []>(`select coalesce(sum("${column}"), 0) as n from "${table}"`)
      .get();
    database.close();
    return row?.n;
  };
  const stored = (column: string, table: string, count: number) =>
    until(() => {
      try {
        return sumOf(column, table) === count;
      } catch {
        return false; // the file does not exist yet
      }
    });
  await stored("count", "usageBlocks", 20);
  await stored("count", "usageMinutes", 60); // 20 for each of the workspace, the api and the key
  first.child.kill("SIGKILL");
  await first.ended;
  const again = await startServing({ env });
  const listed = (await call(again.url, "analytics.listEvents", {})).data as { requestId: string }[];
  expect(listed.map(({ requestId }) => requestId)).toEqual(requests.toReversed());
  expect((await call(again.url, "analytics.getUsage", { keyId })).data.totals.total).toBe(20);
  again.child.kill("SIGKILL");
  await again.ended;
}, 60_000);

test("counts that a killed server left in `usagePending` are added once to the usage of the next server", async () => {
  const path = join(newFolder(), "latchkey.db");
  const env = { DATABASE_URL: `file:${path}`, LATCHKEY_ROOT_KEY: rootKey };
  const first = await startServing({ env });
  const { apiId } = (await call(first.url, "apis.createApi", { name: "payments" })).data;
  const { key, keyId } = (await call(first.url, "keys.createKey", { apiId })).data;
  await call(first.url, "keys.verifyKey", { key });
  // The query also saves the count.
  expect((await call(first.url, "analytics.getUsage", { keyId })).data.totals.total).toBe(1);
  first.child.kill("SIGKILL");
  await first.ended;
  const usage = await openUsageDatabase(databaseAt(`file:${path}`));
  const rows = await usage.rows<Record<string, number>>(
    `select "workspaceNo", "kind", "start", "subjectNo", "tagNo", "outcome", "count", "credits" from "usageMinutes"`,
  );
  const pending = rows.map((row) => Object.values(row) as unknown as CountRow);
  await writePending(usage, [{ id: 0, rows: pending }]);
  await usage.close();
  for (let start = 0; start < 2; start += 1) {
    const next = await startServing({ env });
    expect((await call(next.url, "analytics.getUsage", { keyId })).data.totals.total).toBe(2);
    next.child.kill("SIGKILL");
    await next.ended;
  }
}, 60_000);
