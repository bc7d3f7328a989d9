import { expect, test } from "bun:test";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { newFolder } from "../../test/program.ts";
import { startWorker } from "./workerThread.ts";

test("an order to a thread that ends is refused", async () => {
  const folder = newFolder();
  const script = join(folder, "thread.ts");
  const protocol = join(import.meta.dir, "workerThread.ts");
  writeFileSync(
    script,
    `import { followOrders } from ${JSON.stringify(protocol)}; followOrders(() => process.exit());`,
  );
  const thread = startWorker<null, string>(new URL(`file://${script}`), null, ({ message }) => message);
  expect(await thread.ask("end").catch((error: unknown) => error)).toBe("The thread has ended.");
  rmSync(folder, { recursive: true });
});
