import { expect, test } from "bun:test";
import { postgres, startTest } from "../harness.ts";
import { startProxy } from "../proxy.ts";
import { until } from "../until.ts";

test("a node that is cut off from the database serves cached keys for half a minute, and then nothing", async () => {
  const direct = await postgres.url("");
  const { hostname, port } = new URL(direct);
  const proxy = await startProxy({ host: hostname, port: Number(port) });
  const through = new URL(direct);
  through.port = String(proxy.port);
  const server = await startTest({
    engine: { name: "postgres behind a proxy", url: () => through.href, drop: () => Promise.resolve() },
  });
  const { apiId } = (await server.call("apis.createApi", { name: "payments" })).body.data;
  const { key } = (await server.call("keys.createKey", { apiId })).body.data;
  const status = async () => (await server.call("keys.verifyKey", { key })).status;
  expect(await status()).toBe(200);

  const cutOffAtMs = server.clock.nowMs;
  proxy.cut();
  await until(() =>
    server.services.engine.check().then(
      () => false,
      () => true,
    ),
  );
  server.clock.advance(cutOffAtMs + 30_000 - server.clock.nowMs);
  expect(await status()).toBe(200);
  server.clock.advance(1);
  const refused = await server.call("keys.verifyKey", { key });
  expect(refused.status).toBe(503);
  expect(refused.headers.get("retry-after")).toBe("1");

  proxy.mend();
  await until(async () => (await status()) === 200);
  await server.stop();
  await proxy.close();
  await postgres.drop?.(direct);
}, 30_000);
