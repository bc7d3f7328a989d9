import { afterAll, beforeAll, expect, test } from "bun:test";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { callServer, newFolder, type Serving, startServing } from "../program.ts";
import { openRaw } from "../raw.ts";
import { newRootKey } from "./node.ts";

const callers = 512;
const initial = 40_000;
const kills = 3;

let folder: string;
beforeAll(() => {
  folder = newFolder();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("512 callers of one SQLite process that is killed repeatedly are granted no credit twice, and no acknowledged spend is lost", async () => {
  const rootKey = newRootKey();
  const env = { DATABASE_URL: `file:${join(folder, "latchkey.db")}`, LATCHKEY_ROOT_KEY: rootKey };
  let serving: Serving = await startServing({ env });
  const call = (operation: string, body: object) => callServer(serving.url, rootKey, operation, body);
  const { apiId } = (await call("apis.createApi", { name: "payments" })).body.data;
  const { keyId, key } = (await call("keys.createKey", { apiId, credits: { remaining: initial } })).body.data;
  let granted = 0;
  let unknown = 0;
  let refused = 0;
  const body = JSON.stringify({ key });
  const head = `POST /v2/keys.verifyKey HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${rootKey}`;
  const request = `${head}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
  /** Spends until a spend is refused. Each caller has its own socket, since an HTTP client would not open that many. */
  const spend = async (): Promise<void> => {
    const socket = await openRaw(serving.url).catch(() => undefined);
    for (;;) {
      socket?.send(request);
      const reply = await socket?.reply();
      if (reply?.status !== 200) break;
      if (reply.body?.data?.["valid"] !== true) {
        refused += 1;
        return socket?.destroy();
      }
      granted += 1;
    }
    unknown += socket === undefined ? 0 : 1;
    socket?.destroy();
    await Bun.sleep(20);
    return spend();
  };
  const spending = Array.from({ length: callers }, spend);
  for (let killed = 1; killed <= kills; killed += 1) {
    while (granted < (killed * initial) / (kills + 2)) await Bun.sleep(1);
    await Bun.sleep(Math.random() * 10); // so that each kill hits another moment of a group commit
    serving.child.kill("SIGKILL");
    await serving.ended;
    const acknowledged = granted;
    serving = await startServing({ env });
    const { remaining } = (await call("keys.getKey", { keyId })).body.data.credits;
    // other callers are spending, so there may be fewer credits, but not more
    expect(remaining).toBeLessThanOrEqual(initial - acknowledged);
  }
  await Promise.all(spending);
  const { remaining } = (await call("keys.getKey", { keyId })).body.data.credits;
  serving.child.kill("SIGKILL");
  await serving.ended;
  expect([remaining, refused]).toEqual([0, callers]);
  expect(granted).toBeLessThanOrEqual(initial);
  // what is missing was in flight when the process was killed: at most one spend for each caller and kill
  expect(initial - granted).toBeLessThanOrEqual(unknown);
  expect(initial - granted).toBeLessThanOrEqual(kills * callers);
  console.info(`${kills} kills: ${granted} of ${initial} granted, ${unknown} calls without a response`);
}, 90_000);
