import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import express from "express";
import fastify from "fastify";
import { Hono } from "hono";
import { requireKey as forExpress } from "../src/express.ts";
import { requireKey as forFastify } from "../src/fastify.ts";
import { requireKey as forHono } from "../src/hono.ts";
import { guard, Latchkey } from "../src/index.ts";
import { misconfigured, missing, unavailable } from "../src/refusals.ts";
import { nextProxy } from "./frames.ts";
import { bearer, testApi } from "./guarding.ts";
import { addressOf, listen } from "./serving.ts";
import { startStub, success } from "./stub.ts";

const { server, client, makeKey } = testApi();

describe("options that are functions of the request", () => {
  test("are evaluated for each request, and a function may return the key", async () => {
    const stub = await startStub(() =>
      success({ valid: true, code: "VALID", keyId: "key_1", enabled: true }),
    );
    const stubbed = new Latchkey({ rootKey: "root_key", serverURL: stub.url });
    const app = new Hono().get(
      "/:kind/:cost",
      forHono(stubbed, {
        key: (context) => context.req.query("key"),
        permissions: async (context) => `${context.req.param("kind")}.read`,
        credits: (context) => ({ cost: Number(context.req.param("cost")) }),
        tags: (context) => [`path=${context.req.path}`],
      }),
      (context) => context.text(context.var.verifiedKey.keyId),
    );
    expect(await (await app.request("/files/3?key=a_key")).text()).toBe("key_1");
    expect(JSON.parse(stub.seen[0]?.body ?? "")).toEqual({
      key: "a_key",
      permissions: "files.read",
      credits: { cost: 3 },
      tags: ["path=/files/3"],
    });
    expect((await app.request("/files/3")).status).toBe(401);
    await stub.stop();
  });

  test("that throw keep the request from its handler", async () => {
    const oops = () => {
      throw new Error("oops");
    };
    let reached = 0;
    const honoApp = new Hono().get("/guarded", forHono(client(), { key: oops }), (context) => {
      reached += 1;
      return context.text("reached");
    });
    honoApp.onError((_, context) => context.text("failed", 500));
    expect((await honoApp.request("/guarded")).status).toBe(500);
    const expressApp = express();
    expressApp.get("/guarded", forExpress(client(), { key: oops }), (_, response) => {
      reached += 1;
      response.send("reached");
    });
    expressApp.use(
      ((_error, _request, response, _next) =>
        void response.status(500).send("failed")) as express.ErrorRequestHandler,
    );
    const server = await listen(expressApp);
    expect((await fetch(addressOf(server))).status).toBe(500);
    server.close();
    const fastifyApp = fastify({ forceCloseConnections: true });
    fastifyApp.get("/guarded", { preHandler: forFastify(client(), { key: oops }) }, async () => {
      reached += 1;
      return "reached";
    });
    await fastifyApp.listen({ port: 0, host: "127.0.0.1" });
    expect((await fetch(addressOf(fastifyApp.server))).status).toBe(500);
    await fastifyApp.close();
    expect(reached).toBe(0);
  });

  test.each([7, ["a_key"], {}, null, "", true])(
    "a function that returns %p has returned no key",
    async (found) => {
      const check = guard(client(), { key: () => found as string });
      expect(await check(new Request("http://127.0.0.1/"))).toMatchObject({ passed: false, status: 401 });
    },
  );
});

test("`keyOf` fails for a request that did not pass the guard", () => {
  const { keyOf } = forExpress(client());
  expect(() => keyOf({})).toThrow(/did not pass this guard/);
});

test("docs/errors.md has a row for each code that only guards return", () => {
  const page = readFileSync(join(import.meta.dir, "../../docs/errors.md"), "utf8");
  for (const { status, problem } of [missing("authorization"), unavailable(), misconfigured()]) {
    expect(page).toContain(`| ${status} | \`${problem.code}\` |`);
  }
});

test("a Next.js proxy refuses requests without a valid key and lets the others go on to their route", async () => {
  const app = await nextProxy.serve(client(), {});
  const { key } = await makeKey();
  expect((await fetch(app.url)).status).toBe(401);
  expect((await fetch(app.url, { headers: { authorization: `Bearer ${key}` } })).status).toBe(200);
  expect(app.reached()).toBe(1);
  await app.stop();
});

test("a check accepts header names of a plain object in any letter case", async () => {
  const { key } = await makeKey();
  const check = guard(client());
  for (const headers of [{ Authorization: `Bearer ${key}` }, { authorization: `Bearer ${key}` }]) {
    expect(await check({ headers })).toMatchObject({ passed: true });
  }
  expect(await check({ headers: {} })).toMatchObject({ passed: false, status: 401 });
});

test("a guard whose client has no root key refuses with 500 and logs what to set", async () => {
  const logged: string[] = [];
  const check = guard(new Latchkey({ serverURL: server.url }), {
    log: (message) => void logged.push(message),
  });
  for (const _ of [1, 2]) {
    expect(await check({ headers: { authorization: "Bearer a_key" } })).toMatchObject({ status: 500 });
  }
  expect(logged).toHaveLength(1);
  expect(logged[0]).toContain("LATCHKEY_ROOT_KEY");
});

test("a Hono route's response is sent uncopied with the state of the limits, unless its headers are immutable", async () => {
  const own = new Response("own");
  const proxied = new Response("proxied");
  const immutable = () => {
    throw new TypeError("immutable"); // as on Node, if the response came from `fetch`
  };
  Object.defineProperty(proxied.headers, "set", { value: immutable });
  const app = new Hono();
  app.use(forHono(client, { ratelimits: [{ name: "requests", limit: 5, duration: 30_000 }] }));
  app.get("/own", () => own).get("/proxied", () => proxied);
  const { key } = await makeKey();
  const direct = await app.request("/own", bearer(key));
  const copied = await app.request("/proxied", bearer(key));
  expect(direct).toBe(own);
  expect([await direct.text(), await copied.text()]).toEqual(["own", "proxied"]);
  for (const { headers } of [direct, copied]) {
    expect(headers.get("ratelimit-policy")).toBe('"requests";q=5;w=30');
  }
});
