/** How long connections live. The runtime's timers are real and count in steps of 4 s, so all waits run at once. */
import { beforeAll, describe, expect, test } from "bun:test";
import type { TestServer } from "../../test/harness.ts";
import { openRaw } from "../../test/raw.ts";
import { testServer } from "../../test/setUp.ts";

const longest = 10_000; // longer than a connection of the server `hasty` may be idle
const afterFirstHeadMs = 15_000;

const headOf = ({ rootKey }: TestServer, operation: string, length: number) =>
  [
    `POST /v2/${operation} HTTP/1.1`,
    "Host: localhost",
    `Authorization: Bearer ${rootKey}`,
    "Content-Type: application/json",
    `Content-Length: ${length}\r\n\r\n`,
  ].join("\r\n");
const requestOf = (server: TestServer, operation: string, body: string) =>
  headOf(server, operation, body.length) + body;
const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

const patient = testServer();
const hasty = testServer({ config: { IDLE_CONNECTION_SECONDS: "4" } });

/**
 * Returns the statuses of two requests on one connection. All but the first `sentEarly` characters of the second
 * request are sent `afterFirstHeadMs` after the first response.
 */
async function twoRequests(sentEarly: number) {
  const connection = await openRaw(patient.url);
  const request = requestOf(patient, "identities.listIdentities", "{}");
  connection.send(request);
  const first = await connection.reply();
  if (sentEarly > 0) connection.send(request.slice(0, sentEarly));
  await pause(afterFirstHeadMs);
  connection.send(request.slice(sentEarly));
  const second = await connection.reply();
  connection.destroy();
  return [first?.status, second?.status];
}

/** Sends a change that `holdChanges` blocks. Returns its status once the server has closed the connection. */
async function longChange(externalId: string, size: number) {
  const connection = await openRaw(hasty.url);
  connection.send(requestOf(hasty, "identities.createIdentity", JSON.stringify({ externalId }).padEnd(size)));
  const reply = await connection.reply();
  await connection.closed;
  return reply?.status;
}

async function holdChanges() {
  const held = Promise.withResolvers<void>();
  const transaction = hasty.services.engine.transaction(() => held.promise);
  await pause(longest);
  held.resolve();
  await transaction;
}

/** Sends a body with a pause that is longer than a connection may be idle and shorter than a body may pause. */
async function pausingBody(size: number) {
  const body = JSON.stringify({ externalId: `pausing_${size}` }).padEnd(size);
  const connection = await openRaw(hasty.url);
  connection.send(headOf(hasty, "identities.createIdentity", size) + body.slice(0, 10));
  await pause(6_000);
  connection.send(body.slice(10));
  const reply = await connection.reply();
  connection.destroy();
  return reply?.status;
}

async function largeResponse() {
  for (let i = 0; i < 3; i += 1) {
    const meta = { a: "x".repeat(30_000) };
    await patient.call("identities.createIdentity", { externalId: `large_${i}`, meta });
  }
  const connection = await openRaw(patient.url);
  connection.send(requestOf(patient, "identities.listIdentities", "{}"));
  const reply = await connection.reply();
  await connection.closed;
  return reply;
}

describe("a connection", () => {
  let idle: unknown[] = [];
  let halfHead: unknown[] = [];
  let changes: unknown[] = [];
  let bodies: unknown[] = [];
  beforeAll(async () => {
    const half = 60;
    [idle, halfHead, bodies] = await Promise.all([
      twoRequests(0),
      twoRequests(half),
      Promise.all([100, 20_000].map(pausingBody)),
    ]);
    [, ...changes] = await Promise.all([holdChanges(), longChange("small", 0), longChange("large", 100_000)]);
  }, 60_000);

  test("that was idle for 15 s between two requests serves the next one", () => {
    expect(idle).toEqual([200, 200]);
  });

  test("may take as long for a later head as it may be idle", () => {
    expect(halfHead).toEqual([200, 200]);
  });

  test("is not closed during an operation that takes longer than it may be idle, but is closed when it is idle afterwards", () => {
    expect(changes).toEqual([200, 200]);
  });

  test("is not closed while a body pauses for longer than the connection may be idle", () => {
    expect(bodies).toEqual([200, 200]);
  });

  test("ends after a response of more than 64 KB, which says so and arrives whole", async () => {
    const reply = await largeResponse();
    expect([reply?.status, reply?.headers["connection"]]).toEqual([200, ["close"]]);
    expect(reply?.body?.data).toHaveLength(3);
    const document = await fetch(`${patient.url}/openapi.json`);
    expect(document.headers.get("connection")).toBe("close");
    expect(await document.json()).toHaveProperty("openapi");
  });

  test("does not end after a small response", async () => {
    const { headers } = await patient.call("identities.getIdentity", { identity: "unknown" });
    expect(headers.get("connection")).not.toBe("close");
  });
});
