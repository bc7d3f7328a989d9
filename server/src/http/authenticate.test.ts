/** Who may speak: bad input, rows 36 to 41, and the limits that follow from it. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { engines, startTest, type TestServer } from "../../test/harness.ts";
import { exchangeRaw } from "../../test/raw.ts";
import { expectRefusal } from "../../test/refusal.ts";
import { rootKeySecret } from "../domain/secrets.ts";
import { randomBytes } from "../runtime.ts";

const newRootKey = () => rootKeySecret(randomBytes(24));

/** listIdentities over a raw connection, with these header lines beside the usual ones. */
function ask(server: TestServer, lines: readonly string[], rest = "", body = "{}") {
  const head = [
    `POST /v2/identities.listIdentities${rest} HTTP/1.1`,
    "Host: localhost",
    "Content-Type: application/json",
    `Content-Length: ${body.length}`,
    ...lines,
  ];
  return exchangeRaw(server.url, `${head.join("\r\n")}\r\n\r\n${body}`);
}

describe.each(engines)("on $name", (engine) => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTest({ engine });
  });
  afterAll(() => server.stop());
  const withKey = (rootKey: string) => server.call("identities.listIdentities", {}, { rootKey });

  test("a request without credentials is 401 and told how to authenticate", async () => {
    for (const lines of [[], ["Authorization:"], ["Authorization:   "]]) {
      const reply = await ask(server, lines);
      expectRefusal(reply, "authentication_missing");
      expect(reply?.headers["www-authenticate"]).toEqual(["Bearer"]);
    }
  });

  test.each([
    "Bearer",
    "Bearer ",
    "Bearer a b",
    "Bearer a,b",
    "Basic dXNlcjpwYXNz",
    "Token abc",
    "bearerabc",
    "Bearer\u00a0abc",
    "Bearer latchkey_root_",
  ])("what is no bearer token is 401: %p", async (header) => {
    const reply = await ask(server, [`Authorization: ${header}`]);
    expectRefusal(reply, "authentication_malformed");
    expect(reply?.headers["www-authenticate"]).toEqual(["Bearer"]);
  });

  test("two Authorization headers are 401, also where one of them is right, or both are", async () => {
    const right = `Authorization: Bearer ${server.rootKey}`;
    for (const lines of [
      [right, right],
      [right, "Authorization: Bearer other"],
      ["authorization: Bearer other", right],
      [right, "Authorization: Basic dXNlcjpwYXNz"],
    ]) {
      expectRefusal(await ask(server, lines), "authentication_malformed");
    }
  });

  test.each(["Bearer", "bearer", "BEARER", "bEaReR  ", "Bearer\t"])(
    "the scheme may be written %p, and space around the key is not part of it",
    async (scheme) => {
      expect((await ask(server, [`AUTHORIZATION:  ${scheme} ${server.rootKey}  `]))?.status).toBe(200);
    },
  );

  test("a mistyped root key is told from an unknown one, and is never looked up", async () => {
    const typo = newRootKey().replace(/.$/, (last) => (last === "z" ? "y" : "z"));
    for (let i = 0; i < 150; i += 1) expectRefusal(await withKey(typo), "authentication_malformed");
    expectRefusal(await withKey(newRootKey()), "root_key_not_found"); // so those 150 were no look-ups
  });

  test.each([
    "'--",
    "'/**/OR/**/1=1--",
    "$1",
    "?",
    "%s",
    "{}",
    "../../etc/passwd",
    "null",
    "undefined",
    "x".repeat(4000),
  ])(
    "a bearer that means something elsewhere is one more unknown key, and is not logged: %p",
    async (bearer) => {
      const logged = server.log.length;
      const error = expectRefusal(await withKey(bearer), "root_key_not_found");
      expect(JSON.stringify(error)).not.toContain(JSON.stringify(bearer).slice(1, -1));
      for (const line of server.log.slice(logged)) expect(line).not.toContain(`"${bearer}"`);
    },
  );

  test("a root key in the query, the path, the body or another header is not seen", async () => {
    const { rootKey } = server;
    expectRefusal(await ask(server, [], `?key=${rootKey}&access_token=${rootKey}`), "authentication_missing");
    expectRefusal(await ask(server, [], "", `{"rootKey":"${rootKey}"}`), "authentication_missing");
    for (const name of ["X-API-Key", "Proxy-Authorization", "Cookie", "X-Authorization"]) {
      expectRefusal(await ask(server, [`${name}: Bearer ${rootKey}`]), "authentication_missing");
    }
    expect(server.log.join("\n")).not.toContain(rootKey);
  });

  test("an API key is no root key, and is answered like any unknown one", async () => {
    const { apiId } = (await server.call("apis.createApi", { name: "payments" })).body.data;
    const { key } = (await server.call("keys.createKey", { apiId })).body.data;
    const withApiKey = expectRefusal(await withKey(key), "root_key_not_found");
    expect(withApiKey).toEqual(expectRefusal(await withKey("no_key_at_all"), "root_key_not_found"));
  });

  test("an expired root key is 403 from the millisecond after its expiry", async () => {
    const rootKey = await server.makeRootKey(["*"], { expiresAtMs: server.clock.nowMs });
    expect((await withKey(rootKey)).status).toBe(200);
    server.clock.advance(1);
    expectRefusal(await withKey(rootKey), "root_key_expired");
  });

  test("a caller without a valid root key learns nothing about the body, the schema or the data", async () => {
    const bodies = ["{}", '{"limit":0}', '{"no":"such"}', "{", "[]", ""];
    const answers = new Set<string>();
    for (const body of bodies) {
      const error = expectRefusal(
        await ask(server, [`Authorization: Bearer ${"n".repeat(40)}`], "", body),
        "root_key_not_found",
      );
      answers.add(JSON.stringify(error));
    }
    expect(answers.size).toBe(1);
  });
});

describe("unknown root keys", () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTest({ config: { TRUSTED_PROXIES: "127.0.0.1" } });
  });
  afterAll(() => server.stop());
  const from = (address: string, rootKey = newRootKey()) =>
    server.call("identities.listIdentities", {}, { rootKey, headers: { "x-forwarded-for": address } });

  test("are answered 100 times a minute to one address, then 429 with Retry-After; a valid one always", async () => {
    for (let i = 0; i < 100; i += 1) expectRefusal(await from("203.0.113.7"), "root_key_not_found");
    server.clock.advance(20_000);
    for (let i = 0; i < 20; i += 1) {
      const refused = await from("203.0.113.7");
      expectRefusal(refused, "authentication_rate_limited");
      expect(refused.headers.get("content-type")).toBe("application/problem+json");
      expect(refused.headers.get("retry-after")).toMatch(/^4[01]$/); // as long as it takes, within a counter's sixtieth
      expect((await from("203.0.113.7", server.rootKey)).status).toBe(200);
    }
    expectRefusal(await from("203.0.113.8"), "root_key_not_found");
    server.clock.advance(41_000);
    expectRefusal(await from("203.0.113.7"), "root_key_not_found");
  });

  test("are not what unknown API keys are: those are NOT_FOUND one by one, from any address", async () => {
    const { apiId } = (await server.call("apis.createApi", { name: "payments" })).body.data;
    const { key } = (await server.call("keys.createKey", { apiId })).body.data;
    for (let i = 0; i < 300; i += 1) {
      const unknown = await server.call("keys.verifyKey", { key: `${i}_${newRootKey()}` });
      expect(unknown.body.data).toEqual({ valid: false, code: "NOT_FOUND" });
    }
    expect((await server.call("keys.verifyKey", { key })).body.data.valid).toBe(true);
  });
});
