import { afterAll, beforeEach, describe, expect, test } from "bun:test";
import { engines, type Reply, startTest, type TestServer } from "../../test/harness.ts";
import { expectRefusal } from "../../test/refusal.ts";

describe.each(engines)("on $name, with WORKSPACE_REQUESTS_PER_MINUTE=5", (engine) => {
  let server: TestServer | undefined;
  beforeEach(async () => {
    await server?.stop();
    server = await startTest({ engine, config: { WORKSPACE_REQUESTS_PER_MINUTE: "5" } });
  });
  afterAll(() => server?.stop());
  const started = (): TestServer => {
    if (server === undefined) throw new Error("no server");
    return server;
  };
  const ask = (body: unknown = {}, rootKey?: string) =>
    started().call("identities.listIdentities", body, { rootKey });
  const limits = ({ headers }: Reply) =>
    ["limit", "remaining", "reset"].map((name) => headers.get(`ratelimit-${name}`));

  test("the first five requests in a minute show how many are left, and the sixth is 429", async () => {
    for (const left of [4, 3, 2, 1, 0]) {
      const reply = await ask();
      expect(reply.status).toBe(200);
      expect(limits(reply)).toEqual(["5", String(left), "60"]);
      expect(reply.headers.get("retry-after")).toBeNull();
    }
    const refused = await ask();
    expectRefusal(refused, "workspace_rate_limited");
    expect(refused.headers.get("content-type")).toBe("application/problem+json");
    expect(limits(refused)).toEqual(["5", "0", "60"]);
    expect(refused.headers.get("retry-after")).toBe("60");
  });

  test("a retry passes after the time in Retry-After, and not a second earlier", async () => {
    for (let i = 0; i < 3; i += 1) await ask();
    started().clock.advance(30_000);
    for (let i = 0; i < 2; i += 1) await ask();
    const refused = await ask();
    expect(refused.headers.get("retry-after")).toBe("30");
    started().clock.advance(29_000);
    expect((await ask()).status).toBe(429);
    started().clock.advance(1000);
    for (let i = 0; i < 3; i += 1) expect((await ask()).status).toBe(200);
    expect((await ask()).status).toBe(429);
  });

  test("every authenticated request counts, even a refused one, and no other does", async () => {
    await ask({ limit: 0 });
    expectRefusal(
      await started().call("identities.getIdentity", { identity: "unknown" }),
      "identity_not_found",
    );
    expectRefusal(await started().call("keys.verifyKey", { key: "unknown", no: 1 }), "invalid_input");
    expectRefusal(await ask({}, "unknown_root_key"), "root_key_not_found");
    expectRefusal(await started().call("no.such", {}), "unknown_operation");
    await fetch(`${started().url}/v2/liveness`);
    expect(limits(await ask())).toEqual(["5", "1", "60"]);
  });

  test("a batch counts as many requests as it has entries, and one that is too large decides nothing", async () => {
    const verify = (count: number) =>
      started().call("keys.verifyKeys", Array(count).fill({ key: "unknown" }), {});
    const reply = await verify(3);
    expect([reply.status, limits(reply)]).toEqual([200, ["5", "2", "60"]]);
    expectRefusal(await verify(3), "workspace_rate_limited");
    expect(limits(await verify(1))).toEqual(["5", "0", "60"]);
  });

  test("a request whose body is not JSON counts too, since the limit comes before the body is parsed", async () => {
    for (let i = 0; i < 5; i += 1) expectRefusal(await ask("{"), "invalid_input");
    expectRefusal(await ask("{"), "workspace_rate_limited");
  });

  test("all root keys of a workspace share it, and another workspace has its own", async () => {
    const second = await started().makeRootKey(["*"]);
    const other = await started().makeRootKey(["*"], { workspaceId: await started().makeWorkspace() });
    for (let i = 0; i < 3; i += 1) await ask();
    for (let i = 0; i < 2; i += 1) expect((await ask({}, second)).status).toBe(200);
    expectRefusal(await ask({}, second), "workspace_rate_limited");
    expect((await ask({}, other)).status).toBe(200);
  });

  test("of 50 requests at once exactly five pass", async () => {
    const replies = await Promise.all(Array.from({ length: 50 }, () => ask()));
    expect(replies.filter((reply) => reply.status === 200)).toHaveLength(5);
    expect(replies.filter((reply) => reply.status === 429)).toHaveLength(45);
  });
});

test("without the setting no response has RateLimit headers, and nothing is limited", async () => {
  const server = await startTest();
  for (let i = 0; i < 50; i += 1) {
    const reply = await server.call("identities.listIdentities", {});
    expect(reply.status).toBe(200);
    expect([...reply.headers.keys()].filter((name) => name.startsWith("ratelimit"))).toEqual([]);
  }
  await server.stop();
});
