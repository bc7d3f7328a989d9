import { beforeEach, describe, expect, test } from "bun:test";
import { engines } from "../../../test/harness.ts";
import { testServer } from "../../../test/setUp.ts";
import { makeWorkspace, type Workspace } from "../../../test/workspace.ts";

const hourMs = 3_600_000;

type Item = { name: string; externalId?: string; count: number };

describe.each(engines)("on $name,", (engine) => {
  const server = testServer({ engine });
  let space: Workspace;
  let apiId: string;
  beforeEach(async () => {
    server.clock.advance(hourMs - (server.clock.nowMs % hourMs));
    space = await makeWorkspace(server);
    ({ apiId } = await space.data("apis.createApi", { name: "payments" }));
  });
  const top = async (body: object): Promise<Item[]> => (await space.data("analytics.getTop", body)).items;
  const pairs = async (body: object) =>
    (await top(body)).map(({ name, externalId, count }) => [externalId ?? name, count]);

  async function verified(externalId: string, times: number, more: object = {}): Promise<string> {
    const { keyId, key } = await space.data("keys.createKey", { apiId, externalId });
    for (let call = 0; call < times; call += 1) await space.data("keys.verifyKey", { key, ...more });
    return keyId;
  }

  test("identities, keys and tags are ordered by their events, with one outcome or with any", async () => {
    const one = await verified("user_1", 3, { tags: ["a"] });
    const two = await verified("user_2", 2, { tags: ["b"], permissions: "documents.read" });
    const three = await verified("user_1", 1, { tags: ["a", "b"] });
    expect(await pairs({ of: "identities" })).toEqual([
      ["user_1", 4],
      ["user_2", 2],
    ]);
    expect(await pairs({ of: "keys" })).toEqual([
      [one, 3],
      [two, 2],
      [three, 1],
    ]);
    expect(await pairs({ of: "tags" })).toEqual([
      ["a", 4],
      ["b", 3],
    ]);
    const refused = { outcome: "INSUFFICIENT_PERMISSIONS" };
    expect(await pairs({ of: "identities", ...refused })).toEqual([["user_2", 2]]);
    expect(await pairs({ of: "keys", limit: 1 })).toEqual([[one, 3]]);
  });

  test("each call also counts events recorded since the previous call, and no longer counts events that have left the time range", async () => {
    const { key, keyId } = await space.data("keys.createKey", { apiId });
    const counted: Item[][] = [];
    for (let call = 1; call <= 3; call += 1) {
      for (let time = 0; time < call; time += 1) await space.data("keys.verifyKey", { key });
      counted.push(await top({ of: "keys" }));
      await space.data("keys.verifyKey", { key });
      counted.push(await top({ of: "keys" }));
      server.clock.advance(10 * hourMs);
    }
    expect(counted.flat()).toEqual([1, 2, 4, 5, 8, 9].map((count) => ({ name: keyId, count })));
    expect(await top({ of: "keys" })).toEqual([{ name: keyId, count: 7 }]);
  });

  test("only events in the time range count", async () => {
    await verified("user_1", 1);
    const { nowMs } = server.clock;
    server.clock.advance(2 * hourMs);
    await verified("user_2", 1);
    expect(await pairs({ of: "identities", end: nowMs + hourMs })).toEqual([["user_1", 1]]);
    expect(await pairs({ of: "identities", start: nowMs + hourMs })).toEqual([["user_2", 1]]);
    server.clock.advance(23 * hourMs);
    expect(await pairs({ of: "identities" })).toEqual([["user_2", 1]]);
  });

  test("identifiers are counted from the single events, and the response says since when", async () => {
    const send = (namespace: string, identifier: string) =>
      space.data("ratelimit.limit", { namespace, identifier, limit: 2, duration: hourMs });
    for (const identifier of ["u1", "u1", "u1", "u2"]) await send("sends", identifier);
    await send("others", "u3");
    expect(await pairs({ of: "identifiers" })).toEqual([
      ["u1", 3],
      ["u2", 1],
      ["u3", 1],
    ]);
    expect(await pairs({ of: "identifiers", outcome: "REFUSED" })).toEqual([["u1", 1]]);
    expect(await pairs({ of: "identifiers", namespace: "others" })).toEqual([["u3", 1]]);
    const { readSince } = await space.data("analytics.getTop", { of: "identifiers" });
    expect(readSince).toBeLessThanOrEqual(server.clock.nowMs);
    expect(await space.flaws("analytics.getTop", { of: "keys", namespace: "sends" })).toEqual([
      "body.namespace",
    ]);
  });

  test("decisions are only for callers that may read them", async () => {
    const rootKey = await space.keyWith("api.*.read_analytics");
    const status = async (of: string) => (await space.call("analytics.getTop", { of }, { rootKey })).status;
    expect([await status("keys"), await status("identifiers")]).toEqual([200, 403]);
  });
});
