import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { serve } from "@hono/node-server";
import fc from "fast-check";
import { Hono } from "hono";
import { parseAddress } from "../../server/src/domain/ipAddress.ts";
import { testServer } from "../../server/test/setUp.ts";
import { addressInHono, plainAddress } from "../src/clientAddress.ts";
import { requireKey } from "../src/hono.ts";
import { guard, Latchkey } from "../src/index.ts";
import { frames } from "./frames.ts";
import { type App, addressOf } from "./serving.ts";

const server = testServer();
let latchkey: Latchkey;
/** Keys that may be used only from this host, only from another address, and from anywhere. */
const keys = { here: "", elsewhere: "", anywhere: "" };
const elsewhere = "192.0.2.7";

beforeAll(async () => {
  latchkey = new Latchkey({ rootKey: server.rootKey, serverURL: server.url });
  const { apiId } = (await latchkey.apis.createApi({ name: "documents" })).data;
  const make = async (ipAllowList?: string[]) =>
    (await latchkey.keys.createKey({ apiId, ...(ipAllowList && { ipAllowList }) })).data.key;
  keys.here = await make(["127.0.0.1"]);
  keys.elsewhere = await make([elsewhere]);
  keys.anywhere = await make();
});

describe.each(frames)("an allow-list behind $name", ({ address, serve }) => {
  const apps: App[] = [];
  async function served(...parameters: [Parameters<typeof serve>[1]?, Parameters<typeof serve>[2]?]) {
    const app = await serve(latchkey, parameters[0] ?? {}, parameters[1]);
    apps.push(app);
    return app;
  }
  afterAll(async () => {
    await Promise.all(apps.map(({ stop }) => stop()));
  });
  const get = async (app: App, key: string, headers: Record<string, string> = {}) => {
    const response = await fetch(app.url, { headers: { authorization: `Bearer ${key}`, ...headers } });
    const { code } = (await response.json()) as { code?: string };
    return code ?? response.status;
  };

  test("is checked against the client's address of the framework, which no header of the client changes", async () => {
    const app = await served({ log: () => {} });
    // `said`: headers that only the platform can set; `spoofed`: headers that any client can send
    const said = (ip: string) => ({ "cf-connecting-ip": ip, "x-source-ip": ip });
    const platform = address === "platform" ? said("127.0.0.1") : said(elsewhere);
    const spoofed = { "x-forwarded-for": elsewhere, forwarded: `for=${elsewhere}`, "x-real-ip": elsewhere };
    const isKnown = address !== "unknown";
    expect(await get(app, keys.here, { ...platform, ...spoofed })).toBe(isKnown ? 200 : "FORBIDDEN");
    expect(await get(app, keys.elsewhere, { ...platform, ...spoofed })).toBe("FORBIDDEN");
    expect(await get(app, keys.anywhere, { ...platform, ...spoofed })).toBe(200);
    if (address === "platform") expect(await get(app, keys.elsewhere, said(elsewhere))).toBe(200);
  });

  test("is checked against the address that `clientIp` returns, and refuses every request if `clientIp` is false", async () => {
    const app = await served({ clientIp: () => elsewhere });
    expect(await get(app, keys.elsewhere)).toBe(200);
    expect(await get(app, keys.here)).toBe("FORBIDDEN");
    const silent = await served({ clientIp: false, log: () => {} });
    expect(await get(silent, keys.here)).toBe("FORBIDDEN");
    expect(await get(silent, keys.anywhere)).toBe(200);
  });

  if (address !== "proxies") return;

  test("is checked against the address in front of the proxies that the framework trusts, in a later guard too", async () => {
    const app = await served({}, { trustsProxy: true, later: [{ credits: { cost: 0 } }] });
    expect(await get(app, keys.elsewhere, { "x-forwarded-for": elsewhere })).toBe(200);
    expect(await get(app, keys.here, { "x-forwarded-for": elsewhere })).toBe("FORBIDDEN");
    expect(await get(app, keys.here)).toBe(200);
    // "unknown" is not an address, so the guard does not send it, and only keys with an allow-list are refused
    expect(await get(app, keys.anywhere, { "x-forwarded-for": "unknown" })).toBe(200);
  });
});

test("Hono's guard reads the connection's address on Node, with Hono's own server", async () => {
  const app = new Hono().get("/guarded", requireKey(latchkey), (context) => context.json({}));
  const node = serve({ fetch: app.fetch, port: 0, hostname: "127.0.0.1", overrideGlobalObjects: false });
  await new Promise((resolve) => node.once("listening", resolve));
  const statuses = [];
  for (const key of [keys.here, keys.elsewhere]) {
    const response = await fetch(addressOf(node), { headers: { authorization: `Bearer ${key}` } });
    statuses.push(response.status);
  }
  await new Promise((resolve) => void node.close(resolve));
  expect(statuses).toEqual([200, 403]);
});

test("Hono's guard reads the address that Hono's adapters for Deno and Lambda put into `env`, and none if `env` is empty", () => {
  const request = new Request("http://127.0.0.1/", { headers: { "cf-connecting-ip": elsewhere } });
  expect(addressInHono({ remoteAddr: { hostname: elsewhere } }, request)).toBe(elsewhere);
  expect(addressInHono({ requestContext: { identity: { sourceIp: elsewhere } } }, request)).toBe(elsewhere);
  for (const environment of [undefined, {}, { SECRET: "text" }]) {
    expect(addressInHono(environment, request)).toBeUndefined();
  }
});

test("a guard that sends no address logs once that a key with an `ipAllowList` needs `clientIp`", async () => {
  const logged: string[] = [];
  const check = guard(latchkey, { log: (message) => void logged.push(message) });
  for (const _ of [1, 2]) {
    expect(await check({ headers: { authorization: `Bearer ${keys.here}` } })).toMatchObject({ status: 403 });
  }
  expect(logged).toEqual([expect.stringContaining("clientIp")]);
});

test("a guard sends the server only valid IP addresses, without their zones", () => {
  expect(plainAddress("fe80::1%eth0")).toBe("fe80::1");
  for (const address of ["127.0.0.1", "::ffff:127.0.0.1", "::1", "2001:DB8::1", "::"]) {
    expect(plainAddress(address)).toBe(address);
  }
  const texts = [
    "unknown",
    "",
    "1.2.3",
    "01.2.3.4",
    "1.2.3.4:80",
    "[::1]",
    "::1/64",
    "1::2::3",
    "1::2:3:4:5:6:7:8",
    "0x7f.1",
    "1.2.3.4.",
  ];
  for (const text of texts) expect(plainAddress(text)).toBeUndefined();
  for (const value of [undefined, null, 7, ["127.0.0.1"]]) expect(plainAddress(value)).toBeUndefined();
  const part = fc.constantFrom("0", "1", "01", "255", "256", "ffff", "fffff", ".", ":", "::", "%", "g", " ");
  const text = fc.array(part, { maxLength: 17 }).map((parts) => parts.join(""));
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), fc.ipV6(), text), (text) => {
      const sent = plainAddress(text);
      expect(sent === undefined || parseAddress(sent) !== undefined).toBe(true);
      if (parseAddress(text) !== undefined) expect(sent).toBe(text);
    }),
    { numRuns: 2000 },
  );
});
