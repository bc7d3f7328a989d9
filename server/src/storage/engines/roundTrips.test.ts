/** Tests how often each operation waits for PostgreSQL, by counting at a proxy in front of it. */
import { afterAll, expect, test } from "bun:test";
import { postgres } from "../../../test/harness.ts";
import { startProxy, type TcpProxy } from "../../../test/proxy.ts";
import { testServer } from "../../../test/setUp.ts";
import { makeWorkspace } from "../../../test/workspace.ts";

let proxy: TcpProxy;
let direct = "";
let sent = 0;

const throughProxy = {
  name: "postgres through a proxy",
  async url(folder: string) {
    const url = new URL(await postgres.url(folder));
    direct = url.href;
    proxy = await startProxy({ host: url.hostname, port: Number(url.port) });
    url.port = String(proxy.port);
    return url.href;
  },
  async drop() {
    await proxy.close();
    await postgres.drop?.(direct);
  },
};
const server = testServer({ engine: throughProxy });
afterAll(() => proxy.onSent(undefined));

/**
 * The number of round trips of each operation. A transaction has one for each statement, one for begin, and one for
 * commit.
 */
const roundTrips = {
  "keys.verifyKey": 1,
  "identities.getIdentity": 2,
  "identities.listIdentities": 2,
  "identities.createIdentity": 5,
  "identities.updateIdentity": 6,
  "keys.createKey": 7,
};

test("each operation waits for PostgreSQL as often as it has statements, and twice more if it writes", async () => {
  const space = await makeWorkspace(server);
  const { apiId } = await space.data("apis.createApi", { name: "payments" });
  const limit = { name: "requests", limit: 1_000, duration: 60_000, autoApply: true };
  let number = 0;
  const newIdentity = () => {
    number += 1;
    return { externalId: `user_${number}`, meta: { plan: "pro" }, ratelimits: [limit] };
  };
  await space.data("identities.createIdentity", newIdentity());
  const { key } = await space.data("keys.createKey", { apiId, externalId: "user_1" });
  const bodies: Record<string, () => object> = {
    "keys.verifyKey": () => ({ key }),
    "identities.getIdentity": () => ({ identity: "user_1" }),
    "identities.listIdentities": () => ({ limit: 10 }),
    "identities.createIdentity": newIdentity,
    "identities.updateIdentity": () => ({ identity: "user_1", meta: { number } }),
    "keys.createKey": () => ({ apiId, externalId: "user_1" }),
  };
  proxy.onSent(() => {
    sent += 1;
    return false;
  });
  const counted: Record<string, number> = {};
  for (const [operation, body] of Object.entries(bodies)) {
    counted[operation] = await leastOf(10, async () => {
      server.services.caches.keys.clear();
      const before = sent;
      await space.data(operation, body());
      return sent - before;
    });
  }
  expect(counted).toEqual(roundTrips);
}, 60_000);

/**
 * Counts several times, and returns the lowest count. Some counts are too high: the server also stores usage and polls
 * for changes, through the same proxy.
 */
async function leastOf(times: number, count: () => Promise<number>): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let time = 0; time < times; time += 1) least = Math.min(least, await count());
  return least;
}
