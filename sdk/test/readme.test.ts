import "reflect-metadata";
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { createServer, type RequestListener } from "node:http";
import { join } from "node:path";
import { Module, type Type } from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import { startTest, type TestServer } from "../../server/test/harness.ts";
import { Latchkey } from "../src/index.ts";
import { bin, type Packed, pack, run } from "./packed.ts";

const readme = await Bun.file(new URL("../README.md", import.meta.url)).text();

/** The TypeScript examples of README.md in order, each named by its number and the heading above it. */
const examples = [...readme.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(({ 1: code = "", index }, at) => {
  const heading =
    readme
      .slice(0, index)
      .match(/^#+ .*$/gm)
      ?.at(-1) ?? "";
  return { name: `${at + 1}, ${heading.replace(/^#+ /, "")}`, file: `example${at + 1}.ts`, code };
});

let server: TestServer;
let packed: Packed;
let folder: string;
let key: string;
const before = { ...process.env };

beforeAll(async () => {
  server = await startTest();
  packed = await pack();
  folder = await packed.project(
    "readme",
    "hono",
    "express",
    "fastify",
    "koa",
    "elysia",
    "@nestjs/common",
    "reflect-metadata",
    "@types",
    "undici-types",
  );
  const compilerOptions = {
    noEmit: true,
    strict: true,
    target: "ES2022",
    module: "NodeNext",
    moduleResolution: "NodeNext",
    types: ["node"],
    skipLibCheck: true,
    experimentalDecorators: true,
  };
  writeFileSync(
    join(folder, "tsconfig.json"),
    JSON.stringify({ compilerOptions, files: examples.map(({ file }) => file) }),
  );
  for (const { file, code } of examples) writeFileSync(join(folder, file), code);
  process.env["LATCHKEY_ROOT_KEY"] = server.rootKey;
  process.env["LATCHKEY_URL"] = server.url;
  const latchkey = new Latchkey();
  const { data } = await latchkey.apis.createApi({ name: "documents" });
  const made = await latchkey.keys.createKey({
    apiId: data.apiId,
    permissions: ["documents.read"],
    externalId: "reader",
  });
  key = made.data.key;
}, 120_000);
afterAll(async () => {
  process.env = before;
  await server?.stop();
  packed?.remove();
});

type Handler = (request: Request) => Promise<Response>;
type Exported = {
  handle?: Handler;
  GET?: (request: Request, route: unknown) => Promise<Response>;
  worker?: { fetch(request: Request, env: unknown): Promise<Response> };
  elysia?: { handle: Handler };
  lambda?: (event: object, context: unknown) => Promise<{ statusCode: number }>;
  koa?: { callback(): RequestListener };
  Documents?: Type;
  app?: unknown;
};

type Fastify = { listen(options: object): Promise<string>; close(): Promise<void> };
type Hono = { fetch: Handler };

/** The handler that an example exports for web requests, if it exports one. */
function webHandler({ handle, GET, worker, elysia, lambda, app }: Exported): Handler | undefined {
  const env = { LATCHKEY_ROOT_KEY: server.rootKey, LATCHKEY_URL: server.url };
  if (GET !== undefined) return (request) => GET(request, {});
  if (worker !== undefined) return (request) => worker.fetch(request, env);
  if (elysia !== undefined) return (request) => elysia.handle(request);
  if (lambda === undefined) return handle ?? (app as Partial<Hono> | undefined)?.fetch;
  return async ({ headers }) => {
    const { statusCode } = await lambda({ headers: Object.fromEntries(headers) }, undefined);
    return new Response(null, { status: statusCode });
  };
}

/** Starts a server for an example that has no handler for web requests: Koa, NestJS, Fastify or Express. */
async function listening({ koa, Documents, app }: Exported): Promise<{ url: string; stop(): unknown }> {
  if (Documents !== undefined) {
    class Application {}
    Module({ controllers: [Documents] })(Application);
    const nest = await NestFactory.create(Application, { logger: false });
    await nest.listen(0, "127.0.0.1");
    return { url: await nest.getUrl(), stop: () => nest.close() };
  }
  const handler = koa?.callback() ?? app;
  if (typeof handler !== "function") {
    const fastify = handler as Fastify;
    return { url: await fastify.listen({ port: 0, host: "127.0.0.1" }), stop: () => fastify.close() };
  }
  const node = createServer(handler as RequestListener);
  await new Promise<void>((resolve) => node.listen(0, "127.0.0.1", resolve));
  const { port } = node.address() as { port: number };
  return { url: `http://127.0.0.1:${port}`, stop: () => node.close() };
}

/** Sends the example's server one request without a key and one with a key, and returns the two status codes. */
async function statuses(exported: Exported): Promise<number[]> {
  const path = "/documents/1";
  const requests = [{ headers: {} }, { headers: { authorization: `Bearer ${key}` } }];
  const web = webHandler(exported);
  if (web !== undefined) {
    const responses = requests.map((init) => web(new Request(`http://127.0.0.1${path}`, init)));
    return (await Promise.all(responses)).map(({ status }) => status);
  }
  const { url, stop } = await listening(exported);
  const responses = await Promise.all(requests.map((init) => fetch(url + path, init)));
  await stop();
  return responses.map(({ status }) => status);
}

describe("the README", () => {
  test("makes its first call before line 20", () => {
    const line = readme.split("\n").findIndex((text) => text.includes("await latchkey."));
    expect(line).toBeGreaterThan(0);
    expect(line + 1).toBeLessThan(20);
  });

  test("has examples that compile unchanged", async () => {
    await run(folder, bin("tsc"), "-p", ".");
    expect(examples.length).toBeGreaterThan(10);
  }, 60_000);

  test.each(examples)(
    "has an example that works against a server: $name",
    async ({ file }) => {
      // Bun would compile decorators with the settings of this repository, not with those of the example's project
      const compiled = file.replace(".ts", ".mjs");
      await run(folder, bin("esbuild"), file, "--format=esm", `--outfile=${compiled}`);
      const exported: Exported = await import(join(folder, compiled));
      if (Object.keys(exported).some((name) => name !== "guards"))
        expect(await statuses(exported)).toEqual([401, 200]);
    },
    30_000,
  );

  test("names every option and every export of the package", async () => {
    const settings = await Bun.file(new URL("../src/settings.ts", import.meta.url)).text();
    const options =
      /export type LatchkeyOptions = \{([\s\S]*?)\n\};/.exec(settings)?.[1]?.matchAll(/^ {2}(\w+)\?:/gm) ??
      [];
    const call = ["retries", "timeoutMs", "signal", "headers", "serverURL", "idempotencyKey"];
    const named = [...[...options].map(([, name = ""]) => name), ...call];
    expect(named).toContain("allowHttp");
    const { Latchkey: _, guard: __, refusalResponse: ___, ...documented } = await import("../src/index.ts");
    const missing = [...named, ...Object.keys(documented)].filter((name) => !readme.includes(`\`${name}\``));
    expect(missing).toEqual([]);
  });
});
