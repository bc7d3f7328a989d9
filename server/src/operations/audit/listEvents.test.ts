import { describe, expect, test } from "bun:test";
import type { CompiledQuery } from "kysely";
import { engines } from "../../../test/harness.ts";
import { workOf } from "../../../test/plans.ts";
import { testServer, testWorkspace } from "../../../test/setUp.ts";
import { recordingQueries } from "../../../test/statements.ts";
import { makeWorkspace } from "../../../test/workspace.ts";
import { startOfIds } from "../../domain/ids.ts";
import { insertAuditEvents, lastAuditIdOfBudget, listAuditEvents } from "../../storage/queries/audit.ts";
import { rowBudget } from "../../storage/queries/walk.ts";

type Event = {
  id: string;
  time: number;
  event: string;
  targetId: string;
  actorId: string;
  requestId: string;
};

describe.each(engines)("on $name,", (engine) => {
  const server = testServer({ engine });
  const space = testWorkspace(server);
  const list = async (body: object = {}) => (await space.call("audit.listEvents", body)).body;
  const events = async (body: object = {}): Promise<Event[]> => (await list(body)).data;
  const create = async (externalId: string, options = {}) => {
    server.clock.advance(1);
    return space.call("identities.createIdentity", { externalId, meta: { of: "canary" } }, options);
  };

  test("an event says who made a change, when, from where and in which request, and none of its values", async () => {
    const reply = await create("canary_user", { headers: { "User-Agent": "billing/1.0" } });
    const [one, ...others] = await events();
    expect(others).toEqual([]);
    expect<unknown>(one).toEqual({
      id: expect.stringMatching(/^log_/),
      time: server.clock.nowMs,
      event: "identity.create",
      actorId: expect.stringMatching(/^root_/),
      targetId: reply.body.data.identityId,
      fields: [],
      requestId: reply.body.meta.requestId,
      remoteAddress: expect.stringMatching(/127\.0\.0\.1|::1/),
      userAgent: "billing/1.0",
    });
    expect(JSON.stringify(one)).not.toContain("canary");
  });

  test("a refused change and a replayed one leave no event", async () => {
    const headers = { "Idempotency-Key": "order-1" };
    await create("user_1", { headers });
    await create("user_1", { headers });
    await create("user_1");
    await create("not allowed");
    expect(await events()).toHaveLength(1);
  });

  test("pages show each event once, in the order of the changes, even while more are added", async () => {
    const made = [];
    for (let i = 0; i < 7; i += 1) made.push((await create(`user_${i}`)).body.data.identityId);
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const { data, pagination } = await list({ limit: 3, cursor });
      seen.push(...data.map(({ targetId }: Event) => targetId));
      if (made.length < 9) made.push((await create(`late_${made.length}`)).body.data.identityId);
      cursor = pagination.cursor;
    } while (cursor !== undefined);
    expect(seen).toEqual(made);
  });

  test("events are filtered by kind, actor, target and time, including the start but not the end", async () => {
    const rootKey = await space.keyWith("*");
    const first = (await create("user_1")).body.data.identityId;
    const firstMs = server.clock.nowMs;
    await create("user_2", { rootKey });
    const secondMs = server.clock.nowMs;
    server.clock.advance(1);
    await space.data("identities.updateIdentity", { identity: first, meta: {} });
    const all = await events();
    expect(all.map(({ event }) => event)).toEqual(["identity.create", "identity.create", "identity.update"]);
    const at = async (body: object) =>
      (await events(body)).map((one) => all.findIndex(({ id }) => id === one.id));
    expect(await at({ event: "identity.update" })).toEqual([2]);
    expect(await at({ event: "identity" })).toEqual([]);
    expect(await at({ targetId: first })).toEqual([0, 2]);
    expect(await at({ actorId: all[1]?.actorId })).toEqual([1]);
    expect(await at({ start: secondMs })).toEqual([1, 2]);
    expect(await at({ end: secondMs })).toEqual([0]);
    expect(await at({ start: firstMs, end: secondMs + 1, event: "identity.create" })).toEqual([0, 1]);
  });

  test("the list shows no events of other workspaces, and needs a permission of its own", async () => {
    await create("user_1");
    const other = await makeWorkspace(server);
    expect(await other.data("audit.listEvents", {})).toEqual([]);
    const rootKey = await space.keyWith("identity.*.read_identity", "api.*.read_api");
    expect((await space.call("audit.listEvents", {}, { rootKey })).status).toBe(403);
    const reader = await space.keyWith("audit.*.read_event");
    expect((await space.call("audit.listEvents", {}, { rootKey: reader })).body.data).toHaveLength(1);
  });

  test("newest first shows the same events in reverse, on pages of every size", async () => {
    for (let i = 0; i < 5; i += 1) await create(`user_${i}`);
    const all = (await events()).map(({ id }) => id);
    for (const limit of [1, 2, 5, 6]) {
      const seen: string[] = [];
      let cursor: string | undefined;
      do {
        const { data, pagination } = await list({ limit, cursor, order: "desc" });
        seen.push(...data.map(({ id }: Event) => id));
        cursor = pagination.cursor;
      } while (cursor !== undefined);
      expect(seen).toEqual(all.toReversed());
    }
  });

  test("a request id finds exactly what that request did", async () => {
    await create("user_1");
    const ratelimits = [{ name: "api", limit: 1, duration: 60_000 }];
    const { body } = await space.call("identities.createIdentity", { externalId: "user_2", ratelimits });
    await create("user_3");
    const { requestId } = body.meta;
    const found = await events({ requestId });
    expect(found.map(({ event }) => event)).toEqual(["identity.create", "ratelimit.create"]);
    expect(await events({ requestId, event: "identity.create" })).toHaveLength(1);
    expect(await events({ requestId: "req_missing" })).toEqual([]);
  });

  test("contradictory filters and unknown orders are refused with a message that says so", async () => {
    for (const [body, field] of [
      [{ start: 6, end: 5 }, "start"],
      [{ order: "newest" }, "order"],
      [{ requestId: "" }, "requestId"],
    ] as const)
      expect(await space.flaws("audit.listEvents", body)).toEqual([`body.${field}`]);
  });

  test("among many events, every page reads a bounded number of them, and a rare one is found by paging on", async () => {
    const count = 3 * rowBudget;
    const { engine: storage } = server.services;
    const startMs = server.clock.nowMs;
    const rows = Array.from({ length: count }, (_, index) => ({
      id: `${startOfIds("log", startMs + index * 1_000)}${"0".repeat(14)}`,
      workspaceId: space.id,
      atMs: startMs + index * 1_000,
      requestId: `req_${index}`,
      actorId: "root_1",
      event: index === count - 1 ? "api.rare" : "api.create",
      targetId: `api_${index}`,
      fields: [],
      remoteAddress: undefined,
      userAgent: undefined,
      via: undefined,
    }));
    await storage.transaction((tx) => insertAuditEvents(tx, rows));
    const first = await list({ event: "api.rare" });
    expect(first).toMatchObject({ data: [], pagination: { hasMore: true } });
    const found: Event[] = [];
    let cursor: string | undefined = first.pagination.cursor;
    while (cursor !== undefined) {
      const { data, pagination } = await list({ event: "api.rare", cursor });
      found.push(...data);
      cursor = pagination.cursor;
    }
    expect(found.map(({ targetId }) => targetId)).toEqual([`api_${count - 1}`]);
    expect(await events({ event: "api.rare", start: startMs + (count - 10) * 1_000 })).toHaveLength(1);

    const walk = { afterId: undefined, limit: 101 };
    const middle = { ...walk, afterId: rows[7_000]?.id };
    const works: [(db: typeof storage.slow) => Promise<unknown>, number][] = [
      [(db) => listAuditEvents(db, space.id, middle), 110],
      [(db) => listAuditEvents(db, space.id, { ...middle, descending: true }), 110],
      [(db) => listAuditEvents(db, space.id, { ...walk, requestId: "req_9000" }), 5],
      [(db) => listAuditEvents(db, space.id, { ...walk, targetId: "api_9000" }), 5],
      [(db) => lastAuditIdOfBudget(db, space.id, middle), rowBudget + 10],
    ];
    for (const [statement, most] of works) {
      const recorded: CompiledQuery[] = [];
      await statement(recordingQueries(storage.slow, recorded));
      const { fullScans, sorts, rowsRead = 0 } = await workOf(storage, recorded);
      expect({ fullScans, sorts }).toEqual({ fullScans: [], sorts: [] });
      expect(rowsRead).toBeLessThanOrEqual(most);
    }
  }, 60_000);
});
