import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { sql } from "kysely";
import { engines, startTest, type TestServer } from "../../test/harness.ts";
import { freePort } from "../../test/program.ts";
import { openRaw, type RawConnection } from "../../test/raw.ts";
import { expectRefusal } from "../../test/refusal.ts";
import { until } from "../../test/until.ts";

/** The server takes this number of changes before it refuses the next one. */
const room = 256;

describe.each(engines)("on $name, while every change is blocked,", (engine) => {
  let server: TestServer;
  let metricsAddress: string;
  let key: string;
  beforeAll(async () => {
    metricsAddress = `127.0.0.1:${await freePort()}`;
    server = await startTest({ engine, config: { METRICS_ADDRESS: metricsAddress } });
    const { apiId } = (await server.call("apis.createApi", { name: "payments" })).body.data;
    ({ key } = (await server.call("keys.createKey", { apiId })).body.data);
    expect(await codeOf(key)).toBe("VALID");
  });
  afterAll(() => server.stop());

  const codeOf = async (one: string) =>
    (await server.call("keys.verifyKey", { key: one })).body.data?.code as string;
  const metric = async (name: string) => {
    const text = await (await fetch(`http://${metricsAddress}/metrics`)).text();
    return Number(
      text
        .split("\n")
        .find((line) => line.startsWith(`${name} `))
        ?.slice(name.length),
    );
  };
  const requestOf = (body: string) =>
    [
      "POST /v2/identities.createIdentity HTTP/1.1",
      "Host: localhost",
      `Authorization: Bearer ${server.rootKey}`,
      "Content-Type: application/json",
      `Content-Length: ${body.length}\r\n\r\n${body}`,
    ].join("\r\n");
  const creation = (externalId: string) => requestOf(JSON.stringify({ externalId }));

  /** Blocks every change until `release` is called. */
  async function holdChanges(): Promise<() => Promise<void>> {
    const held = Promise.withResolvers<void>();
    const holding = Promise.withResolvers<void>();
    const transaction = server.services.engine.transaction(async (tx) => {
      if (engine.name === "postgres") await sql`lock table "identities" in exclusive mode`.execute(tx);
      holding.resolve();
      await held.promise;
    });
    await holding.promise;
    return async () => {
      held.resolve();
      await transaction;
    };
  }

  /** Sends as many changes as the server admits. `holdChanges` blocks them, so none gets its response yet. */
  async function fill(name: string): Promise<RawConnection[]> {
    const connections = await Promise.all(Array.from({ length: room }, () => openRaw(server.url)));
    for (const [index, connection] of connections.entries()) connection.send(creation(`${name}_${index}`));
    await until(async () => (await metric("latchkey_changes_in_flight")) === room);
    return connections;
  }

  test("calls beyond the bound are refused at once, verification goes on, and no admitted call is lost", async () => {
    const release = await holdChanges();
    const connections = await fill("user");
    const refusedBefore = await metric("latchkey_overload_refusals_total");
    const refused = await server.call("identities.createIdentity", { externalId: "one_too_many" });
    expectRefusal(refused, "server_overloaded");
    expect(refused.headers.get("retry-after")).toBe("1");
    expect(await metric("latchkey_overload_refusals_total")).toBe(refusedBefore + 1);
    expect(await codeOf(key)).toBe("VALID");
    await release();
    const statuses = await Promise.all(connections.map(async (one) => (await one.reply())?.status));
    expect(new Set(statuses)).toEqual(new Set([200]));
    const [row] = await server.services.engine.db
      .selectFrom("identities")
      .select((eb) => eb.fn.countAll<number>().as("count"))
      .execute();
    expect(row?.count).toBe(room);
    expect(await metric("latchkey_changes_in_flight")).toBe(0);
    const next = await server.call("identities.createIdentity", { externalId: "one_too_many" });
    expect(next.status).toBe(200);
    for (const connection of connections) connection.destroy();
  }, 20_000);

  test("a refused body is skipped, however large, and its connection keeps working", async () => {
    const release = await holdChanges();
    const connections = await fill("large");
    const connection = await openRaw(server.url);
    for (const length of [100, 20_000, 900_000]) {
      connection.send(requestOf(JSON.stringify({ externalId: "large" }).padEnd(length)));
      expect((await connection.reply())?.status).toBe(429);
    }
    await release();
    for (const one of connections) await one.reply();
    connection.send(creation("large"));
    expect((await connection.reply())?.status).toBe(200);
    for (const one of [connection, ...connections]) one.destroy();
  }, 20_000);

  test("a call is refused before its body is read and its root key checked, and the log says so once", async () => {
    const release = await holdChanges();
    const connections = await fill("log");
    const waiting = await openRaw(server.url);
    waiting.send(requestOf("{}").slice(0, -1)); // the rest of the body never comes
    expect((await waiting.reply())?.status).toBe(429);
    waiting.destroy();
    const events = () => server.log.filter((line) => line.includes('"overloaded"')).length;
    const before = events();
    for (let index = 0; index < 20; index += 1) {
      expectRefusal(await server.call("identities.createIdentity", {}, { rootKey: "" }), "server_overloaded");
    }
    expect(events() - before).toBeLessThanOrEqual(1);
    await release();
    for (const one of connections) await one.reply();
    for (const one of connections) one.destroy();
  }, 20_000);
});
