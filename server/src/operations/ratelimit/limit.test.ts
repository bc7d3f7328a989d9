import { beforeEach, describe, expect, test } from "bun:test";
import { engines } from "../../../test/harness.ts";
import { testServer, testWorkspace } from "../../../test/setUp.ts";

const minuteMs = 60_000;
const asked = (namespace: string, limit: number, more = {}) => ({
  namespace,
  identifier: "user_1",
  limit,
  duration: minuteMs,
  ...more,
});

describe.each(engines)("on $name,", (engine) => {
  const server = testServer({ engine });
  const space = testWorkspace(server);
  const limit = (...of: Parameters<typeof asked>) => space.data("ratelimit.limit", asked(...of));
  const multi = (items: object[]) => space.data("ratelimit.multiLimit", items);
  const set = (identifier: string, limit: number, more = {}) =>
    space.data("ratelimit.setOverride", {
      namespace: "sends",
      identifier,
      limit,
      duration: minuteMs,
      ...more,
    });
  const namespaces = () =>
    server.services.engine.db
      .selectFrom("namespaces")
      .select(["id", "name"])
      .where("workspaceId", "=", space.id)
      .orderBy("id")
      .execute();

  test("no more than the limit passes in any span of the duration, and the response says when to retry", async () => {
    const t0 = server.clock.nowMs;
    expect(await limit("sends", 2)).toEqual({
      limit: 2,
      remaining: 1,
      reset: expect.any(Number),
      success: true,
    });
    server.clock.advance(30_000);
    expect((await limit("sends", 2)).success).toBe(true);
    const refused = await limit("sends", 2);
    expect(refused).toMatchObject({ success: false, remaining: 0 });
    expect(refused.reset).toBeGreaterThanOrEqual(t0 + minuteMs);
    expect(refused.reset).toBeLessThanOrEqual(t0 + minuteMs + 1_000);
    server.clock.advance(t0 + minuteMs - 1 - server.clock.nowMs);
    expect((await limit("sends", 2)).success).toBe(false);
    server.clock.advance(refused.reset - server.clock.nowMs);
    expect((await limit("sends", 2)).success).toBe(true);
    expect((await limit("sends", 2)).success).toBe(false);
  });

  test("a cost of 0 reads the state, and a larger one counts whole or not at all", async () => {
    expect(await limit("sends", 10, { cost: 7 })).toMatchObject({ success: true, remaining: 3 });
    expect(await limit("sends", 10, { cost: 4 })).toMatchObject({ success: false, remaining: 3 });
    expect(await limit("sends", 10, { cost: 0 })).toMatchObject({ success: true, remaining: 3 });
    expect(await limit("sends", 10, { cost: 3 })).toMatchObject({ success: true, remaining: 0 });
    expect(await limit("sends", 10, { cost: 11, identifier: "other" })).toMatchObject({ success: false });
  });

  test("64 sockets get exactly the limit, of one and of several limits at once", async () => {
    const one = await Promise.all(Array.from({ length: 192 }, () => limit("sends", 100)));
    expect(one.filter(({ success }) => success)).toHaveLength(100);
    const items = [asked("a", 40), asked("b", 90), asked("c", 1_000)];
    const several = await Promise.all(Array.from({ length: 128 }, () => multi(items)));
    expect(several.filter(({ passed }) => passed)).toHaveLength(40);
    const looked = await multi(items.map((item) => ({ ...item, cost: 0 })));
    expect(looked.limits.map(({ remaining }: { remaining: number }) => remaining)).toEqual([0, 50, 960]);
  });

  test("of several limits all are counted or none, and the response has the state of each", async () => {
    await limit("narrow", 1);
    const before = await multi([asked("wide", 10, { cost: 0 })]);
    const refused = await multi([
      asked("wide", 10),
      asked("narrow", 1),
      asked("wide", 10, { identifier: "other" }),
    ]);
    expect(refused).toMatchObject({
      passed: false,
      limits: [
        { namespace: "wide", identifier: "user_1", passed: true, limit: 10, remaining: 10 },
        { namespace: "narrow", passed: false, limit: 1, remaining: 0 },
        { namespace: "wide", identifier: "other", passed: true, remaining: 10 },
      ],
    });
    expect(await multi([asked("wide", 10, { cost: 0 })])).toEqual(before);
  });

  test("the same limit twice in one call counts twice, or not at all", async () => {
    expect(await multi([asked("sends", 3), asked("sends", 3)])).toMatchObject({ passed: true });
    expect(await multi([asked("sends", 3), asked("sends", 3)])).toMatchObject({ passed: false });
    expect(await limit("sends", 3)).toMatchObject({ success: true, remaining: 0 });
  });

  test("identifiers, namespaces and durations count apart, byte for byte; a new limit keeps the count", async () => {
    expect((await limit("sends", 1)).success).toBe(true);
    const others = [
      ["sends", { identifier: "User_1" }],
      ["sends", { identifier: "user_1 " }],
      ["Sends", {}],
      ["sends", { duration: minuteMs + 1 }],
    ] as const;
    for (const [namespace, more] of others) expect((await limit(namespace, 1, more)).success).toBe(true);
    expect((await limit("sends", 1)).success).toBe(false);
    expect(await limit("sends", 3)).toMatchObject({ success: true, remaining: 1 });
  });

  test("a window longer than the server allows is a 400 at its place, and counts nothing", async () => {
    const tooLong = asked("long", 5, { duration: 2_592_000_001 });
    expect(await space.flaws("ratelimit.limit", tooLong)).toEqual(["body.duration"]);
    expect(await space.flaws("ratelimit.multiLimit", [asked("a", 5), tooLong])).toEqual(["body[1].duration"]);
    expect(await namespaces()).toEqual([]);
  });

  describe("a namespace", () => {
    test("is created by its first use, once, however many use it at once, and is found by name and by id", async () => {
      await Promise.all(Array.from({ length: 20 }, () => limit("new", 100)));
      const made = await namespaces();
      expect(made).toHaveLength(1);
      const events = (await space.audit()).map(({ event }) => event);
      expect(events).toEqual(["ratelimitNamespace.create"]);
      expect((await limit(made[0]?.id ?? "", 100)).remaining).toBe(79);
      expect(await namespaces()).toEqual(made);
    });

    test("that is missing, and one that is forbidden, are refused alike, and none is created", async () => {
      await limit("there", 5);
      const [there] = await namespaces();
      const held = [
        [`ratelimit.rlns_other.limit`],
        [`ratelimit.rlns_other.limit`, "ratelimit.*.create_namespace"],
      ];
      for (const permissions of held) {
        const rootKey = await space.keyWith(...permissions);
        for (const operation of ["ratelimit.limit", "ratelimit.multiLimit"]) {
          const refuse = async (name: string) => {
            const body = operation === "ratelimit.limit" ? asked(name, 5) : [asked(name, 5)];
            const { status, body: response } = await space.call(operation, body, { rootKey });
            return [status, response.error];
          };
          const forbidden = await refuse("there");
          expect(forbidden[0]).toBe(403);
          expect(await refuse("missing")).toEqual(forbidden);
          expect(await refuse(there?.id ?? "")).toEqual(forbidden);
        }
      }
      expect(await namespaces()).toHaveLength(1);
      expect((await limit("there", 5)).remaining).toBe(3);
    });

    test("is created only by callers that may create namespaces", async () => {
      const counts = await space.keyWith("ratelimit.*.limit");
      const refused = await space.call("ratelimit.limit", asked("new", 5), { rootKey: counts });
      expect([refused.status, refused.body.error.detail]).toEqual([
        403,
        expect.stringContaining("create_namespace"),
      ]);
      await limit("new", 5);
      expect((await space.call("ratelimit.limit", asked("new", 5), { rootKey: counts })).status).toBe(200);
      const [one] = await namespaces();
      const rootKey = await space.keyWith(`ratelimit.${one?.id}.limit`);
      expect((await space.call("ratelimit.limit", asked("new", 5), { rootKey })).body.data.remaining).toBe(2);
    });
  });

  describe("an override", () => {
    beforeEach(() => limit("sends", 1_000, { identifier: "first_use" }));
    const names = async () =>
      (await space.data("ratelimit.listOverrides", { namespace: "sends" })).map(
        (one: { identifier: string }) => one.identifier,
      );
    const remove = (identifier: string) =>
      space.call("ratelimit.deleteOverride", { namespace: "sends", identifier });

    test("replaces limit and duration from the next call on, an exact identifier before a pattern", async () => {
      expect(await limit("sends", 100)).toMatchObject({ limit: 100 });
      const any = await set("*", 50);
      expect(await limit("sends", 100)).toMatchObject({ limit: 50, overrideId: any.overrideId });
      const users = await set("user_*", 20);
      expect(await limit("sends", 100)).toMatchObject({ limit: 20, overrideId: users.overrideId });
      const exact = await set("user_1", 5, { duration: 2 * minuteMs });
      expect(await limit("sends", 100)).toMatchObject({
        limit: 5,
        remaining: 4,
        overrideId: exact.overrideId,
      });
      const [one] = (await multi([asked("sends", 100)])).limits;
      expect(one).toMatchObject({ limit: 5, overrideId: exact.overrideId });
      expect(await limit("sends", 100, { identifier: "User_1" })).toMatchObject({ limit: 50 });
    });

    test("keeps its id if it is set again, and can be created again after its deletion", async () => {
      const first = await set("user_1", 5);
      expect(await set("user_1", 6)).toEqual(first);
      expect(await names()).toEqual(["user_1"]);
      expect((await remove("user_1")).body.data).toEqual({});
      expect(await limit("sends", 100)).not.toHaveProperty("overrideId");
      expect((await remove("user_1")).status).toBe(404);
      const again = await set("user_1", 7);
      expect(await limit("sends", 100)).toMatchObject({ limit: 7, overrideId: again.overrideId });
      expect(await names()).toEqual(["user_1"]);
    });

    test("of 0 refuses everything, even a cost of 0", async () => {
      await set("user_1", 0);
      for (const cost of [0, 1, 5]) {
        expect(await limit("sends", 100, { cost })).toMatchObject({ success: false, limit: 0, remaining: 0 });
      }
      expect(await multi([asked("sends", 5), asked("other", 5)])).toMatchObject({ passed: false });
    });

    test("is read for each identifier that it applies to, and deleted by exactly its own text", async () => {
      const { overrideId } = await set("user_*", 5);
      const read = (identifier: string) =>
        space.call("ratelimit.getOverride", { namespace: "sends", identifier });
      for (const identifier of ["user_1", "user_*"]) {
        const { data } = (await read(identifier)).body;
        expect(data).toEqual({ overrideId, identifier: "user_*", limit: 5, duration: minuteMs });
      }
      expect((await read("nobody")).body.error.type).toEndWith("/ratelimit_override_not_found");
      expect((await remove("user_1")).body.error.type).toEndWith("/ratelimit_override_not_found");
      expect((await remove("user_*")).status).toBe(200);
      expect((await read("user_1")).status).toBe(404);
    });

    test("is listed once over all pages", async () => {
      const wanted = Array.from({ length: 7 }, (_, index) => `u${index}`);
      for (const identifier of wanted) {
        server.clock.advance(1);
        await set(identifier, 5);
      }
      const seen: string[] = [];
      let cursor: string | undefined;
      do {
        const body = { namespace: "sends", limit: 3, cursor };
        const { data, pagination } = (await space.call("ratelimit.listOverrides", body)).body;
        seen.push(...data.map((one: { identifier: string }) => one.identifier));
        cursor = pagination.cursor;
      } while (cursor !== undefined);
      expect(seen).toEqual(wanted);
    });

    test("is listed ten at a time unless the caller asks for another number", async () => {
      for (let index = 0; index < 11; index += 1) await set(`u${index}`, 5);
      const { data, pagination } = (await space.call("ratelimit.listOverrides", { namespace: "sends" })).body;
      expect([data.length, pagination.hasMore]).toEqual([10, true]);
    });

    test("of a namespace that is missing or forbidden is the same 404", async () => {
      const [one] = await namespaces();
      const body = { identifier: "user_1", limit: 5, duration: minuteMs };
      const operations = [
        ["ratelimit.setOverride", "set_override", body],
        ["ratelimit.getOverride", "read_override", { identifier: "user_1" }],
        ["ratelimit.deleteOverride", "delete_override", { identifier: "user_1" }],
        ["ratelimit.listOverrides", "read_override", {}],
      ] as const;
      for (const [operation, action, more] of operations) {
        const elsewhere = await space.keyWith(`ratelimit.rlns_other.${action}`);
        const refuse = async (namespace: string) => {
          const reply = await space.call(operation, { namespace, ...more }, { rootKey: elsewhere });
          return [reply.status, reply.body.error];
        };
        const missing = await refuse("missing");
        expect(missing[0]).toBe(404);
        expect(await refuse("sends")).toEqual(missing);
        const rootKey = await space.keyWith(`ratelimit.${one?.id}.${action}`);
        const reply = await space.call(operation, { namespace: "sends", ...more }, { rootKey });
        expect([operation, reply.body.error?.type ?? ""]).toEqual([
          operation,
          expect.not.stringContaining("namespace"),
        ]);
      }
      expect(await namespaces()).toHaveLength(1);
    });
  });
});
