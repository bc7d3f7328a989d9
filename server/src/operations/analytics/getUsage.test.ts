import { beforeEach, describe, expect, test } from "bun:test";
import { engines } from "../../../test/harness.ts";
import { testServer } from "../../../test/setUp.ts";
import { makeWorkspace, type Workspace } from "../../../test/workspace.ts";

const minuteMs = 60_000;
const hourMs = 3_600_000;
const dayMs = 86_400_000;

type Point = { time: number; total: number; credits: number; outcomes: Record<string, number> };

describe.each(engines)("on $name,", (engine) => {
  const server = testServer({ engine });
  let space: Workspace;
  let apiId: string;
  let keyId: string;
  let key: string;
  beforeEach(async () => {
    server.clock.nowMs += dayMs - (server.clock.nowMs % dayMs); // midnight
    space = await makeWorkspace(server);
    ({ apiId } = await space.data("apis.createApi", { name: "payments" }));
    const more = { externalId: "user_1", credits: { remaining: 5 } };
    ({ keyId, key } = await space.data("keys.createKey", { apiId, ...more }));
  });
  const verify = (more: object = {}) => space.data("keys.verifyKey", { key, ...more });
  const usage = (body: object, options = {}) => space.data("analytics.getUsage", body, options);
  const filled = async (body: object) =>
    (await usage(body)).points.filter(({ total }: Point) => total > 0) as Point[];

  test("verifications are counted by outcome and credits, per key, identity and api alike", async () => {
    await verify();
    await verify({ credits: { cost: 3 } });
    await verify({ credits: { cost: 9 } });
    await verify({ permissions: "documents.read" });
    const outcomes = { VALID: 2, USAGE_EXCEEDED: 1, INSUFFICIENT_PERMISSIONS: 1 };
    const totals = { total: 4, credits: 4, outcomes };
    for (const subject of [{ keyId }, { identity: "user_1" }, { apiId }]) {
      expect((await usage(subject)).totals).toEqual(totals);
    }
    const { id } = await space.data("identities.getIdentity", { identity: "user_1" });
    expect((await usage({ identity: id })).totals).toEqual(totals);
    const other = await space.data("keys.createKey", { apiId });
    await space.data("keys.verifyKey", { key: other.key });
    expect((await usage({ apiId })).totals.total).toBe(5);
    expect((await usage({ keyId: other.keyId })).totals).toEqual({
      total: 1,
      credits: 0,
      outcomes: { VALID: 1 },
    });
  });

  test("a tag with a line break is one tag, not the two that it looks like", async () => {
    for (const tags of [["a\nb"], ["a", "b"], ["a", "b"]]) await verify({ tags });
    const total = async (tag: string) => (await usage({ keyId, tag })).totals.total;
    expect([await total("a\nb"), await total("a"), await total("b")]).toEqual([1, 2, 2]);
  });

  test("a series by minute, hour or day has each event in its period, and the empty periods between", async () => {
    const t0 = server.clock.nowMs;
    for (const ms of [0, 1, minuteMs - 1, minuteMs, hourMs, 23 * hourMs + 59 * minuteMs, dayMs]) {
      server.clock.nowMs = t0 + ms;
      await verify({ credits: { cost: 0 } });
    }
    const span = { keyId, start: t0, end: t0 + 2 * dayMs };
    const counted = async (body: object) => (await filled(body)).map(({ time, total }) => [time - t0, total]);
    expect(await counted({ ...span, granularity: "day" })).toEqual([
      [0, 6],
      [dayMs, 1],
    ]);
    expect(await counted({ ...span, granularity: "hour" })).toEqual([
      [0, 4],
      [hourMs, 1],
      [23 * hourMs, 1],
      [dayMs, 1],
    ]);
    expect(await counted({ ...span, granularity: "minute", end: t0 + dayMs })).toEqual([
      [0, 3],
      [minuteMs, 1],
      [hourMs, 1],
      [dayMs - minuteMs, 1],
    ]);
    const { points } = await usage({ ...span, granularity: "hour", end: t0 + 3 * hourMs });
    expect(points.map(({ time }: Point) => time - t0)).toEqual([0, hourMs, 2 * hourMs]);
  });

  test("`end` is exclusive, and if it is omitted, the last 24 hours are returned", async () => {
    const t0 = server.clock.nowMs;
    await verify();
    server.clock.nowMs = t0 + hourMs;
    await verify();
    expect((await usage({ keyId, start: t0, end: t0 + hourMs })).totals.total).toBe(1);
    expect((await usage({ keyId })).totals.total).toBe(2);
    server.clock.nowMs = t0 + dayMs + hourMs;
    expect((await usage({ keyId })).totals.total).toBe(1);
  });

  test("no period begins before Unix time 0", async () => {
    const { points } = await usage({ keyId, end: 2 * hourMs });
    expect(points.map(({ time }: Point) => time)).toEqual([0, hourMs]);
  });

  test("the usage of a tag counts the verifications with it; after 100 tags of a key in one hour, the others count as `other`", async () => {
    await verify({ tags: ["path=/a", "eu", "eu"], credits: { cost: 0 } });
    await verify({ tags: ["eu"], credits: { cost: 0 } });
    await verify({ credits: { cost: 0 } });
    expect((await usage({ keyId, tag: "eu" })).totals.total).toBe(2);
    expect((await usage({ keyId, tag: "path=/a" })).totals.total).toBe(1);
    expect((await usage({ keyId, tag: "none" })).totals.total).toBe(0);
    for (let i = 0; i < 6; i += 1) {
      const tags = Array.from({ length: 20 }, (_, index) => `t${i * 20 + index}`);
      await verify({ tags, credits: { cost: 0 } });
    }
    expect((await usage({ keyId, tag: "t97" })).totals.total).toBe(1); // the 100th tag, after `eu` and `path=/a`
    expect((await usage({ keyId, tag: "t98" })).totals.total).toBe(0);
    expect((await usage({ keyId, tag: "other" })).totals.total).toBe(2);
    expect((await usage({ keyId })).totals.total).toBe(9);
  });

  test("rate limit decisions are counted by outcome, per namespace", async () => {
    const asked = { namespace: "sends", identifier: "user_1", limit: 5, duration: minuteMs };
    for (const cost of [2, 3, 1]) await space.data("ratelimit.limit", { ...asked, cost });
    await space.data("ratelimit.multiLimit", [{ ...asked, identifier: "other" }]);
    const totals = { total: 4, credits: 6, outcomes: { PASSED: 3, REFUSED: 1 } };
    expect((await usage({ namespace: "sends" })).totals).toEqual(totals);
  });

  test("the whole workspace counts all keys, unknown ones too, and can be told apart by api, outcome and tag", async () => {
    const other = await space.data("apis.createApi", { name: "other" });
    const { key: otherKey } = await space.data("keys.createKey", { apiId: other.apiId });
    await verify({ tags: ["a", "b"], credits: { cost: 2 } });
    await verify({ tags: ["a"], credits: { cost: 9 } });
    await verify({ key: otherKey, tags: ["b"] });
    await verify({ key: "nobody_has_this_key" });
    await space.data("ratelimit.limit", {
      namespace: "sends",
      identifier: "u",
      limit: 5,
      duration: minuteMs,
    });
    const all = { total: 5, credits: 3, outcomes: { VALID: 2, USAGE_EXCEEDED: 1, NOT_FOUND: 1, PASSED: 1 } };
    expect((await usage({})).totals).toEqual(all);
    const groups = async (by: string, more = {}) =>
      ((await usage({ by, ...more })).groups as (Point & { name: string })[])
        .toSorted((one, two) => (one.name < two.name ? -1 : 1))
        .map(({ name, total, credits }) => [name, total, credits]);
    expect(await groups("api")).toEqual([
      [apiId, 2, 2],
      [other.apiId, 1, 0],
    ]);
    expect(await groups("outcome")).toEqual([
      ["NOT_FOUND", 1, 0],
      ["PASSED", 1, 1],
      ["USAGE_EXCEEDED", 1, 0],
      ["VALID", 2, 2],
    ]);
    expect(await groups("tag")).toEqual([
      ["a", 2, 2],
      ["b", 2, 2],
    ]);
    expect(await groups("tag", { keyId })).toEqual([
      ["a", 2, 2],
      ["b", 1, 2],
    ]);
    expect(await usage({})).not.toHaveProperty("groups");
    const flaws = (body: object) => space.flaws("analytics.getUsage", body);
    expect(await flaws({ by: "api", keyId })).toEqual(["body.by"]);
    expect(await flaws({ by: "tag", tag: "a" })).toEqual(["body.by"]);
    const ofKeys = { rootKey: await space.keyWith("api.*.read_analytics") };
    expect((await usage({}, ofKeys)).totals.outcomes).not.toHaveProperty("PASSED");
    const ofOne = { rootKey: await space.keyWith(`api.${apiId}.read_analytics`) };
    expect((await space.call("analytics.getUsage", {}, ofOne)).status).toBe(403);
  });

  test("as CSV it has a line for each point and a column for each outcome", async () => {
    const t0 = server.clock.nowMs;
    await verify();
    await verify({ credits: { cost: 9 } });
    const body = { keyId, start: t0, end: t0 + 2 * hourMs, format: "csv" };
    expect((await usage(body)).csv).toBe(
      "time,total,credits,USAGE_EXCEEDED,VALID\n" +
        `${new Date(t0).toISOString()},2,1,1,1\n${new Date(t0 + hourMs).toISOString()},0,0,0,0\n`,
    );
    expect(await usage({ ...body, format: "json" })).not.toHaveProperty("csv");
  });

  test("200 verifications at once are all counted in the next query", async () => {
    await Promise.all(Array.from({ length: 200 }, () => verify({ credits: { cost: 0 }, tags: ["load"] })));
    expect((await usage({ keyId, tag: "load" })).totals.total).toBe(200);
    expect(server.services.usage.dropped()).toEqual({ events: 0, counts: 0, tags: 0, evicted: 0 });
  });

  test("a request that names two subjects, or asks for more than 2,000 points, is refused", async () => {
    const flaws = (body: object) => space.flaws("analytics.getUsage", body);
    expect(await flaws({ keyId, apiId })).toEqual(["body"]);
    const t0 = server.clock.nowMs;
    const long = { keyId, granularity: "minute", start: t0 - 2_001 * minuteMs, end: t0 };
    expect(await flaws(long)).toEqual(["body.granularity"]);
    expect((await usage({ ...long, start: t0 - 2_000 * minuteMs })).points).toHaveLength(2_000);
  });

  test("what the caller may not see looks as if it did not exist", async () => {
    await space.data("ratelimit.limit", {
      namespace: "sends",
      identifier: "u",
      limit: 5,
      duration: minuteMs,
    });
    const own = await space.keyWith(`api.${apiId}.read_analytics`);
    const elsewhere = await space.keyWith("api.api_other.read_analytics");
    const status = async (body: object, rootKey: string) =>
      (await space.call("analytics.getUsage", body, { rootKey })).status;
    for (const body of [{ keyId }, { apiId }]) {
      expect([await status(body, own), await status(body, elsewhere)]).toEqual([200, 404]);
    }
    for (const body of [{ identity: "user_1" }, { namespace: "sends" }]) {
      expect([await status(body, own), await status(body, space.rootKey)]).toEqual([404, 200]);
    }
    expect(await status({ keyId }, await space.keyWith("api.*.read_key"))).toBe(403);
    for (const body of [{ keyId: "key_none" }, { identity: "nobody" }, { namespace: "none" }]) {
      expect(await status(body, space.rootKey)).toBe(404);
    }
  });
});
