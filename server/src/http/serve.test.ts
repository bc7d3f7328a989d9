/** Broken and unusual HTTP, over raw connections. */
import { afterAll, beforeEach, describe, expect, test } from "bun:test";
import { engines } from "../../test/harness.ts";
import { exchangeRaw, exchangeUntilClosed, openRaw } from "../../test/raw.ts";
import { expectRefusal } from "../../test/refusal.ts";
import { testServer } from "../../test/setUp.ts";

const path = "/v2/identities.createIdentity";
let lastName = 0;

describe.each(engines)("on $name", (engine) => {
  const server = testServer({ engine });
  let name = "";
  let body = "";
  afterAll(async () => {
    expect(server.log.filter((line) => line.includes('"level":"error"'))).toEqual([]);
  });
  beforeEach(() => {
    lastName += 1;
    name = `user_${lastName}`;
    body = JSON.stringify({ externalId: name });
  });

  /** A createIdentity request whose head has these lines in addition to the usual ones. */
  function request(lines: readonly string[], sent = body, { method = "POST", target = path } = {}): string {
    const head = [
      `${method} ${target} HTTP/1.1`,
      "Host: localhost",
      `Authorization: Bearer ${server.rootKey}`,
      ...(lines.some((line) => /^content-type/i.test(line)) ? [] : ["Content-Type: application/json"]),
      ...lines,
    ];
    return `${head.join("\r\n")}\r\n\r\n${sent}`;
  }
  const length = () => `Content-Length: ${body.length}`;
  const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`;
  const chunked = "Transfer-Encoding: chunked";
  const exists = async () => (await server.call("identities.getIdentity", { identity: name })).status === 200;

  /** Expects a refusal by the runtime: no envelope, a closed connection, and no effect. */
  async function expectClosed(data: string | Uint8Array, status: RegExp): Promise<void> {
    const received = await exchangeUntilClosed(server.url, data);
    expect(received).toMatch(status);
    expect(received).not.toContain("HTTP/1.1 2");
    expect(await exists()).toBe(false);
  }

  describe("a request whose end could be read in two ways is refused and its connection closed", () => {
    test.each([
      ["a length and chunks", [`Content-Length: 20`, chunked]],
      ["chunks and a length", [chunked, `Content-Length: 20`]],
      ["chunks twice", [chunked, chunked]],
      ["space before the colon", ["Transfer-Encoding : chunked"]],
      ["chunks under identity", ["Transfer-Encoding: chunked, identity"]],
      ["identity under chunks", ["Transfer-Encoding: identity, chunked"]],
      ["an unknown encoding", ["Transfer-Encoding: xchunked"]],
      ["an encoding that is not ours", ["Transfer-Encoding: gzip"]],
      ["chunks behind a line break", ["X-A: b\r\n Transfer-Encoding: chunked"]],
    ])("%s", async (_, lines) => {
      await expectClosed(request(lines, `${chunk(body)}0\r\n\r\n`), /^HTTP\/1\.1 400 /);
    });

    test.each(["+2", "0x2", "-1", "2,2", "2, 2", "2 2", "1e1", "2.0", " ", "９", "9".repeat(30)])(
      "a Content-Length of %p",
      async (text) => {
        await expectClosed(request([`Content-Length: ${text}`]), /^HTTP\/1\.1 400 /);
      },
    );

    test.each(["zz", "-1", "0x20", "+20", "f".repeat(17), "2 0"])("a chunk of length %p", async (text) => {
      await expectClosed(request([chunked], `${text}\r\n${body}\r\n0\r\n\r\n`), /^(HTTP\/1\.1 400 |$)/);
    });

    test("a chunk that is longer than its declared length", async () => {
      await expectClosed(request([chunked], `5\r\n${body}\r\n0\r\n\r\n`), /^HTTP\/1\.1 400 /);
    });

    test("two lengths, in either order", async () => {
      await expectClosed(request([length(), "Content-Length: 3"]), /^HTTP\/1\.1 400 /);
      await expectClosed(request(["Content-Length: 3", length()]), /^HTTP\/1\.1 400 /);
    });
  });

  test("two equal lengths get our own 400", async () => {
    expectRefusal(await exchangeRaw(server.url, request([length(), length()])), "invalid_input");
    expect(await exists()).toBe(false);
  });

  test("chunks with extensions are read as one body", async () => {
    const [head, tail] = [body.slice(0, 5), body.slice(5)];
    const parts = `${head.length};a=b\r\n${head}\r\n${chunk(tail)}0\r\n\r\n`;
    expect((await exchangeRaw(server.url, request([chunked], parts)))?.status).toBe(200);
    expect(await exists()).toBe(true);
  });

  describe("a malformed head is refused and its connection closed", () => {
    test.each([
      ["bare line feeds", (whole: string) => whole.replaceAll("\r\n", "\n")],
      ["a folded line", (whole: string) => whole.replace("Host:", "X-A: b\r\n c\r\nHost:")],
      ["NUL in a value", (whole: string) => whole.replace("Host: ", "X-A: b\0c\r\nHost: ")],
      ["a space in a name", (whole: string) => whole.replace("Host:", "X A: b\r\nHost:")],
      ["a line without a colon", (whole: string) => whole.replace("Host:", "nothing\r\nHost:")],
      ["no Host", (whole: string) => whole.replace("Host: localhost\r\n", "")],
      ["HTTP/2.0", (whole: string) => whole.replace("HTTP/1.1", "HTTP/2.0")],
      ["HTTP/0.9", () => "GET /\r\n\r\n"],
      ["line breaks before it", (whole: string) => `\r\n\r\n${whole}`],
      ["a line of 20 KB", (whole: string) => whole.replace("Host:", `X-A: ${"a".repeat(20_000)}\r\nHost:`)],
      ["250 lines", (whole: string) => whole.replace("Auth", `${"X-A: b\r\n".repeat(250)}Auth`)],
      ["1,100 lines", (whole: string) => whole.replace("Auth", `${"X:a\r\n".repeat(1100)}Auth`)],
      ["a path of 20 KB", (whole: string) => whole.replace(path, `/${"a".repeat(20_000)}`)],
      ["an unknown method", (whole: string) => whole.replace("POST", "FOO")],
      ["a method in lower case", (whole: string) => whole.replace("POST", "post")],
      ["the preface of HTTP/2", () => "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"],
      ["noise", () => "\0\x01\x02\r\n\r\n"],
    ])("%s", async (_, spoil) => {
      await expectClosed(spoil(request([length()])), /^(HTTP\/1\.1 (400|431|505) |$)/);
    });

    test("a TLS hello", async () => {
      const hello = Uint8Array.from([0x16, 3, 1, 0, 5, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
      await expectClosed(hello, /^(HTTP\/1\.1 400 |$)/);
    });
  });

  test("a head of 15 KB or of 150 lines is read completely", async () => {
    const long = request([`X-A: ${"a".repeat(15_000)}`, length()]);
    expect((await exchangeRaw(server.url, long))?.status).toBe(200);
    const many = request(
      [...Array.from({ length: 150 }, (_, i) => `X-${i}: ${i}`), `Content-Length: 2`],
      "{}",
    );
    const moved = many
      .replace(/Authorization: .*\r\n/, "")
      .replace("\r\n\r\n", `\r\nAuthorization: Bearer ${server.rootKey}\r\n\r\n`);
    expectRefusal(await exchangeRaw(server.url, moved), "invalid_input", "body.externalId");
  });

  describe("a body above the limit is 413 and its connection closed", () => {
    const limit = 1_048_576;

    test("by its declared length before any of it is read, with or without a root key", async () => {
      for (const declared of [limit + 1, 2_000_000, 2 ** 31, 2 ** 32 + 5, 9_000_000_000_000_000]) {
        for (const whole of [
          request([`Content-Length: ${declared}`], "{"),
          request([`Content-Length: ${declared}`], "{").replace(/Auth.*\r\n/, ""),
        ]) {
          const connection = await openRaw(server.url);
          connection.send(whole);
          expectRefusal(await connection.reply(), "request_body_too_large");
          await connection.closed;
        }
      }
    });

    test("while it is read, if it comes in chunks", async () => {
      const connection = await openRaw(server.url);
      connection.send(request([chunked], chunk(" ".repeat(limit + 1))));
      expectRefusal(await connection.reply(), "request_body_too_large");
      await connection.closed;
    });

    test("only above the limit: at the limit it is read", async () => {
      const padded = body.padEnd(limit, " ");
      expect((await exchangeRaw(server.url, request([`Content-Length: ${limit}`], padded)))?.status).toBe(
        200,
      );
    });
  });

  test("a body that ends before its length has no effect", async () => {
    for (const lines of [["Content-Length: 500"], [chunked]]) {
      const connection = await openRaw(server.url);
      connection.send(request(lines, lines[0] === chunked ? `1f4\r\n${body}` : body));
      connection.end();
      await connection.closed;
      expect(connection.unread()).not.toContain("HTTP/1.1 2");
    }
    expect(await exists()).toBe(false);
  });

  describe("a content type", () => {
    const send = (type: string) => exchangeRaw(server.url, request([...type.split(" | "), length()]));
    test.each([
      "Content-Type: application/json",
      "Content-Type: Application/JSON",
      "Content-Type: application/json; charset=utf-8",
      'Content-Type: application/json;charset="UTF-8"',
      "Content-Type: application/json ; charset=utf-8",
      "content-type:application/json;",
    ])("is accepted if it is JSON in UTF-8: %s", async (type) => {
      expect((await send(type))?.status).toBe(200);
    });

    test.each([
      "Content-Type: text/plain",
      "Content-Type:",
      "Content-Type: application/json\ta",
      "Content-Type: application/json; charset=utf-16",
      "Content-Type: application/json; charset=iso-8859-1",
      "Content-Type: application/json, text/plain",
      "Content-Type: application/problem+json",
      "Content-Type: application/x-www-form-urlencoded",
      "Content-Type: multipart/form-data; boundary=x",
      "Content-Type: application/jsonx",
      "Content-Type: application/json; version=1",
      "Content-Type: text/plain | Content-Type: application/json",
    ])("is 415 otherwise: %s", async (type) => {
      expectRefusal(await send(type), "unsupported_media_type");
      expect(await exists()).toBe(false);
    });

    test("is 415 if it is missing", async () => {
      const none = request([length()]).replace("Content-Type: application/json\r\n", "");
      expectRefusal(await exchangeRaw(server.url, none), "unsupported_media_type");
    });

    test.each(["gzip", "br", "deflate", "gzip, identity", "x"])(
      "is 415 with the content encoding %s",
      async (encoding) => {
        const encoded = request([`Content-Encoding: ${encoding}`, length()]);
        expectRefusal(await exchangeRaw(server.url, encoded), "unsupported_media_type");
      },
    );
  });

  test.each(["GET", "PUT", "TRACE", "OPTIONS", "DELETE", "PATCH", "CONNECT", "QUERY"])(
    "%s on an operation is 405, says what is allowed, and does nothing",
    async (method) => {
      const reply = await exchangeRaw(server.url, request([length()], body, { method }));
      expectRefusal(reply, "method_not_allowed");
      expect(reply?.headers["allow"]).toEqual(["POST"]);
      expect(await exists()).toBe(false);
    },
  );

  test("HEAD on an operation is 405 without a body", async () => {
    const connection = await openRaw(server.url);
    connection.send(request([], "", { method: "HEAD" }));
    const reply = await connection.reply("HEAD");
    expect(reply?.status).toBe(405);
    expect(reply?.headers["allow"]).toEqual(["POST"]);
    connection.destroy();
  });

  test("CONNECT opens no tunnel, and WebSocket is not supported", async () => {
    const tunnel = await exchangeRaw(server.url, "CONNECT evil:443 HTTP/1.1\r\nHost: evil:443\r\n\r\n");
    expectRefusal(tunnel, "unknown_operation");
    const webSocket = [
      "Connection: Upgrade",
      "Upgrade: websocket",
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
      "Sec-WebSocket-Version: 13",
    ];
    expectRefusal(
      await exchangeRaw(server.url, request(webSocket, "", { method: "GET" })),
      "method_not_allowed",
    );
  });

  test("an upgrade to HTTP/2 is ignored and the request is served", async () => {
    const upgrade = [
      "Connection: Upgrade, HTTP2-Settings",
      "Upgrade: h2c",
      "HTTP2-Settings: AAMAAABkAAQAAP__",
    ];
    const reply = await exchangeRaw(server.url, request([...upgrade, length()]));
    expect(reply?.status).toBe(200);
    expect(reply?.headers["upgrade"]).toBeUndefined();
  });

  test("a path is compared byte by byte, and an unknown one is 404 with a suggestion", async () => {
    const near = "/v2/identities.createIdentiy";
    const error = expectRefusal(
      await exchangeRaw(server.url, request([length()], body, { target: near })),
      "unknown_operation",
    );
    expect(error.detail).toContain("Did you mean /v2/identities.createIdentity?");
    for (const target of [
      `${path}/`,
      `/${path}`,
      "/v2/%69dentities.createIdentity",
      "/v2/Identities.createIdentity",
      "/v2",
      "/v1/liveness",
      "/errors/../v2/liveness",
      `/v2/${"a".repeat(10_000)}`,
    ]) {
      expectRefusal(
        await exchangeRaw(server.url, request([length()], body, { target })),
        "unknown_operation",
      );
    }
    expect(await exists()).toBe(false);
    const withQuery = await exchangeRaw(server.url, request([length()], body, { target: `${path}?a=b` }));
    expect(withQuery?.status).toBe(200);
  });

  test("pipelined requests are each done once or not at all, in order", async () => {
    const names = Array.from({ length: 5 }, (_, index) => `${name}_${index}`);
    const connection = await openRaw(server.url);
    connection.send(
      names
        .map((one) => {
          const sent = JSON.stringify({ externalId: one });
          return request([`Content-Length: ${sent.length}`], sent);
        })
        .join(""),
    );
    const replies: number[] = [];
    for (const _ of names) {
      const reply = await connection.reply();
      if (reply === undefined) break;
      replies.push(reply.status);
    }
    connection.destroy();
    const listed = await server.call("identities.listIdentities", { search: name });
    const made = listed.body.data.map((one: { externalId: string }) => one.externalId);
    expect(made).toEqual(names.slice(0, made.length));
    expect(replies).toEqual(replies.map(() => 200));
    expect(replies.length).toBeLessThanOrEqual(made.length);
  });

  test("a client that disconnects leaves a whole effect or none, and the server keeps running", async () => {
    const faults: unknown[] = [];
    const note = (fault: unknown) => void faults.push(fault);
    process.on("unhandledRejection", note);
    const names = Array.from({ length: 60 }, (_, index) => `${name}_${index}`);
    for (const [index, one] of names.entries()) {
      const sent = JSON.stringify({
        externalId: one,
        ratelimits: [{ name: "requests", limit: 1, duration: 1000 }],
      });
      const whole = request([`Content-Length: ${sent.length}`], sent);
      const connection = await openRaw(server.url);
      connection.send(index % 3 === 0 ? whole.slice(0, -3) : whole);
      if (index % 2 === 0) await new Promise((resolve) => setImmediate(resolve));
      connection.destroy();
    }
    await server.call("identities.createIdentity", { externalId: name });
    const listed = await server.call("identities.listIdentities", { search: `${name}_` });
    for (const identity of listed.body.data) expect(identity.ratelimits).toHaveLength(1);
    process.off("unhandledRejection", note);
    expect(faults).toEqual([]);
  });
});
