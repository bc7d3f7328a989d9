import { describe, expect, test } from "bun:test";
import { engines } from "../../../test/harness.ts";
import { expectRefusal } from "../../../test/refusal.ts";
import { testServer, testWorkspace } from "../../../test/setUp.ts";
import { setWorkspaceTimeZone } from "../../storage/queries/workspaces.ts";

const config = { WORKSPACE_REQUESTS_PER_MINUTE: "500", USAGE_EVENT_HOURS: "50", AUDIT_RETENTION_DAYS: "90" };

describe.each(engines)("on $name,", (engine) => {
  const server = testServer({ engine, config });
  const space = testWorkspace(server);

  test("the limits are those that the operator has set", async () => {
    expect(await space.data("workspace.getLimits", {})).toEqual({
      apiBillableOperationsCountMaxPerMonth: { limit: null },
      apiRequestsCountMaxPerMinute: { limit: 500 },
      logsRetentionDaysMax: { limit: 2 },
      logsAuditRetentionDaysMax: { limit: 90 },
      logdrainsMax: { limit: 0, current: 0 },
    });
  });

  const usage = (body: object) => space.data("workspace.getUsage", body);
  const used = async (body: object) => (await usage(body)).totals.api;
  const monthAgo = ({ year, month }: { year: number; month: number }) =>
    month === 1 ? { year: year - 1, month: 12 } : { year, month: month - 1 };
  const monthNow = () => {
    const now = new Date(server.clock.nowMs);
    return { year: now.getUTCFullYear(), month: now.getUTCMonth() + 1 };
  };

  async function useOnce() {
    const { apiId } = await space.data("apis.createApi", { name: "payments" });
    const { key, keyId } = await space.data("keys.createKey", { apiId });
    const counted = { namespace: "emails", identifier: "user_1", limit: 1, duration: 60_000 };
    await space.data("keys.verifyKey", { key });
    await space.data("keys.verifyKey", { key: "unknown" });
    for (let call = 0; call < 3; call += 1) await space.data("ratelimit.limit", counted);
    await space.data("keys.updateKey", { keyId, enabled: false });
    await space.data("keys.verifyKey", { key });
  }

  test("the usage of a month has what passed, and of this month what passed until now", async () => {
    const { year, month } = monthNow();
    await useOnce();
    expect(await usage({})).toEqual({
      period: { start: Date.UTC(year, month - 1), end: server.clock.nowMs },
      totals: {
        api: { verifications: 1, ratelimits: 1 },
        compute: { cpuSeconds: 0, memoryGiBHours: 0, storageGiBHours: 0, egressGiB: 0 },
        gateway: { activeKeys: 0 },
      },
      breakdowns: { byEnvironment: [], byApp: [] },
    });
    expect(await usage({ period: { year, month } })).toEqual(await usage({}));
  });

  test("a past month is counted to its end, and no other month with it", async () => {
    const before = monthNow();
    const endMs = Date.UTC(before.year, before.month);
    server.clock.advance(endMs - 1 - server.clock.nowMs); // the last millisecond of the month
    await useOnce();
    server.clock.advance(1);
    expect(await used({})).toEqual({ verifications: 0, ratelimits: 0 });
    await useOnce();
    // the decision in the month before still uses up the limit of 1 a minute
    expect(await used({})).toEqual({ verifications: 1, ratelimits: 0 });
    expect(await used({ period: before })).toEqual({ verifications: 1, ratelimits: 1 });
    expect((await usage({ period: before })).period.end).toBe(endMs);
    expect(await used({ period: monthAgo(before) })).toEqual({ verifications: 0, ratelimits: 0 });
  });

  test("a month that has not begun, or of which nothing is kept, is refused", async () => {
    const { year, month } = monthNow();
    const next = month === 12 ? { year: year + 1, month: 1 } : { year, month: month + 1 };
    for (const period of [next, { year: year + 1, month }, { year: year - 4, month }]) {
      expect(await space.flaws("workspace.getUsage", { period })).toEqual(["body.period"]);
    }
    await usage({ period: { year: year - 2, month } });
  });

  test("only who may see verifications and decisions sees the usage of the workspace", async () => {
    const verifications = await space.keyWith("api.*.read_analytics");
    const decisions = await space.keyWith("ratelimit.*.read_analytics");
    const urn = await space.keyWith(`unkey:v1:${space.id}:usage#read`);
    for (const [rootKey, status] of [
      [verifications, 403],
      [decisions, 403],
      [urn, 200],
    ] as const) {
      expect((await space.call("workspace.getUsage", {}, { rootKey })).status).toBe(status);
    }
  });

  test("a root key reads its own workspace", async () => {
    const createdAt = server.clock.nowMs;
    expect(await space.data("workspaces.getWorkspace", {})).toEqual({
      id: space.id,
      name: "other",
      createdAt,
      timeZone: "UTC",
    });
    await server.services.engine.transaction((tx) => setWorkspaceTimeZone(tx, space.id, "Europe/Berlin"));
    expect((await space.data("workspaces.getWorkspace", {})).timeZone).toBe("Europe/Berlin");
  });

  test("an operation without required fields reads an empty body as an empty object, and no other operation does", async () => {
    const post = (operation: string, headers: Record<string, string> = {}) =>
      fetch(`${server.url}/v2/${operation}`, {
        method: "POST",
        headers: { Authorization: `Bearer ${space.rootKey}`, ...headers },
      });
    for (const operation of ["workspace.getLimits", "workspaces.getWorkspace", "apis.listApis"]) {
      expect((await post(operation)).status).toBe(200);
      expect((await post(operation, { "Content-Type": "application/json" })).status).toBe(200);
    }
    expect((await post("apis.getApi")).status).toBe(415);
    const reply = await space.call("apis.getApi", "");
    expectRefusal(reply, "invalid_input");
  });
});
