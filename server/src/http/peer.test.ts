import { expect, test } from "bun:test";
import { startServer } from "../compose.ts";
import { readConfig } from "../config/read.ts";
import { rootKeySecret } from "../domain/secrets.ts";
import { randomBytes } from "../runtime.ts";

test("a decision does not read its connection's address, even if it waits for credits to be spent", async () => {
  const rootKey = rootKeySecret(randomBytes(24));
  const config = readConfig({ DATABASE_URL: ":memory:", LATCHKEY_ROOT_KEY: rootKey });
  const server = await startServer(config, {
    nowMs: Date.now,
    monotonicMs: () => performance.now(),
    log: () => undefined,
    keepRootKey: () => undefined,
    embedded: true,
  });
  let read = 0;
  const socket = {
    requestIP() {
      read += 1;
      return { address: "127.0.0.1" };
    },
    timeout: () => undefined,
  };
  const call = async (operation: string, body: object) => {
    const request = new Request(`${server.url}/v2/${operation}`, {
      method: "POST",
      headers: { Authorization: `Bearer ${rootKey}`, "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
    request.headers.set("Content-Length", String(JSON.stringify(body).length));
    const before = read;
    const { data } = (await (await server.fetch(request, socket)).json()) as { data: Record<string, string> };
    return { data, readAddress: read > before };
  };
  const { data: api, readAddress } = await call("apis.createApi", { name: "payments" });
  expect(readAddress).toBe(true); // creating an api writes an audit row, which has the address
  const { data: created } = await call("keys.createKey", { apiId: api["apiId"], credits: { remaining: 2 } });
  const { key } = created;
  await call("keys.verifyKey", { key }); // now the key is cached
  for (const code of ["VALID", "USAGE_EXCEEDED"]) {
    const verified = await call("keys.verifyKey", { key });
    expect(verified).toMatchObject({ data: { code }, readAddress: false });
  }
  const limit = { namespace: "email", identifier: "user_1", limit: 5, duration: 60_000 };
  // the first call creates the namespace, and writes an audit row
  expect((await call("ratelimit.limit", limit)).readAddress).toBe(true);
  expect((await call("ratelimit.limit", limit)).readAddress).toBe(false);
  await server.stop();
});
