import { afterAll, beforeAll, expect, test } from "bun:test";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { callServer, newFolder, type Serving, startServing } from "../program.ts";
import { openRaw } from "../raw.ts";
import { until } from "../until.ts";
import { newRootKey } from "./node.ts";

const callers = 512;
const initial = 10_000;
const kills = 2;

let folder: string;
beforeAll(() => {
  folder = newFolder();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("512 callers of one SQLite process that is killed between reserve and settle are charged exactly what they settled, and what they did not settle is given back", async () => {
  const rootKey = newRootKey();
  const env = { DATABASE_URL: `file:${join(folder, "latchkey.db")}`, LATCHKEY_ROOT_KEY: rootKey };
  let serving: Serving = await startServing({ env });
  const call = (operation: string, body: object) => callServer(serving.url, rootKey, operation, body);
  const { apiId } = (await call("apis.createApi", { name: "payments" })).body.data;
  const quota = { name: "tokens", limit: initial, period: "year" };
  await call("identities.createIdentity", { externalId: "user", quotas: [quota] });
  const { key } = (await call("keys.createKey", { apiId, externalId: "user" })).body.data;
  const head = `Host: localhost\r\nAuthorization: Bearer ${rootKey}\r\nContent-Type: application/json`;
  let charged = 0;
  let unknown = 0;
  /** Returns a caller with its own socket. `once` sends a call, and returns `undefined` if no response arrives. */
  const caller = () => {
    let socket: Awaited<ReturnType<typeof openRaw>> | undefined;
    return {
      async once(operation: string, input: object) {
        socket ??= await openRaw(serving.url).catch(() => undefined);
        const body = JSON.stringify(input);
        socket?.send(
          `POST /v2/${operation} HTTP/1.1\r\n${head}\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
        );
        const reply = await socket?.reply();
        if (reply?.status === 200) return reply.body?.data as Record<string, unknown> | undefined;
        socket?.destroy();
        socket = undefined;
        await Bun.sleep(20);
        return undefined;
      },
      close: () => socket?.destroy(),
    };
  };
  type Once = ReturnType<typeof caller>["once"];
  /** Creates a hold and settles it. Returns false if nothing was left to reserve. */
  const reserveAndSettle = async (once: Once): Promise<boolean> => {
    const verdict = await once("keys.verifyKey", {
      key,
      quotas: [{ name: "tokens", reserve: 20, ttl: 3_000 }],
    });
    if (verdict === undefined) {
      unknown += 1; // the server may have created a hold, whose units stay reserved until it expires
      return true;
    }
    if (verdict["valid"] !== true) return false;
    if (Math.random() < 0.02) return true; // as if the caller's process had ended, so that the hold expires
    const { id: reservationId } = verdict["reservation"] as { id: string };
    const amount = Math.floor(Math.random() * 21);
    let settled: Record<string, unknown> | undefined;
    while (settled === undefined) settled = await once("credits.settle", { reservationId, amount });
    charged += Number(settled["charged"]);
    return true;
  };
  const work = async (): Promise<void> => {
    const { once, close } = caller();
    while (await reserveAndSettle(once));
    close();
  };
  const working = Array.from({ length: callers }, work);
  for (let killed = 1; killed <= kills; killed += 1) {
    await until(() => charged >= (killed * initial) / (kills + 2), 60_000);
    await Bun.sleep(Math.random() * 10); // so that each kill hits another moment of a group commit
    serving.child.kill("SIGKILL");
    await serving.ended;
    serving = await startServing({ env });
  }
  await Promise.all(working);
  const used = async () =>
    (await call("identities.getIdentity", { identity: "user" })).body.data.quotas[0].used as number;
  await until(async () => (await used()) === charged, 10_000);
  serving.child.kill("SIGKILL");
  await serving.ended;
  expect(charged).toBeLessThanOrEqual(initial);
  console.info(
    `${kills} kills: ${charged} of ${initial} settled, ${unknown} reservations without a response`,
  );
}, 120_000);
