import { expect, test } from "bun:test";
import { openUsageDatabase } from "../storage/engines/usage.ts";
import { deleteBlocks, readTexts } from "./blocks.ts";
import { queryLastUses } from "./countReader.ts";

test("SQLite looks up last uses and blocks by their ids, and does not scan the whole workspace", async () => {
  const database = await openUsageDatabase({ kind: "memory" });
  const plans: string[] = [];
  const explained = {
    ...database,
    async rows<R>(statement: string, ...values: string[]): Promise<R[]> {
      const steps = await database.rows<{ detail: string }>(`explain query plan ${statement}`, ...values);
      plans.push(steps.map(({ detail }) => detail).join("\n"));
      return [];
    },
  };
  const ids = (count: number) => Array.from({ length: count }, (_, index) => `id_${index}`);
  for (const count of [1, 8, 16, 101, 500]) {
    await queryLastUses(explained, "ws_1", ids(count));
    await readTexts(explained, "ws_1", ids(count));
    await deleteBlocks(explained, "ws_1", ids(count));
  }
  await database.close();
  expect(plans).toHaveLength(15);
  for (const plan of plans) {
    expect(plan).toMatch(/\((id=\?|workspaceId=\? AND keyId=\?)\)/);
    expect(plan).not.toMatch(/\(workspaceId=\?\)|SCAN (lastUses|usageBlocks|b)\b/);
  }
});
