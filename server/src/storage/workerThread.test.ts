import { afterAll, beforeAll, expect, test } from "bun:test";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { newFolder } from "../../test/program.ts";
import { startWorker } from "./workerThread.ts";

let folder: string;
beforeAll(() => {
  folder = newFolder();
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Starts a thread that runs this code. An order that fails is rejected with only the message of the error. */
function startThread(code: string) {
  const script = join(folder, `${Bun.randomUUIDv7()}.ts`);
  const protocol = join(import.meta.dir, "workerThread.ts");
  writeFileSync(script, `import { followOrders } from ${JSON.stringify(protocol)};\n${code}`);
  return startWorker<null, string>(new URL(`file://${script}`), null, ({ message }) => message);
}

const faultOf = (asked: Promise<unknown>) => asked.catch((error: unknown) => error);

test("an order to a thread that ends is refused, and so are all later ones", async () => {
  const thread = startThread("followOrders(() => process.exit());");
  expect(await faultOf(thread.ask("end"))).toBe("The thread has ended.");
  expect(await faultOf(thread.ask("later"))).toBe("The thread has ended.");
});

test("a response that cannot be sent fails only its own order", async () => {
  const thread = startThread(
    `followOrders((order) => [order === "bad" ? () => undefined : order], () => true);`,
  );
  const asked = ["one", "bad", "two"].map((order) => faultOf(thread.ask(order)));
  expect(await Promise.all(asked)).toEqual([["one"], expect.stringMatching(/clone/), ["two"]]);
  expect(await thread.ask("three")).toEqual(["three"]);
  await thread.close();
});

test("a finished response does not wait for a long order", async () => {
  // "first" ends only when "long" has arrived, and "long" only when "end" has arrived
  const thread = startThread(`
    const arrivals = { long: Promise.withResolvers(), end: Promise.withResolvers() };
    addEventListener("message", ({ data }) => arrivals[data.order]?.resolve());
    const awaited = { first: arrivals.long, long: arrivals.end };
    followOrders(async (order) => {
      await awaited[order]?.promise;
      return [order];
    });
  `);
  const first = thread.ask("first");
  const long = thread.ask("long");
  expect(await first).toEqual(["first"]);
  await thread.ask("end");
  expect(await long).toEqual(["long"]);
  await thread.close();
});
