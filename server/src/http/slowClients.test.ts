/** Clients that are slow on purpose. The waits are real, so all of them run at once. */
import { beforeAll, describe, expect, test } from "bun:test";
import { startTest, type TestServer } from "../../test/harness.ts";
import { openRaw, type RawConnection } from "../../test/raw.ts";
import { expectRefusal } from "../../test/refusal.ts";
import { testServer } from "../../test/setUp.ts";

/** Milliseconds after which a connection must be closed: a second more than promised, for a machine under load. */
const silentHeadMs = 14_000;
const stalledBodyMs = 11_000;
const slowReaderMs = 11_000;

type Slow = {
  name: string;
  withinMs: number;
  /** Sends the beginning of a request. Returns a function that sends a little more each second, or undefined. */
  begin(connection: RawConnection, server: TestServer): (() => void) | undefined;
};

const head = ({ rootKey }: TestServer, ...lines: string[]) =>
  [
    "POST /v2/identities.createIdentity HTTP/1.1",
    "Host: localhost",
    `Authorization: Bearer ${rootKey}`,
    "Content-Type: application/json",
    ...lines,
  ].join("\r\n");
const sized = (length: number) => `Content-Length: ${length}\r\n\r\n`;
const chunked = "Transfer-Encoding: chunked\r\n\r\n";
const nothing = undefined;

function sending(name: string, withinMs: number, start: (server: TestServer) => string, each?: string): Slow {
  return {
    name,
    withinMs,
    begin(connection, server) {
      connection.send(start(server));
      return each === undefined ? nothing : () => connection.send(each);
    },
  };
}

const slow: readonly Slow[] = [
  { name: "says nothing", withinMs: silentHeadMs, begin: () => nothing },
  sending("stops within its head", silentHeadMs, (server) => head(server)),
  sending("sends a header a second and no end", silentHeadMs, (server) => head(server), "X-A: b\r\n"),
  sending("sends no body", stalledBodyMs, (server) => head(server, sized(100))),
  sending("stops within a small body", stalledBodyMs, (server) => `${head(server, sized(100))}{`),
  sending("stops within a large body", stalledBodyMs, (server) => `${head(server, sized(500_000))}{`),
  sending(
    "stops late in a large body",
    stalledBodyMs,
    (server) => `${head(server, sized(900_000))}${" ".repeat(100_000)}`,
  ),
  sending("stops within a chunk", stalledBodyMs, (server) => `${head(server, chunked)}5\r\n{`),
  sending("sends no first chunk", stalledBodyMs, (server) => head(server, chunked)),
  sending("trickles a small body", stalledBodyMs, (server) => head(server, sized(1000)), " "),
  sending("trickles a large body", stalledBodyMs, (server) => head(server, sized(500_000)), " ".repeat(1000)),
  sending("trickles chunks", stalledBodyMs, (server) => head(server, chunked), "1\r\n \r\n"),
];

const server = testServer();

/** Milliseconds until the server closes the connection. */
async function closedAfter(one: Slow): Promise<{ ms: number; received: string }> {
  const connection = await openRaw(server.url);
  const eachSecond = one.begin(connection, server);
  const timer = setInterval(() => eachSecond?.(), 1000);
  const ms = await connection.closed;
  clearInterval(timer);
  connection.destroy();
  return { ms, received: connection.unread() };
}

/** Requests 20 MB, more than the system's buffers hold, but reads nothing for a while. Returns how much arrives. */
async function slowReader(): Promise<{ received: number; whole: number }> {
  const large = await startTest({ config: { MAX_META_BYTES: "1048576", MAX_BODY_BYTES: "2000000" } });
  for (let i = 0; i < 20; i += 1) {
    await large.call("identities.createIdentity", {
      externalId: `user_${i}`,
      meta: { a: "x".repeat(1_000_000) },
    });
  }
  const connection = await openRaw(large.url);
  connection.pause();
  connection.send(
    head(large, sized(2)).replace("createIdentity", "listIdentities").replace("\r\n\r\n", "\r\n\r\n{}"),
  );
  await new Promise((resolve) => setTimeout(resolve, slowReaderMs));
  connection.resume();
  await connection.closed;
  const received = connection.unread().length;
  connection.destroy();
  await large.stop();
  return { received, whole: 20_000_000 };
}

/** Sends `bytes` of body in `seconds`: slow, but never below 16 KB a second, even if its timer is late. */
async function patientSender(bytes: number, seconds: number): Promise<number | undefined> {
  const body = JSON.stringify({ externalId: `patient_${bytes}` }).padEnd(bytes, " ");
  const connection = await openRaw(server.url);
  connection.send(head(server, sized(bytes)));
  const startedAt = performance.now();
  for (let sent = 0; sent < bytes; ) {
    await new Promise((resolve) => setTimeout(resolve, 250));
    const due = Math.ceil((bytes * (performance.now() - startedAt)) / (seconds * 1000));
    connection.send(body.slice(sent, due));
    sent = due;
  }
  const reply = await connection.reply();
  connection.destroy();
  return reply?.status;
}

describe("slow clients", () => {
  let closings: { name: string; inTime: boolean; received: string }[] = [];
  let reader = { received: 0, whole: 0 };
  let patient: (number | undefined)[] = [];
  let othersServed = 0;

  beforeAll(async () => {
    const all = Promise.all([
      Promise.all(
        slow.map(async (one) => {
          const { ms, received } = await closedAfter(one);
          return { name: one.name, inTime: ms <= one.withinMs, received };
        }),
      ),
      slowReader(),
      Promise.all([
        patientSender(250_000, 13),
        // the runtime's timer ticks every 4 seconds, so the clients begin at four different times between two ticks
        ...[0, 1, 2, 3].map(async (afterSeconds) => {
          await new Promise((resolve) => setTimeout(resolve, afterSeconds * 1000));
          return patientSender(100_001 + afterSeconds, 6);
        }),
      ]),
    ]);
    for (let i = 0; i < 100; i += 1) {
      if ((await server.call("identities.listIdentities", {})).status === 200) othersServed += 1;
    }
    [closings, reader, patient] = await all;
  }, 30_000);

  test.each(slow.map(({ name }) => name))("a client that %s is cut off in time", (name) => {
    const closing = closings.find((one) => one.name === name);
    expect(closing).toMatchObject({ name, inTime: true });
    expect(closing?.received).not.toContain("HTTP/1.1 2");
  });

  test.each(slow.filter(({ withinMs }) => withinMs === stalledBodyMs).map(({ name }) => name))(
    "a client that %s gets a 408",
    (name) => {
      const received = closings.find((one) => one.name === name)?.received ?? "";
      const [, body = "{}"] = received.split("\r\n\r\n");
      expectRefusal({ status: Number(received.slice(9, 12)), body: JSON.parse(body) }, "request_timeout");
      expect(received).toContain("Connection: close");
    },
  );

  test("a client that does not read its response is cut off before the end", () => {
    expect(reader.received).toBeGreaterThan(0);
    expect(reader.received).toBeLessThan(reader.whole);
  });

  test("a client that sends 16 KB a second is served", () => {
    expect(patient).toEqual([200, 200, 200, 200, 200]);
  });

  test("other clients are served meanwhile", () => {
    expect(othersServed).toBe(100);
  });
});
