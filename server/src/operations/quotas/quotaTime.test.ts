/** Quotas through the API: calendar periods, wrong clocks, changed rules. `periods.test.ts` tests the periods alone. */
import { beforeEach, describe, expect, test } from "bun:test";
import { engines } from "../../../test/harness.ts";
import { testServer, testWorkspace } from "../../../test/setUp.ts";

const hourMs = 3_600_000;
const at = (iso: string) => Date.parse(iso);

describe.each(engines)("on $name,", (engine) => {
  const server = testServer({ engine });
  const space = testWorkspace(server);
  let apiId: string;
  beforeEach(async () => {
    ({ apiId } = await space.data("apis.createApi", { name: "payments" }));
  });
  /** Sets the clock, and creates an identity with this quota and a key. Returns a function that uses the quota. */
  const withQuota = async (now: string, more: object) => {
    server.clock.nowMs = at(now);
    const quotas = [{ name: "tokens", limit: 10, ...more }];
    await space.data("identities.createIdentity", { externalId: "user", quotas });
    const { key } = await space.data("keys.createKey", { apiId, externalId: "user" });
    const use = async (cost: number) => {
      const verdict = await space.data("keys.verifyKey", { key, quotas: [{ name: "tokens", cost }] });
      return { ...verdict.quotas[0], valid: verdict.valid };
    };
    return { use };
  };
  const stored = async () => (await space.data("identities.getIdentity", { identity: "user" })).quotas[0];
  const set = async (more: object) => {
    const quotas = [{ name: "tokens", limit: 10, ...more }];
    return (await space.data("identities.updateIdentity", { identity: "user", quotas })).quotas[0];
  };

  test("a billing day on the 31st resets on the last day of short months, and on the 31st of the next long one", async () => {
    const anchor = at("2027-01-31T10:00:00Z");
    const { use } = await withQuota("2027-01-31T10:00:00Z", { period: "month", anchor });
    const resets: string[] = [];
    while (resets.length < 13) {
      expect(await use(10)).toMatchObject({ valid: true });
      const { valid, resetsAt } = await use(1);
      server.clock.nowMs = resetsAt - 1;
      expect([valid, (await use(1)).valid]).toEqual([false, false]);
      server.clock.nowMs = resetsAt;
      resets.push(new Date(resetsAt).toISOString().slice(0, 16));
    }
    expect(resets.slice(0, 4)).toEqual([
      "2027-02-28T10:00",
      "2027-03-31T10:00",
      "2027-04-30T10:00",
      "2027-05-31T10:00",
    ]);
    expect(resets.slice(11)).toEqual(["2028-01-31T10:00", "2028-02-29T10:00"]);
  });

  test.each([
    ["day", "Europe/Berlin", "2029-03-25T12:00:00Z", "2029-03-25T22:00:00Z"], // a day of 23 hours
    ["day", "Europe/Berlin", "2029-10-28T12:00:00Z", "2029-10-28T23:00:00Z"], // a day of 25 hours
    ["day", "America/Sao_Paulo", "2018-11-03T12:00:00Z", "2018-11-04T03:00:00Z"], // midnight does not exist
    ["day", "America/Havana", "2029-11-03T12:00:00Z", "2029-11-04T04:00:00Z"], // midnight comes twice: the first counts
    ["week", "Asia/Kathmandu", "2029-01-03T12:00:00Z", "2029-01-07T18:15:00Z"],
    ["month", "UTC", "2028-02-10T12:00:00Z", "2028-03-01T00:00:00Z"],
    ["year", "Asia/Tokyo", "2028-06-01T12:00:00Z", "2028-12-31T15:00:00Z"],
  ])(
    "a %s in %s that contains %s ends at %s, and not a millisecond earlier",
    async (period, timeZone, now, end) => {
      const { use } = await withQuota(now, { period, timeZone });
      expect(await use(10)).toMatchObject({ valid: true, resetsAt: at(end) });
      server.clock.nowMs = at(end) - 1;
      expect(await use(1)).toMatchObject({ valid: false });
      server.clock.nowMs = at(end);
      expect(await use(1)).toMatchObject({ valid: true, used: 1 });
    },
  );

  test("several missed periods roll over once, and what was carried is not carried again", async () => {
    const { use } = await withQuota("2029-01-10T12:00:00Z", { period: "month", rollover: { max: 4 } });
    await use(9); // in January; nothing is used from February to May
    server.clock.nowMs = at("2029-06-10T12:00:00Z");
    expect(await use(0)).toMatchObject({ remaining: 14 });
    await use(10);
    server.clock.nowMs = at("2029-07-10T12:00:00Z");
    // June used the 4 carried units and 6 of its own 10, so 4 are carried again
    expect(await use(0)).toMatchObject({ remaining: 14 });
    await use(14);
    server.clock.nowMs = at("2029-08-10T12:00:00Z");
    expect(await use(0)).toMatchObject({ remaining: 10 });
  });

  test.each([
    ["fast", hourMs],
    ["slow", -hourMs],
  ])(
    "a clock that is an hour %s around a reset grants no unit twice, and refuses for at most that hour",
    async (_, wrongMs) => {
      const midnight = at("2029-09-11T00:00:00Z");
      const { use } = await withQuota("2029-09-10T12:00:00Z", { period: "day" });
      await use(10);
      const useAt = async (ms: number, units: number) => {
        server.clock.nowMs = ms;
        return (await use(units)).valid as boolean;
      };
      const right = midnight + (wrongMs > 0 ? -hourMs / 2 : hourMs / 2);
      const granted: boolean[] = [];
      for (let turn = 0; turn < 6; turn += 1) granted.push(await useAt(right + (turn % 2) * wrongMs, 4));
      expect(granted.filter(Boolean)).toHaveLength(2); // two uses of 4 units: a third would exceed the new day's 10
      expect(await useAt(midnight + hourMs, 2)).toBe(true);
      expect(await useAt(midnight + 23 * hourMs, 1)).toBe(false);
      expect(await useAt(midnight + 24 * hourMs, 10)).toBe(true);
    },
  );

  test("a quota that begins with its first use begins with the first admitted cost above 0", async () => {
    const { use } = await withQuota("2029-09-20T12:00:00Z", { period: "day", anchor: "first_use" });
    expect(await use(0)).not.toHaveProperty("resetsAt");
    expect(await use(11)).not.toHaveProperty("resetsAt");
    server.clock.advance(5 * hourMs);
    const { resetsAt } = await use(1);
    expect(resetsAt).toBe(server.clock.nowMs + 24 * hourMs);
  });

  test("a new limit, period, time zone or anchor keeps what was used and moves the reset", async () => {
    const { use } = await withQuota("2029-10-10T12:00:00Z", { period: "month" });
    await use(6);
    expect(await set({ period: "month", limit: 20 })).toMatchObject({
      used: 6,
      remaining: 14,
      resetsAt: at("2029-11-01T00:00:00Z"),
    });
    const timeZone = "Asia/Tokyo";
    expect(await set({ period: "month", timeZone })).toMatchObject({
      used: 6,
      resetsAt: at("2029-10-31T15:00:00Z"),
    });
    expect(await set({ period: "week", timeZone })).toMatchObject({
      used: 6,
      resetsAt: at("2029-10-14T15:00:00Z"),
    });
    const anchor = at("2029-10-12T08:00:00Z");
    expect(await set({ period: "week", anchor })).toMatchObject({ used: 6, resetsAt: anchor });
    server.clock.nowMs = anchor;
    expect(await stored()).toMatchObject({ used: 0, resetsAt: at("2029-10-19T08:00:00Z") });
  });
});
