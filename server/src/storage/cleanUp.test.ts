import { expect, test } from "bun:test";
import { databaseAt } from "../../test/databaseAt.ts";
import { sharedCluster } from "../../test/services.ts";
import { until } from "../../test/until.ts";
import { cleanUp } from "./cleanUp.ts";
import { openStorage } from "./open.ts";

const cluster = await sharedCluster();

test("only one node cleans up at a time, and each node gets its turn", async () => {
  const url = await cluster.make();
  const open = () =>
    openStorage(databaseAt(url), { serving: false, connections: 4, monotonicMs: () => performance.now() });
  const engines = [await open(), await open(), await open()];
  const turns = engines.map(() => 0);
  let atOnce = 0;
  let most = 0;
  const failures: string[] = [];
  const stops = engines.map((engine, node) =>
    cleanUp(
      engine,
      Date.now,
      (_, event, { message }) => void failures.push(`${event}: ${message}`),
      {
        byAge: [],
        always: [
          async (tx) => {
            atOnce += 1;
            most = Math.max(most, atOnce);
            for (let read = 0; read < 5; read += 1) await tx.selectFrom("workspaces").select("id").execute();
            atOnce -= 1;
            turns[node] = (turns[node] ?? 0) + 1;
            return 0;
          },
        ],
      },
      5,
    ),
  );
  await until(() => turns.every((count) => count >= 10));
  await Promise.all(stops.map((stop) => stop()));
  await Promise.all(engines.map((engine) => engine.close()));
  await cluster.drop(url);
  expect(most).toBe(1);
  expect(failures).toEqual([]);
}, 20_000);

test("while the clock cannot be trusted, nothing is deleted because of its age", async () => {
  const engine = await openStorage(databaseAt(":memory:"), {
    serving: false,
    connections: 1,
    monotonicMs: () => 0,
  });
  let asked = 0;
  let deleted = 0;
  const trusted = (): number | undefined => {
    asked += 1;
    return asked > 20 ? 1_000 : undefined;
  };
  const task = async (_: unknown, nowMs: number): Promise<number> => {
    expect([asked > 20, nowMs]).toEqual([true, 1_000]);
    deleted += 1;
    return 0;
  };
  const failures: string[] = [];
  const stop = cleanUp(
    engine,
    trusted,
    (_, event) => void failures.push(event),
    { always: [], byAge: [task] },
    1,
  );
  await until(() => deleted > 0);
  await stop();
  await engine.close();
  expect(failures).toEqual([]);
});
