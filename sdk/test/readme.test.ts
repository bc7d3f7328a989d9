import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { startTest, type TestServer } from "../../server/test/harness.ts";
import { Latchkey } from "../src/index.ts";
import { bin, type Packed, pack, run } from "./packed.ts";

const readme = await Bun.file(new URL("../README.md", import.meta.url)).text();

/** The examples in their order, by the heading they stand under. */
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
  folder = await packed.project("readme", "hono", "express", "fastify", "@types", "undici-types");
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

type Exported = {
  handle?: (request: Request) => Promise<Response>;
  GET?: (request: Request, route: unknown) => Promise<Response>;
  app?: unknown;
};

type Fastify = { listen(options: object): Promise<string>; close(): Promise<void> };
type Hono = { fetch(request: Request): Promise<Response> };
type Express = Parameters<typeof createServer>[1];

/** Sends a request with and without a key to whatever the example serves. */
async function statuses({ handle, GET, app }: Exported): Promise<number[]> {
  const path = "/documents/1";
  const requests = [{ headers: {} }, { headers: { authorization: `Bearer ${key}` } }];
  const web = handle ?? (GET && ((request: Request) => GET(request, {}))) ?? (app as Partial<Hono>).fetch;
  if (web !== undefined) {
    const answers = await Promise.all(
      requests.map((init) => web(new Request(`http://127.0.0.1${path}`, init))),
    );
    return answers.map(({ status }) => status);
  }
  if (typeof app === "function") {
    const express = createServer(app as Express);
    await new Promise<void>((resolve) => express.listen(0, "127.0.0.1", resolve));
    const { port } = express.address() as { port: number };
    const answers = await Promise.all(requests.map((init) => fetch(`http://127.0.0.1:${port}${path}`, init)));
    express.close();
    return answers.map(({ status }) => status);
  }
  const fastify = app as Fastify;
  const url = await fastify.listen({ port: 0, host: "127.0.0.1" });
  const answers = await Promise.all(requests.map((init) => fetch(url + path, init)));
  await fastify.close();
  return answers.map(({ status }) => status);
}

describe("the README", () => {
  test("makes its first call before line 20", () => {
    const line = readme.split("\n").findIndex((text) => text.includes("await latchkey."));
    expect(line).toBeGreaterThan(0);
    expect(line + 1).toBeLessThan(20);
  });

  test("has examples that compile as they stand", async () => {
    const compilerOptions = {
      noEmit: true,
      strict: true,
      target: "ES2022",
      module: "NodeNext",
      moduleResolution: "NodeNext",
      types: ["node"],
      skipLibCheck: true,
    };
    writeFileSync(
      join(folder, "tsconfig.json"),
      JSON.stringify({ compilerOptions, files: examples.map(({ file }) => file) }),
    );
    await run(folder, bin("tsc"), "-p", ".");
    expect(examples.length).toBeGreaterThan(10);
  }, 60_000);

  test.each(examples)(
    "has an example that does what it says against a server: $name",
    async ({ file }) => {
      const exported: Exported = await import(join(folder, file));
      if (Object.keys(exported).length > 0) expect(await statuses(exported)).toEqual([401, 200]);
    },
    30_000,
  );

  test("names every option and every class of error", async () => {
    const settings = await Bun.file(new URL("../src/settings.ts", import.meta.url)).text();
    const options =
      /export type LatchkeyOptions = \{([\s\S]*?)\n\};/.exec(settings)?.[1]?.matchAll(/^ {2}(\w+)\?:/gm) ??
      [];
    const call = ["retries", "timeoutMs", "signal", "headers", "serverURL", "idempotencyKey"];
    const named = [...[...options].map(([, name = ""]) => name), ...call];
    expect(named).toContain("allowHttp");
    const { Latchkey: _, guard: __, refusalResponse: ___, ...errors } = await import("../src/index.ts");
    const missing = [...named, ...Object.keys(errors)].filter((name) => !readme.includes(`\`${name}\``));
    expect(missing).toEqual([]);
  });
});
