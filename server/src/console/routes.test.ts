/** Tests who may reach the console, from which pages, and the headers of its responses. */
import { describe, expect, test } from "bun:test";
import { openBrowser } from "../../test/browser.ts";
import { startTest } from "../../test/harness.ts";
import { freePort } from "../../test/program.ts";
import { exchangeRaw, openRaw } from "../../test/raw.ts";
import { expectRefusal } from "../../test/refusal.ts";
import { testServer } from "../../test/setUp.ts";

const here = (url: string) => new URL(url).host;

/** Requests the current session over a raw connection, with only these header lines and a Content-Length. */
function askSession(url: string, lines: readonly string[]) {
  const head = ["POST /console/session HTTP/1.1", "Content-Length: 0", ...lines];
  return exchangeRaw(url, `${head.join("\r\n")}\r\n\r\n`);
}

describe("with CONSOLE=auto on loopback", () => {
  const server = testServer();

  test("only a request to a loopback host that no proxy has forwarded is served", async () => {
    const own = ["Sec-Fetch-Site: same-origin"];
    for (const host of ["localhost", "127.0.0.1:7070", "127.1.2.3", "[::1]:80", "LOCALHOST:1"]) {
      expectRefusal(await askSession(server.url, [`Host: ${host}`, ...own]), "console_session_missing");
    }
    for (const host of ["latchkey.example", "localhost.example", "10.0.0.1", "127.0.0.1.nip.io"]) {
      expectRefusal(await askSession(server.url, [`Host: ${host}`, ...own]), "unknown_operation");
    }
    for (const line of [
      "X-Forwarded-For: 1.2.3.4",
      "X-Forwarded-Proto: https",
      "Forwarded: for=1.2.3.4",
      "Via: 1.1 proxy",
      "X-Real-IP: 1.2.3.4",
      "CF-Connecting-IP: 1.2.3.4",
      "Origin: https://latchkey.example",
    ]) {
      expectRefusal(await askSession(server.url, ["Host: localhost", ...own, line]), "unknown_operation");
      const page = await fetch(`${server.url}/console/`, {
        headers: { [line.split(": ")[0] ?? ""]: line.split(": ")[1] ?? "" },
      });
      expect(page.status).toBe(404);
    }
  });

  test("a request from another site or another port is refused, whatever cookie it has", async () => {
    const browser = openBrowser(server);
    await browser.signIn(server.rootKey);
    const foreign: Record<string, string>[] = [
      { "Sec-Fetch-Site": "cross-site" },
      { "Sec-Fetch-Site": "same-site" },
      { "Sec-Fetch-Site": "none" },
      { "Sec-Fetch-Site": "" },
      { "Sec-Fetch-Site": "", Origin: "http://localhost:3000" },
      { "Sec-Fetch-Site": "", Origin: "http://127.0.0.1" },
    ];
    for (const headers of foreign) {
      expectRefusal(await browser.session("POST", undefined, headers), "cross_site_request");
      expectRefusal(await browser.session("DELETE", undefined, headers), "cross_site_request");
      expectRefusal(
        await browser.session("POST", { rootKey: server.rootKey }, headers),
        "cross_site_request",
      );
      expectRefusal(
        await browser.call("apis.createApi", { name: "payments" }, headers),
        "cross_site_request",
      );
    }
    const own = { "Sec-Fetch-Site": "", Origin: server.url };
    expect((await browser.call("apis.createApi", { name: "payments" }, own)).status).toBe(200);
  });

  test("a body that is not JSON is refused", async () => {
    const browser = openBrowser(server);
    const type = { "Content-Type": "text/plain" };
    const login = await browser.session("POST", { rootKey: server.rootKey }, type);
    expectRefusal(login, "unsupported_media_type");
    await browser.signIn(server.rootKey);
    expectRefusal(await browser.call("apis.createApi", { name: "payments" }, type), "unsupported_media_type");
  });

  test("/v2 never reads the cookie, and the console never reads a root key in a header", async () => {
    const browser = openBrowser(server);
    await browser.signIn(server.rootKey);
    const headers = { Cookie: browser.cookie };
    const reply = await server.call("identities.listIdentities", {}, { rootKey: "", headers });
    expectRefusal(reply, "authentication_missing");
    const bare = openBrowser(server);
    const bearer = { Authorization: `Bearer ${server.rootKey}` };
    expectRefusal(await bare.call("identities.listIdentities", {}, bearer), "console_session_missing");
  });

  test("GET returns no data, neither of the session nor of an operation", async () => {
    const browser = openBrowser(server);
    await browser.signIn(server.rootKey);
    const headers = { Cookie: browser.cookie, "Sec-Fetch-Site": "same-origin" };
    for (const path of ["session", "api/identities.listIdentities"]) {
      const reply = await fetch(`${server.url}/console/${path}`, { headers });
      expect(reply.status).toBe(405);
    }
    expect((await fetch(`${server.url}/console/api/unknown`, { headers })).status).toBe(404);
  });

  test("the cookie is hidden from scripts, bound to this port's console and not sent across sites", async () => {
    const reply = await openBrowser(server).signIn(server.rootKey);
    expect(reply.headers.get("set-cookie")).toMatch(
      new RegExp(
        `^latchkey_console_${new URL(server.url).port}=[\\w-]{43}; HttpOnly; SameSite=Strict; Path=/console$`,
      ),
    );
  });

  test("every response of the console has the security headers, whether the request succeeds or fails", async () => {
    const browser = openBrowser(server);
    const replies = [
      await browser.signIn(server.rootKey),
      await browser.session("POST"),
      await browser.call("identities.listIdentities", {}),
      await browser.call("identities.getIdentity", { identity: "nobody" }),
      await browser.call("identities.listIdentities", {}, { "Sec-Fetch-Site": "cross-site" }),
      await fetch(`${server.url}/console`, { redirect: "manual" }),
      await fetch(`${server.url}/console/assets/missing.js`),
    ];
    for (const { headers } of replies) {
      expect(headers.get("content-security-policy")).toBe(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
      );
      expect(headers.get("x-content-type-options")).toBe("nosniff");
      expect(headers.get("referrer-policy")).toBe("no-referrer");
      expect(headers.get("cross-origin-opener-policy")).toBe("same-origin");
      expect(headers.get("cross-origin-resource-policy")).toBe("same-origin");
      expect(headers.get("cache-control")).toBe("no-store");
    }
  });

  test.each([
    [{}, "body.rootKey"],
    [{ rootKey: "" }, "body.rootKey"],
    [{ rootKey: "two words" }, "body.rootKey"],
    [{ rootKey: "latchkey_root_mistyped" }, "body.rootKey"],
    [{ rootKey: 1 }, "body.rootKey"],
    [{ rootkey: "x" }, "body.rootkey"],
  ])("a login without a valid root key is refused with the field to correct: %j", async (body, location) => {
    expectRefusal(await openBrowser(server).session("POST", body), "invalid_input", location);
  });

  test("an unknown root key does not sign in, and a client address that tries many is rate limited", async () => {
    const browser = openBrowser(server);
    expectRefusal(await browser.signIn("x".repeat(40)), "root_key_not_found");
    for (let count = 1; count < 100; count += 1) await browser.signIn(`${"x".repeat(40)}${count}`);
    expectRefusal(await browser.signIn("y".repeat(40)), "authentication_rate_limited");
    expect(browser.cookie).toBe("");
  });

  test("a login with a large body is refused", async () => {
    const reply = await openBrowser(server).session("POST", { rootKey: "x".repeat(5_000) });
    expectRefusal(reply, "request_body_too_large");
  });

  test("the login link signs in once, within five minutes", async () => {
    const link = async () => /^(.*)\/console\/#login=([\w-]{43})$/.exec((await server.loginLink()) ?? "");
    const [, url, loginToken] = (await link()) ?? [];
    expect(url).toBe(server.url);
    const browser = openBrowser(server);
    const reply = await browser.session("POST", { loginToken });
    expect(reply.body.data.permissions).toContain("*");
    expectRefusal(await browser.session("POST", { loginToken }), "login_link_invalid");
    const [, , late] = (await link()) ?? [];
    server.clock.advance(5 * 60_000 + 1);
    expectRefusal(await browser.session("POST", { loginToken: late }), "login_link_invalid");
    expectRefusal(await browser.session("POST", { loginToken: "x" }), "login_link_invalid");
  });
});

describe("no login link is offered", () => {
  test.each<[string, Record<string, string>]>([
    ["the console is off", { CONSOLE: "off" }],
    ["the login would be refused", { CONSOLE: "on", PUBLIC_URL: "http://latchkey.example" }],
  ])("when %s", async (_, config) => {
    const { startTest } = await import("../../test/harness.ts");
    const server = await startTest({ config });
    expect(await server.loginLink()).toBeUndefined();
    await server.stop();
  });

  const server = testServer();
  test("when the database has several workspaces", async () => {
    await server.makeWorkspace();
    expect(await server.loginLink()).toBeUndefined();
  });
});

describe.each<[string, Record<string, string>]>([
  ["CONSOLE=off", { CONSOLE: "off" }],
  ["CONSOLE=auto and PUBLIC_URL", { PUBLIC_URL: "http://127.0.0.1:7070" }],
  ["CONSOLE=auto and TRUSTED_PROXIES", { TRUSTED_PROXIES: "10.0.0.1" }],
  ["CONSOLE=auto and a HOST that other machines reach", { HOST: "0.0.0.0" }],
])("with %s", (_, config) => {
  const server = testServer({ config });

  test("nothing is served under /console", async () => {
    const browser = openBrowser({ url: server.url.replace("0.0.0.0", "127.0.0.1") });
    expectRefusal(await browser.signIn(server.rootKey), "unknown_operation");
    expectRefusal(await browser.call("identities.listIdentities", {}), "unknown_operation");
  });
});

describe("with CONSOLE=on behind HTTPS", () => {
  const server = testServer({ config: { CONSOLE: "on", PUBLIC_URL: "https://latchkey.example/" } });

  test("the cookie is sent over HTTPS only, to this host only", async () => {
    const reply = await openBrowser(server).signIn(server.rootKey);
    expect(reply.headers.get("set-cookie")).toMatch(
      /^__Host-latchkey=[\w-]{43}; Secure; HttpOnly; SameSite=Strict; Path=\/$/,
    );
  });

  test("the origin must be that of PUBLIC_URL", async () => {
    const browser = openBrowser(server);
    const from = (Origin: string) =>
      browser.session("POST", { rootKey: server.rootKey }, { "Sec-Fetch-Site": "", Origin });
    expect((await from("https://latchkey.example")).status).toBe(200);
    for (const origin of ["http://latchkey.example", "https://latchkey.example:8443", server.url]) {
      expectRefusal(await from(origin), "cross_site_request");
    }
  });
});

describe("with CONSOLE=on over plain HTTP", () => {
  const server = testServer({ config: { CONSOLE: "on", PUBLIC_URL: "http://latchkey.example" } });
  const allowing = testServer({
    config: { CONSOLE: "on", PUBLIC_URL: "http://latchkey.example", CONSOLE_ALLOW_HTTP: "true" },
  });

  test("only this machine may sign in, unless CONSOLE_ALLOW_HTTP is set", async () => {
    const Host = "latchkey.example";
    const refused = await openBrowser(server).session("POST", { rootKey: server.rootKey }, { Host });
    expectRefusal(refused, "insecure_login");
    const local = { Host: here(server.url) };
    expect((await openBrowser(server).session("POST", { rootKey: server.rootKey }, local)).status).toBe(200);
    const allowed = await openBrowser(allowing).session("POST", { rootKey: allowing.rootKey }, { Host });
    expect(allowed.status).toBe(200);
  });
});

test("logins that are refused because the bodies of others take too much memory count as overload refusals", async () => {
  const address = `127.0.0.1:${await freePort()}`;
  const server = await startTest({ config: { METRICS_ADDRESS: address } });
  const refusals = async () => {
    const text = await (await fetch(`http://${address}/metrics`)).text();
    return /^latchkey_overload_refusals_total (\d+)$/m.exec(text)?.[1];
  };
  const head = ["POST /console/session HTTP/1.1", "Host: localhost", "Sec-Fetch-Site: same-origin"];
  const begun = [...head, "Transfer-Encoding: chunked", "", "1000", "x".repeat(4_096), ""].join("\r\n");
  const connections = await Promise.all(Array.from({ length: 65 }, () => openRaw(server.url)));
  for (const connection of connections) connection.send(begun); // one more than there is memory for
  const first = await Promise.race(connections.map((connection) => connection.reply()));
  expect(first?.status).toBe(429);
  expect(await refusals()).toBe("1");
  for (const connection of connections) connection.destroy();
  await server.stop();
});
