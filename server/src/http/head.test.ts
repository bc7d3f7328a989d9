import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { startTest, type TestServer } from "../../test/harness.ts";
import { freePort } from "../../test/program.ts";
import { exchangeRaw } from "../../test/raw.ts";
import { expectRefusal } from "../../test/refusal.ts";
import { pathOf } from "./exchange.ts";

let server: TestServer;
let metricsUrl: string;
beforeAll(async () => {
  const address = `127.0.0.1:${await freePort()}`;
  metricsUrl = `http://${address}`;
  server = await startTest({ config: { METRICS_ADDRESS: address } });
});
afterAll(() => server.stop());

const targets = [
  "POST /v2/keys.verifyKey",
  "GET /v2/keys.verifyKey",
  "GET /v2/liveness",
  "GET /health/ready",
  "GET /openapi.json",
  "GET /errors",
  "GET /errors/unkey/data/identity_not_found",
  "GET /errors/nope",
  "GET /nope",
  "GET /",
];
const send = (target: string, ...lines: string[]) =>
  exchangeRaw(server.url, [`${target} HTTP/1.1`, ...lines, "Content-Length: 2\r\n\r\n{}"].join("\r\n"));

/** How many requests with this status the metrics have counted. */
async function counted(status: number): Promise<number> {
  const text = await (await fetch(`${metricsUrl}/metrics`)).text();
  return text
    .split("\n")
    .filter((line) => line.includes("_count{") && line.includes(`status_code="${status}"`))
    .reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
}

const badHosts = "[ ] [::1 [a [::1]a %zz a% a:99999 a:b a:1:2 a:123456 a/b a?b a#b a@b a\\b a,b <a> \u00e9"
  .split(" ")
  .concat("a b", "a, b", "a\tb");
const goodHosts =
  "localhost a.example:443 127.0.0.1:7070 [::1] [2001:db8::1]:7070 under_score a: A.EXAMPLE. a%20b a:65535"
    .split(" ")
    .concat("");

describe("a request", () => {
  test.each(badHosts)(
    "with Host: %s is 400 in the envelope, logged and counted, whatever its path",
    async (host) => {
      for (const target of targets) {
        const countedBefore = await counted(400);
        const loggedBefore = server.log.length;
        const reply = await send(target, `Host: ${host}`);
        expectRefusal(reply, "invalid_input", "headers.Host");
        const requestId = reply?.headers["x-request-id"]?.[0] ?? "none";
        const logged = server.log.slice(loggedBefore).filter((line) => line.includes(requestId));
        expect(logged.map((line) => JSON.parse(line).status)).toEqual([400]);
        expect(await counted(400)).toBe(countedBefore + 1);
      }
    },
  );

  test("with two Host lines is 400, even if they are the same", async () => {
    for (const target of targets) {
      for (const second of ["localhost", "other"]) {
        const reply = await send(target, "Host: localhost", `Host: ${second}`);
        expectRefusal(reply, "invalid_input", "headers.Host");
      }
    }
  });

  test.each(goodHosts)("with Host: %s is served", async (host) => {
    expect((await send("GET /v2/liveness", `Host: ${host}`))?.status).toBe(200);
    expectRefusal(await send("POST /v2/keys.verifyKey", `Host: ${host}`), "authentication_missing");
    expectRefusal(await send("GET /nope", `Host: ${host}`), "unknown_operation");
    const page = await send("GET /errors/unkey/data/identity_not_found", `Host: ${host}`);
    expect(page?.status).toBe(200);
  });

  test("of HTTP/1.0 needs no Host header", async () => {
    expect((await exchangeRaw(server.url, "GET /v2/liveness HTTP/1.0\r\n\r\n"))?.status).toBe(200);
    expectRefusal(await exchangeRaw(server.url, "GET /nope HTTP/1.0\r\n\r\n"), "unknown_operation");
  });

  test("with an Expect other than 100-continue is 417, whatever its path", async () => {
    for (const target of targets) {
      for (const expectation of ["x", "100-continue, x", "200-ok"]) {
        const reply = await send(target, "Host: localhost", `Expect: ${expectation}`);
        expectRefusal(reply, "expectation_failed");
      }
    }
  });

  test("to the metrics address is served by its path, whatever its Host is", async () => {
    for (const host of ["[", "a b", "", "localhost"]) {
      const ask = (path: string) => exchangeRaw(metricsUrl, `GET ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
      expect((await ask("/metrics"))?.status).toBe(200);
      expect((await ask("/metrics?a=b"))?.status).toBe(200);
      expect((await ask("/nope"))?.status).toBe(404);
    }
  });
});

test("the path is the text between host and query, even if the host is not valid in a URL", () => {
  const path = (url: string) => pathOf({ url } as Request);
  for (const before of ["http://a", "http://[", "http://%zz:99999", ""]) {
    expect(path(`${before}/nope`)).toBe("/nope");
    expect(path(`${before}/nope?a=/b#c`)).toBe("/nope");
    expect(path(`${before}/a//b://c`)).toBe("/a//b://c");
    expect(path(`${before}//a`)).toBe("//a");
    expect(path(`${before}/${"a".repeat(10_000)}`)).toHaveLength(200);
  }
});
