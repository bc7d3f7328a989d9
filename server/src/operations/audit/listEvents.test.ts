import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { engines, startTest, type TestServer } from "../../../test/harness.ts";
import { makeWorkspace, type Workspace } from "../../../test/workspace.ts";

type Event = {
  id: string;
  time: number;
  event: string;
  targetId: string;
  actorId: string;
  requestId: string;
};

describe.each(engines)("on $name,", (engine) => {
  let server: TestServer;
  let space: Workspace;
  beforeAll(async () => {
    server = await startTest({ engine });
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    space = await makeWorkspace(server);
  });
  const list = async (body: object = {}) => (await space.call("audit.listEvents", body)).body;
  const events = async (body: object = {}): Promise<Event[]> => (await list(body)).data;
  const create = async (externalId: string, options = {}) => {
    server.clock.advance(1);
    return space.call("identities.createIdentity", { externalId, meta: { of: "canary" } }, options);
  };

  test("a change is told with who made it, when, from where and in which request, and no value of it", async () => {
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

  test("a refused change and a repeated one leave nothing", async () => {
    const headers = { "Idempotency-Key": "order-1" };
    await create("user_1", { headers });
    await create("user_1", { headers });
    await create("user_1");
    await create("not allowed");
    expect(await events()).toHaveLength(1);
  });

  test("pages show each event once, in the order of the changes, also while more are made", async () => {
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

  test("it is filtered by event, actor, target and time, start included and end not", async () => {
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
    expect(await at({ start: secondMs, end: firstMs })).toEqual([]);
  });

  test("it shows no other workspace's events, and needs a permission of its own", async () => {
    await create("user_1");
    const other = await makeWorkspace(server);
    expect(await other.data("audit.listEvents", {})).toEqual([]);
    const rootKey = await space.keyWith("identity.*.read_identity", "api.*.read_api");
    expect((await space.call("audit.listEvents", {}, { rootKey })).status).toBe(403);
    const reader = await space.keyWith("audit.*.read_event");
    expect((await space.call("audit.listEvents", {}, { rootKey: reader })).body.data).toHaveLength(1);
  });
});
