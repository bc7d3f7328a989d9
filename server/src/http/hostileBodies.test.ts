/** Bodies that are meant to cost the server much must not make other callers wait. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { expectUndisturbed, type ServingSubject, startSubject, watch } from "../../test/bystander.ts";
import { openRaw, type RawConnection } from "../../test/raw.ts";
import { expectRefusal } from "../../test/refusal.ts";
import { until } from "../../test/until.ts";

let subject: ServingSubject;
beforeAll(async () => {
  subject = await startSubject();
});
afterAll(() => subject.stop());

const head = (operation: string, ...lines: string[]) =>
  [`POST /v2/${operation} HTTP/1.1`, "Host: localhost", ...lines].join("\r\n");
const chunked = "Transfer-Encoding: chunked\r\n\r\n";
const authorized = () => [`Authorization: Bearer ${subject.rootKey}`, "Content-Type: application/json"];

/** Sends a body in which every byte is a chunk of its own, a hundred thousand bytes at a time. */
async function sendOneByteChunks(start: string, bytes: number) {
  const connection = await openRaw(subject.url);
  connection.send(start);
  const some = "1\r\n \r\n".repeat(100_000);
  for (let sent = 0; sent < bytes; sent += 100_000) {
    connection.send(some);
    await new Promise((resolve) => setImmediate(resolve));
  }
  connection.send("0\r\n\r\n");
  const reply = await connection.reply();
  connection.destroy();
  return reply;
}

describe("a body of a million one-byte chunks", () => {
  test("without credentials is not read: the sender is refused and the connection closed", async () => {
    for (const lines of [[], ["Authorization: Bearer unknown"], ["Authorization: Basic eA=="]]) {
      const connection = await openRaw(subject.url);
      connection.send(`${head("keys.verifyKey", ...lines, chunked)}1\r\n{\r\n`); // the end of the body never comes
      const reply = await connection.reply();
      expect([reply?.status, reply?.headers["connection"]]).toEqual([401, ["close"]]);
      await connection.closed;
      connection.destroy();
    }
  });

  test("without credentials stalls no other caller, on four connections at once", async () => {
    const impact = await watch(subject, () =>
      Promise.all([1, 2, 3, 4].map(() => sendOneByteChunks(head("keys.verifyKey", chunked), 1_000_000))),
    );
    expectUndisturbed(impact);
  });

  test("with a valid root key stalls no other caller", async () => {
    const start = head("keys.verifyKey", ...authorized(), chunked);
    const impact = await watch(subject, async () => {
      expectRefusal(await sendOneByteChunks(start, 1_000_000), "invalid_input");
    });
    expectUndisturbed(impact);
  });

  test("stalls no other caller on paths and methods that read no body", async () => {
    for (const line of ["POST /nope", "GET /openapi.json", "PUT /v2/keys.verifyKey", "GET /v2/liveness"]) {
      const start = `${line} HTTP/1.1\r\nHost: localhost\r\n${chunked}`;
      expectUndisturbed(await watch(subject, () => sendOneByteChunks(start, 1_000_000)));
    }
  });
});

test("a refused body of a declared length is skipped, and its connection keeps working", async () => {
  const connection = await openRaw(subject.url);
  for (const length of [20_000, 900_000]) {
    connection.send(`${head("keys.verifyKey", `Content-Length: ${length}`)}\r\n\r\n${" ".repeat(length)}`);
    expectRefusal(await connection.reply(), "authentication_missing");
  }
  connection.send("GET /v2/liveness HTTP/1.1\r\nHost: localhost\r\n\r\n");
  expect((await connection.reply())?.status).toBe(200);
  connection.destroy();
});

test("connections that declare large bodies and send one byte do not keep other large bodies out", async () => {
  const start = `${head("keys.verifyKey", ...authorized(), "Content-Length: 64000")}\r\n\r\n{`;
  const connections: RawConnection[] = [];
  for (let count = 0; count < 1_060; count += 1) {
    const connection = await openRaw(subject.url);
    connection.send(start);
    connections.push(connection);
  }
  const large = { externalId: "large", meta: { a: "x".repeat(60_000) } };
  await until(async () => (await subject.call("identities.createIdentity", large)).status === 200);
  for (let count = 0; count < 20; count += 1) {
    expect((await subject.call("identities.getIdentity", { identity: "large" })).status).toBe(200);
    const again = await subject.call("identities.updateIdentity", { identity: "large", meta: large.meta });
    expect(again.status).toBe(200);
  }
  for (const connection of connections) connection.destroy();
});

test("a Content-Type of 16 KB that is slow to match stalls no other caller", async () => {
  const type = `Content-Type: application/json${" ".repeat(15_900)}x`;
  const lines = [`Authorization: Bearer ${subject.rootKey}`, type, "Content-Length: 2\r\n\r\n{}"];
  const send = async () => {
    const connection = await openRaw(subject.url);
    connection.send(head("keys.verifyKey", ...lines));
    expectRefusal(await connection.reply(), "unsupported_media_type");
    connection.destroy();
  };
  const impact = await watch(subject, () => Promise.all(Array.from({ length: 10 }, send)));
  expectUndisturbed(impact);
});
