import { expect, test } from "bun:test";
import { engines, startTest } from "./harness.ts";

test("a used-up limit of more than a minute is still used up after a restart of a SQLite node", async () => {
  const engine = engines.find(({ name }) => name === "sqlite in a file");
  if (engine === undefined) throw new Error("there is no SQLite file among the engines");
  const server = await startTest({ engine });
  try {
    const hour = { namespace: "email", identifier: "user_123", limit: 2, duration: 3_600_000 };
    const minute = { ...hour, identifier: "user_456", duration: 60_000 };
    for (const asked of [hour, hour, minute, minute]) {
      expect((await server.call("ratelimit.limit", asked)).body.data.success).toBe(true);
    }
    await server.restart();
    expect((await server.call("ratelimit.limit", hour)).body.data).toMatchObject({
      success: false,
      remaining: 0,
    });
    expect((await server.call("ratelimit.limit", minute)).body.data.success).toBe(true);
  } finally {
    await server.stop();
  }
});
