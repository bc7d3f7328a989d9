import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { cpSync, readFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { createServer as createTlsServer } from "node:tls";
import { proxyFor } from "../src/node/proxy.ts";
import { type Packed, pack, run } from "./packed.ts";
import { type Reaction, type Stub, startStub, success } from "./stub.ts";

/**
 * Tests of the transport that uses node:http. Node runs each task of `consumer/transport.mjs` with the packed package.
 */

let packed: Packed;
let consumer: string;

beforeAll(async () => {
  packed = await pack();
  consumer = await packed.project("transport");
  cpSync(join(import.meta.dir, "consumer"), consumer, { recursive: true });
}, 120_000);
afterAll(() => packed?.remove());

const refused = success({ valid: false, code: "NOT_FOUND" });

async function onNode(
  task: string,
  reaction: Reaction,
  { address = "", environment = {} }: { address?: string; environment?: Record<string, string> } = {},
): Promise<{ told: unknown; stub: Stub }> {
  const stub = await startStub(() => reaction);
  const settings = Object.entries(environment).map(
    ([name, value]) => `${name}=${value.replace("STUB", stub.url)}`,
  );
  const out = await run(consumer, "env", ...settings, "node", "transport.mjs", stub.url, task, address);
  await stub.stop();
  return { told: JSON.parse(out), stub };
}

describe("on Node", () => {
  test("calls one after the other share a connection", async () => {
    const { told, stub } = await onNode("sequence", refused);
    expect(told).toEqual(Array(200).fill("NOT_FOUND"));
    expect(stub.connections).toBe(1);
  }, 30_000);

  test("a call on a connection that the server has just closed is neither lost nor counted twice", async () => {
    const { told, stub } = await onNode("afterClosing", { ...(refused as object), thenClose: true });
    expect(told).toEqual(Array(20).fill("NOT_FOUND"));
    expect(stub.seen).toHaveLength(20);
    expect(stub.connections).toBe(20);
  }, 30_000);

  test("a call that counts is not sent again if the connection breaks after the server has read it", async () => {
    const { told, stub } = await onNode("once", "close");
    expect(told).toBe("ConnectionError");
    expect(stub.seen).toHaveLength(1);
  });

  test("at most `maxSockets` connections are open, and further calls wait for one", async () => {
    const { told, stub } = await onNode("crowd", refused);
    expect(told).toEqual(Array(64).fill("NOT_FOUND"));
    expect(stub.connections).toBeLessThanOrEqual(4);
  });

  test("the option `fetch` replaces node:http", async () => {
    const { told, stub } = await onNode("ownFetch", refused);
    expect(told).toBe("OWN");
    expect(stub.seen).toHaveLength(0);
  });

  test("plain http goes through HTTP_PROXY with the whole URL and the proxy's password", async () => {
    const { told, stub } = await onNode("elsewhere", refused, {
      address: "http://latchkey.example:7070/path",
      environment: { HTTP_PROXY: "STUB" },
    });
    expect(told).toBe("NOT_FOUND");
    expect(stub.seen[0]?.path).toBe("http://latchkey.example:7070/path/v2/keys.verifyKey");
    expect(stub.seen[0]?.headers["host"]).toBe("latchkey.example:7070");
  });

  test("https goes through a tunnel of HTTPS_PROXY, and a proxy that refuses it is named", async () => {
    await run(
      consumer,
      "openssl",
      "req",
      "-x509",
      "-newkey",
      "ec",
      "-pkeyopt",
      "ec_paramgen_curve:P-256",
      "-nodes",
      "-subj",
      "/CN=latchkey.example",
      "-addext",
      "subjectAltName=DNS:latchkey.example",
      "-keyout",
      "key.pem",
      "-out",
      "cert.pem",
    );
    const [key, cert] = ["key.pem", "cert.pem"].map((name) => readFileSync(join(consumer, name), "utf8"));
    const body = JSON.stringify((refused as { body: unknown }).body);
    const target = createTlsServer({ key: key ?? "", cert: cert ?? "" }, (socket) => {
      socket.once("data", () =>
        socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n${body}`),
      );
    });
    const targetPort = await listening(target);
    const asked: string[] = [];
    const proxy = createServer((socket) => {
      socket.on("error", () => {});
      socket.once("data", (head) => {
        asked.push(head.toString().split("\r\n")[0] ?? "");
        if (asked.length > 1) return void socket.end("HTTP/1.1 403 Forbidden\r\n\r\n");
        const through = connect(targetPort, "127.0.0.1", () => {
          socket.write("HTTP/1.1 200 OK\r\n\r\n");
          socket.pipe(through).pipe(socket);
        });
        through.on("error", () => {});
      });
    });
    const environment = {
      https_proxy: `http://127.0.0.1:${await listening(proxy)}`,
      NODE_EXTRA_CA_CERTS: join(consumer, "cert.pem"),
    };
    const address = "https://latchkey.example";
    expect((await onNode("elsewhere", refused, { address, environment })).told).toBe("NOT_FOUND");
    expect(asked).toEqual(["CONNECT latchkey.example:443 HTTP/1.1"]);
    expect((await onNode("elsewhere", refused, { address, environment })).told).toContain(
      "refused the tunnel with status 403",
    );
    proxy.close();
    target.close();
  });
});

function listening(server: ReturnType<typeof createServer>): Promise<number> {
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve((server.address() as { port: number }).port));
  });
}

describe("a proxy", () => {
  const environment = {
    HTTPS_PROXY: "proxy.example:3128",
    NO_PROXY: "internal.example, .corp.example,one.example:8443",
  };
  test.each([
    ["https://latchkey.example/", "http://proxy.example:3128/"],
    ["https://internal.example/", undefined],
    ["https://a.internal.example/", undefined],
    ["https://notinternal.example/", "http://proxy.example:3128/"],
    ["https://a.corp.example/", undefined],
    ["https://one.example:8443/", undefined],
    ["https://one.example/", "http://proxy.example:3128/"],
    ["http://latchkey.example/", undefined],
    ["https://127.0.0.1:7070/", undefined],
    ["https://localhost/", undefined],
  ])("for %s is %s", (url, expected) => {
    expect(proxyFor(new URL(url), environment)?.href).toBe(expected);
    expect(proxyFor(new URL(url), { ...environment, NO_PROXY: "*" })).toBeUndefined();
  });
});
