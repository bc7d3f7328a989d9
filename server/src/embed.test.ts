import { describe, expect, test } from "bun:test";
import type * as Published from "../embed.d.ts";
import { engines } from "../test/harness.ts";
import { newFolder } from "../test/program.ts";
import { createLatchkey, type EmbeddedLatchkey } from "./embed.ts";

const call = async (latchkey: EmbeddedLatchkey, operation: string, body: object) => {
  const request = new Request(`http://any.host/v2/${operation}`, {
    method: "POST",
    headers: { Authorization: `Bearer ${latchkey.rootKey}`, "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  const response = await latchkey.fetch(request);
  return { status: response.status, ...((await response.json()) as { data?: Record<string, string> }) };
};

describe.each(engines)("embedded on $name", (engine) => {
  test("it serves the requests that are passed to its fetch, keeps its data, and listens on no address", async () => {
    const url = await engine.url(newFolder());
    const options = { database: url, settings: { ALLOW_LOCAL_COUNTERS: "true" } };
    const latchkey = await createLatchkey(options);
    expect(latchkey.rootKey).toStartWith("latchkey_root_");
    const { data: api } = await call(latchkey, "apis.createApi", { name: "payments" });
    const { data } = await call(latchkey, "keys.createKey", { apiId: api?.["apiId"] });
    const verified = await call(latchkey, "keys.verifyKey", { key: data?.["key"] });
    expect(verified).toMatchObject({ status: 200, data: { valid: true } });
    expect((await call(latchkey, "no.such", {})).status).toBe(404);
    const health = await latchkey.fetch(new Request("http://any.host/health/ready"));
    expect(health.status).toBe(200);
    await latchkey.close();
    await latchkey.close();

    if (url !== ":memory:") {
      const again = await createLatchkey({ ...options, rootKey: latchkey.rootKey ?? "" });
      expect(await call(again, "keys.verifyKey", { key: data?.["key"] })).toMatchObject({
        data: { valid: true },
      });
      await again.close();
    }
    await engine.drop?.(url);
  });
});

test("it serves its documentation", async () => {
  await using latchkey = await createLatchkey();
  for (const path of ["/docs", "/docs/reference/keys.verifyKey"]) {
    const page = await latchkey.fetch(new Request(`http://any.host${path}`));
    expect([page.status, page.headers.get("content-type")]).toEqual([200, "text/html; charset=utf-8"]);
  }
});

test("closing waits for the requests in flight", async () => {
  const latchkey = await createLatchkey();
  const calls = Array.from({ length: 20 }, (_, index) =>
    call(latchkey, "identities.createIdentity", { externalId: `user_${index}` }),
  );
  await latchkey.close();
  expect((await Promise.all(calls)).map(({ status }) => status)).toEqual(calls.map(() => 200));
});

test("beside an application's own routes it knows the addresses of callers", async () => {
  await using latchkey = await createLatchkey();
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: (request, own) => latchkey.fetch(request, own),
  });
  const response = await fetch(`http://127.0.0.1:${server.port}/v2/apis.createApi`, {
    method: "POST",
    headers: { Authorization: `Bearer ${latchkey.rootKey}`, "Content-Type": "application/json" },
    body: '{"name":"payments"}',
  });
  expect(response.status).toBe(200);
  const { data } = await call(latchkey, "audit.listEvents", { limit: 1 });
  expect(data).toMatchObject([{ remoteAddress: "127.0.0.1" }]);
  await server.stop();
});

test("an invalid option is refused in one sentence, and the environment is not read", async () => {
  process.env["MAX_BODY_BYTES"] = "nonsense";
  await using latchkey = await createLatchkey();
  delete process.env["MAX_BODY_BYTES"];
  expect(latchkey.rootKey).toBeDefined();
  const fault = await createLatchkey({ database: "mysql://a" }).catch((error: Error) => error.message);
  expect(fault).toMatch(/^DATABASE_URL: must be .+\.$/);
});

test("the published types fit the function", () => {
  const published: typeof Published.createLatchkey = createLatchkey;
  expect(published).toBe(createLatchkey);
});
