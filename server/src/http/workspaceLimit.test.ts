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

  test("each of the first five in a minute is told how many are left, and the sixth is 429", async () => {
    for (const left of [4, 3, 2, 1, 0]) {
      const answer = await ask();
      expect(answer.status).toBe(200);
      expect(limits(answer)).toEqual(["5", String(left), "60"]);
      expect(answer.headers.get("retry-after")).toBeNull();
    }
    const refused = await ask();
    expectRefusal(refused, "workspace_rate_limited");
    expect(refused.headers.get("content-type")).toBe("application/problem+json");
    expect(limits(refused)).toEqual(["5", "0", "60"]);
    expect(refused.headers.get("retry-after")).toBe("60");
  });

  test("waiting as long as Retry-After says is enough, and a second less is not", async () => {
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

  test("every authenticated request counts, refused ones too, and no other does", async () => {
    await ask({ limit: 0 });
    expectRefusal(
      await started().call("identities.getIdentity", { identity: "nobody" }),
      "identity_not_found",
    );
    expectRefusal(await started().call("keys.verifyKey", { key: "unknown", no: 1 }), "invalid_input");
    expectRefusal(await ask({}, "unknown_root_key"), "root_key_not_found");
    expectRefusal(await started().call("no.such", {}), "unknown_operation");
    await fetch(`${started().url}/v2/liveness`);
    expect(limits(await ask())).toEqual(["5", "1", "60"]);
  });

  test("a body that is no JSON costs one too: the limit comes before it is read", async () => {
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
    const answers = await Promise.all(Array.from({ length: 50 }, () => ask()));
    expect(answers.filter((answer) => answer.status === 200)).toHaveLength(5);
    expect(answers.filter((answer) => answer.status === 429)).toHaveLength(45);
  });
});

test("without the setting no answer has RateLimit headers, and nothing is limited", async () => {
  const server = await startTest();
  for (let i = 0; i < 50; i += 1) {
    const answer = await server.call("identities.listIdentities", {});
    expect(answer.status).toBe(200);
    expect([...answer.headers.keys()].filter((name) => name.startsWith("ratelimit"))).toEqual([]);
  }
  await server.stop();
});
