import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { startTest, type TestServer } from "../../test/harness.ts";
import { type Services, startServices } from "../../test/services.ts";
import { makeWorkspace, type Workspace } from "../../test/workspace.ts";

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const yearsMs = 5 * 365 * 24 * hourMs;

describe.each(["memory", "Redis"])("with counters in %s,", (backend) => {
  let redis: Services | undefined;
  let server: TestServer;
  let space: Workspace;
  let apiId: string;
  beforeAll(async () => {
    if (backend === "Redis") redis = await startServices("redis");
    const url = redis?.environment["TEST_REDIS_URL"];
    server = await startTest(url === undefined ? {} : { config: { REDIS_URL: url } });
    space = await makeWorkspace(server);
    ({ apiId } = await space.data("apis.createApi", { name: "api" }));
  });
  afterAll(async () => {
    await server.stop();
    await redis?.stop();
  });

  let names = 0;
  /**
   * Counts these costs against a new limit of 10, with each of the three operations that count rate limits. Returns
   * what each operation said about the last cost.
   */
  async function resets(...costs: number[]): Promise<{ passed: boolean; reset: number }[]> {
    names += 1;
    const asked = { namespace: "n", identifier: `i${names}`, limit: 10, duration: minuteMs };
    const { key } = await space.data("keys.createKey", { apiId });
    const name = `name${names}`;
    let told: { passed: boolean; reset: number }[] = [];
    for (const cost of costs) {
      const one = await space.data("ratelimit.limit", { ...asked, cost });
      const { limits } = await space.data("ratelimit.multiLimit", [
        { ...asked, identifier: `multi${names}`, cost },
      ]);
      const verified = await space.data("keys.verifyKey", {
        key,
        ratelimits: [{ name, limit: 10, duration: minuteMs, cost }],
      });
      told = [
        { passed: one.success, reset: one.reset },
        { passed: limits[0].passed, reset: limits[0].reset },
        { passed: !verified.ratelimits[0].exceeded, reset: verified.ratelimits[0].reset },
      ];
    }
    return told;
  }

  test("the reset of a cost above the limit is one duration from now, in every operation", async () => {
    const never = { passed: false, reset: server.clock.nowMs + minuteMs };
    expect(await resets(11)).toEqual([never, never, never]);
    expect(await resets(10, 11)).toEqual([never, never, never]);
  });

  test("if the clock is set, a reset still lies between now and now + duration", async () => {
    const { clock } = server;
    for (const byMs of [hourMs, -hourMs, yearsMs, -yearsMs, -hourMs, hourMs]) {
      clock.set(byMs);
      for (const costs of [[1], [10, 1], [11], [0]]) {
        for (const { reset } of await resets(...costs)) {
          expect(reset).toBeGreaterThanOrEqual(clock.nowMs);
          expect(reset).toBeLessThanOrEqual(clock.nowMs + minuteMs);
        }
      }
    }
  });
});
