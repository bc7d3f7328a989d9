/** Root keys: bad credentials of every form, and the limit on unknown keys. */
import { describe, expect, test } from "bun:test";
import { engines, type TestServer } from "../../test/harness.ts";
import { exchangeRaw } from "../../test/raw.ts";
import { expectRefusal } from "../../test/refusal.ts";
import { testServer } from "../../test/setUp.ts";
import { rootKeySecret } from "../domain/secrets.ts";
import { randomBytes } from "../runtime.ts";

const newRootKey = () => rootKeySecret(randomBytes(24));

/** Sends listIdentities over a raw connection, with these header lines in addition to the usual ones. */
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
  const server = testServer({ engine });
  const withKey = (rootKey: string) => server.call("identities.listIdentities", {}, { rootKey });

  test("a request without credentials is 401, and the response says how to authenticate", async () => {
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
  ])("a header that is not one bearer token is 401: %p", async (header) => {
    const reply = await ask(server, [`Authorization: ${header}`]);
    expectRefusal(reply, "authentication_malformed");
    expect(reply?.headers["www-authenticate"]).toEqual(["Bearer"]);
  });

  test("two Authorization headers are 401, even if one or both of them are right", async () => {
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
    "the scheme may be written %p, and whitespace around the key is ignored",
    async (scheme) => {
      expect((await ask(server, [`AUTHORIZATION:  ${scheme} ${server.rootKey}  `]))?.status).toBe(200);
    },
  );

  test("a mistyped root key gets another error than an unknown one, and is never looked up", async () => {
    const typo = newRootKey().replace(/.$/, (last) => (last === "z" ? "y" : "z"));
    for (let i = 0; i < 150; i += 1) expectRefusal(await withKey(typo), "authentication_malformed");
    // if the 150 keys had been looked up, this would be a 429, because the limit is 100
    expectRefusal(await withKey(newRootKey()), "root_key_not_found");
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
    "a token that means something to a database or shell is just an unknown key, and is not logged: %p",
    async (bearer) => {
      const logged = server.log.length;
      const error = expectRefusal(await withKey(bearer), "root_key_not_found");
      expect(JSON.stringify(error)).not.toContain(JSON.stringify(bearer).slice(1, -1));
      for (const line of server.log.slice(logged)) expect(line).not.toContain(`"${bearer}"`);
    },
  );

  test("a root key in the query, the body or another header is ignored and not logged", async () => {
    const { rootKey } = server;
    expectRefusal(await ask(server, [], `?key=${rootKey}&access_token=${rootKey}`), "authentication_missing");
    expectRefusal(await ask(server, [], "", `{"rootKey":"${rootKey}"}`), "authentication_missing");
    for (const name of ["X-API-Key", "Proxy-Authorization", "Cookie", "X-Authorization"]) {
      expectRefusal(await ask(server, [`${name}: Bearer ${rootKey}`]), "authentication_missing");
    }
    expect(server.log.join("\n")).not.toContain(rootKey);
  });

  test("an API key is not a root key, and gets the same error as any unknown one", async () => {
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
    const replies = new Set<string>();
    for (const body of bodies) {
      const error = expectRefusal(
        await ask(server, [`Authorization: Bearer ${"n".repeat(40)}`], "", body),
        "root_key_not_found",
      );
      replies.add(JSON.stringify(error));
    }
    expect(replies.size).toBe(1);
  });
});

describe("unknown root keys", () => {
  const server = testServer({ config: { TRUSTED_PROXIES: "127.0.0.1" } });
  const from = (address: string, rootKey = newRootKey()) =>
    server.call("identities.listIdentities", {}, { rootKey, headers: { "x-forwarded-for": address } });

  test("of one address get 401 for 100 times a minute, then 429 with Retry-After, while a valid key always works", async () => {
    for (let i = 0; i < 100; i += 1) expectRefusal(await from("203.0.113.7"), "root_key_not_found");
    server.clock.advance(20_000);
    for (let i = 0; i < 20; i += 1) {
      const refused = await from("203.0.113.7");
      expectRefusal(refused, "authentication_rate_limited");
      expect(refused.headers.get("content-type")).toBe("application/problem+json");
      // the window has room in 40 s, or at most a sixtieth of its duration later
      expect(refused.headers.get("retry-after")).toMatch(/^4[01]$/);
      expect((await from("203.0.113.7", server.rootKey)).status).toBe(200);
    }
    expectRefusal(await from("203.0.113.8"), "root_key_not_found");
    server.clock.advance(41_000);
    expectRefusal(await from("203.0.113.7"), "root_key_not_found");
  });

  test("are counted together for all addresses of an IPv6 /64 network, and separately for the next network", async () => {
    for (let i = 0; i < 100; i += 1) {
      expectRefusal(await from(`[2001:db8:0:7::${i.toString(16)}]:${50_000 + i}`), "root_key_not_found");
    }
    expectRefusal(await from("2001:db8:0:7:ffff::1"), "authentication_rate_limited");
    expectRefusal(await from("2001:db8:0:8::1"), "root_key_not_found");
  });

  test("do not include unknown API keys, which are NOT_FOUND any number of times from any address", async () => {
    const { apiId } = (await server.call("apis.createApi", { name: "payments" })).body.data;
    const { key } = (await server.call("keys.createKey", { apiId })).body.data;
    for (let i = 0; i < 300; i += 1) {
      const unknown = await server.call("keys.verifyKey", { key: `${i}_${newRootKey()}` });
      expect(unknown.body.data).toEqual({ valid: false, code: "NOT_FOUND" });
    }
    expect((await server.call("keys.verifyKey", { key })).body.data.valid).toBe(true);
  });
});
