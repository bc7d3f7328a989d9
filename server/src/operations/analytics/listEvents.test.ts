import { beforeEach, describe, expect, test } from "bun:test";
import { engines, postgres, startTest } from "../../../test/harness.ts";
import { testServer } from "../../../test/setUp.ts";
import { until } from "../../../test/until.ts";
import { makeWorkspace, type Workspace } from "../../../test/workspace.ts";

const minuteMs = 60_000;

type Event = Record<string, unknown> & { id: string; requestId: string; outcome: string; time: number };

describe.each(engines)("on $name,", (engine) => {
  const server = testServer({ engine });
  let space: Workspace;
  let apiId: string;
  let keyId: string;
  let key: string;
  beforeEach(async () => {
    server.clock.advance(3_600_000);
    space = await makeWorkspace(server);
    ({ apiId } = await space.data("apis.createApi", { name: "payments" }));
    ({ keyId, key } = await space.data("keys.createKey", { apiId, externalId: "user_1" }));
  });
  const verify = async (more: object = {}) => {
    const { body } = await space.call("keys.verifyKey", { key, ...more });
    return body.meta.requestId as string;
  };
  const sends = { namespace: "sends", identifier: "a\tb", limit: 1, duration: minuteMs };
  const list = async (filter: object = {}, options = {}) =>
    (await space.data("analytics.listEvents", filter, options)) as Event[];
  const page = async (filter: object) => (await space.call("analytics.listEvents", filter)).body;

  test("a verification and a decision are listed as they were, the newest first", async () => {
    const first = await verify({ tags: ["path=/a", "eu"] });
    server.clock.advance(1);
    const { body } = await space.call("ratelimit.limit", sends);
    const { id: identityId } = await space.data("identities.getIdentity", { identity: "user_1" });
    const [decision, verification] = await list();
    expect(verification).toMatchObject({
      time: server.clock.nowMs - 1,
      kind: "verification",
      outcome: "VALID",
      requestId: first,
      credits: 0,
      keyId,
      apiId,
      identity: { id: identityId, externalId: "user_1" },
      tags: ["path=/a", "eu"],
    });
    expect(verification).not.toHaveProperty("why");
    expect(decision).toMatchObject({
      kind: "ratelimit",
      outcome: "PASSED",
      requestId: body.meta.requestId,
      credits: 1,
      namespace: { name: "sends" },
      identifier: "a\tb",
    });
    expect(decision).not.toHaveProperty("tags");
  });

  test("each refusal names the check that refused", async () => {
    const limited = { name: "requests", limit: 1, duration: minuteMs };
    await verify({ permissions: "documents.read" });
    for (let call = 0; call < 2; call += 1) await verify({ ratelimits: [limited] });
    await space.data("ratelimit.limit", sends);
    await space.data("ratelimit.limit", sends);
    await space.data("keys.updateKey", { keyId, credits: { remaining: 1 } });
    await verify({ credits: { cost: 2 } });
    await space.data("keys.updateKey", { keyId, ipAllowList: ["10.0.0.0/8"] });
    await verify({ ip: "192.0.2.1" });
    await space.data("keys.updateKey", { keyId, expires: server.clock.nowMs + 1 });
    server.clock.advance(2);
    await verify();
    await space.data("keys.updateKey", { keyId, enabled: false });
    await verify();
    await verify({ key: "nobody_has_this_key" });
    const why = (await list())
      .filter(({ why }) => why !== undefined)
      .map(({ outcome, why }) => [outcome, why]);
    expect(why.toReversed()).toEqual([
      ["INSUFFICIENT_PERMISSIONS", { check: "permissions", name: "documents.read" }],
      ["RATE_LIMITED", { check: "ratelimit", ...limited }],
      ["REFUSED", { check: "ratelimit", name: "sends", limit: 1, duration: minuteMs }],
      ["USAGE_EXCEEDED", { check: "credits" }],
      ["FORBIDDEN", { check: "ipAllowList" }],
      ["EXPIRED", { check: "expiry" }],
      ["DISABLED", { check: "enabled" }],
      ["NOT_FOUND", { check: "found" }],
    ]);
  });

  test("the event of a deleted key names the key, and the event of an unknown key names none", async () => {
    await space.data("keys.deleteKey", { keyId });
    await verify();
    await verify({ key: "nobody_has_this_key" });
    const [unknown, deleted] = await list({ outcome: "NOT_FOUND" });
    expect(deleted).toMatchObject({ keyId, apiId, outcome: "NOT_FOUND" });
    expect(unknown).not.toHaveProperty("keyId");
    expect((await list({ keyId })).map(({ id }) => id)).toEqual([deleted?.id as string]);
  });

  test("every filter finds exactly the events that match it", async () => {
    const other = await space.data("keys.createKey", { apiId, externalId: "user_2" });
    const tagged = await verify({ tags: ["a,b", 'c"d'] });
    const plain = await verify({ tags: ["a"] });
    const others = await verify({ key: other.key, permissions: "documents.read" });
    server.clock.advance(1_000);
    const passed = (await space.call("ratelimit.limit", sends)).body.meta.requestId;
    const refused = (await space.call("ratelimit.limit", sends)).body.meta.requestId;
    const found = async (filter: object) => (await list(filter)).map(({ requestId }) => requestId);
    expect(await found({})).toEqual([refused, passed, others, plain, tagged]);
    expect(await found({ kind: "ratelimit" })).toEqual([refused, passed]);
    expect(await found({ kind: "verification" })).toEqual([others, plain, tagged]);
    expect(await found({ keyId })).toEqual([plain, tagged]);
    expect(await found({ identity: "user_2" })).toEqual([others]);
    expect(await found({ apiId })).toEqual([others, plain, tagged]);
    expect(await found({ namespace: "sends" })).toEqual([refused, passed]);
    expect(await found({ identifier: "a\tb", outcome: "REFUSED" })).toEqual([refused]);
    expect(await found({ identifier: "a" })).toEqual([]);
    expect(await found({ tag: 'c"d' })).toEqual([tagged]);
    expect(await found({ tag: "a" })).toEqual([plain]);
    expect(await found({ outcome: "INSUFFICIENT_PERMISSIONS" })).toEqual([others]);
    expect(await found({ requestId: tagged })).toEqual([tagged]);
    expect(await found({ requestId: "req_none" })).toEqual([]);
    expect(await found({ start: server.clock.nowMs })).toEqual([refused, passed]);
    expect(await found({ end: server.clock.nowMs })).toEqual([others, plain, tagged]);
  });

  test("the pages together have every event once, in order, also those of one millisecond", async () => {
    const sent: string[] = [];
    for (let call = 0; call < 30; call += 1) {
      sent.push(await verify());
      if (call % 7 === 0) server.clock.advance(1);
      if (call % 10 === 0) await list({ limit: 1 }); // stores the events so far, so that there are several blocks
    }
    expect(await allPages()).toEqual(sent.toReversed());
  });
  async function allPages(): Promise<string[]> {
    const seen: string[] = [];
    let cursor: object | undefined = {};
    while (cursor !== undefined) {
      const { data, pagination } = await page({ limit: 7, ...cursor });
      seen.push(...data.map(({ requestId }: Event) => requestId));
      cursor = pagination.hasMore ? { cursor: pagination.cursor } : undefined;
    }
    return seen;
  }

  test("a cursor of another list is refused", async () => {
    const cursor = `cursor_${btoa(JSON.stringify({ key: keyId }))}`;
    expect(await space.flaws("analytics.listEvents", { cursor })).toEqual(["body.cursor"]);
  });

  test("the response says since when the list is complete", async () => {
    await verify();
    const { pagination } = await page({});
    expect(pagination.completeSince).toBeLessThanOrEqual(server.clock.nowMs);
  });

  test("a caller sees only what it may read", async () => {
    const mine = await verify();
    const elsewhere = await space.data("apis.createApi", { name: "other" });
    const other = await space.data("keys.createKey", { apiId: elsewhere.apiId });
    await verify({ key: other.key });
    await verify({ key: "nobody_has_this_key" });
    await space.data("ratelimit.limit", sends);
    const ofOne = await space.keyWith(`api.${apiId}.read_analytics`);
    expect((await list({}, { rootKey: ofOne })).map(({ requestId }) => requestId)).toEqual([mine]);
    const ofAll = await space.keyWith("api.*.read_analytics");
    const outcomes = (await list({}, { rootKey: ofAll })).map(({ outcome }) => outcome);
    expect(outcomes).toEqual(["NOT_FOUND", "VALID", "VALID"]);
    const status = async (body: object) =>
      (await space.call("analytics.listEvents", body, { rootKey: ofOne })).status;
    for (const body of [{ keyId: other.keyId }, { apiId: elsewhere.apiId }, { namespace: "sends" }]) {
      expect(await status(body)).toBe(404);
    }
    expect(await status({ identity: "user_1" })).toBe(404);
    expect(await status({ keyId })).toBe(200);
    const stranger = await makeWorkspace(server);
    expect(await stranger.data("analytics.listEvents", {})).toEqual([]);
  });
});

test("every node lists what all nodes did, without being asked twice", async () => {
  const one = await startTest({ engine: postgres, config: { ALLOW_LOCAL_COUNTERS: "true" } });
  const url = one.databaseUrl;
  const other = await startTest({
    engine: { name: "postgres", url: () => url },
    config: { ALLOW_LOCAL_COUNTERS: "true" },
  });
  const { data, rootKey } = await makeWorkspace(one);
  const { apiId } = await data("apis.createApi", { name: "payments" });
  const { key } = await data("keys.createKey", { apiId });
  const requests: string[] = [];
  for (const server of [one, other, one, other]) {
    one.clock.advance(1);
    other.clock.nowMs = one.clock.nowMs;
    requests.push((await server.call("keys.verifyKey", { key }, { rootKey })).body.meta.requestId);
  }
  for (const server of [one, other]) {
    const listed = async () =>
      (await server.call("analytics.listEvents", {}, { rootKey })).body.data as Event[];
    const found = await until(async () => {
      const events = await listed();
      return events.length === requests.length && events;
    });
    expect(found.map(({ requestId }) => requestId)).toEqual(requests.toReversed());
  }
  await other.stop();
  await one.stop();
});
