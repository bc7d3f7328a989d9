import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { cpSync, existsSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { bin, modules, type Packed, pack, run } from "./packed.ts";
import { type Reaction, refusal, type Stub, startStub, success } from "./stub.ts";

let packed: Packed;
let consumer: string;
let stub: Stub;
/** a URL where nothing listens */
let nobody: string;

/** Creates a project that has the packed package and the programs of `consumer/`. */
async function project(name: string, ...others: string[]): Promise<string> {
  const path = await packed.project(name, ...others);
  cpSync(join(import.meta.dir, "consumer"), path, { recursive: true });
  return path;
}

beforeAll(async () => {
  packed = await pack();
  consumer = await project("consumer");
  const gone = await startStub(() => "close");
  nobody = gone.url;
  await gone.stop();
  stub = await startStub(({ path }) => behaviours[path.split("/")[1] ?? ""]?.() ?? "close");
}, 120_000);
afterAll(async () => {
  await stub?.stop();
  packed?.remove();
});

const identity = { id: "id_1", externalId: "user_1", meta: {}, ratelimits: [] };
const api = success({ id: "api_1", name: "payments" });
let flaky = 0;
const behaviours: Record<string, () => Reaction> = {
  ok: () => api,
  v2: () => success([identity], { pagination: { hasMore: false } }),
  list: () => success([identity], { pagination: { hasMore: false } }),
  flaky: () => {
    flaky += 1;
    return flaky % 2 === 1 ? "close" : api;
  },
  close: () => "close",
  silence: () => "silence",
  page: () => ({ body: "<html>Welcome</html>" }),
  cut: () => ({ body: '{"meta":{"requestId":"req_1"},"data":{"va', cutAt: 30 }),
  missing: () => refusal(404, "unkey/data/api_not_found"),
};

const expected = {
  read: "payments",
  listed: ["user_1"],
  flaky: "payments",
  refused: { name: "ConnectionError", refused: true },
  lost: { name: "ConnectionError", refused: false },
  page: { name: "ResponseFormatError", status: 200, cutOff: false },
  cut: { name: "ResponseFormatError", status: 200, cutOff: true },
  notFound: { name: "NotFoundError", status: 404, code: "api_not_found" },
  late: { name: "TimeoutError" },
  aborted: { name: "AbortError" },
  guards: ["function", "function", "function", "function"],
};

const deno = Bun.which("deno");

/** Set LATCHKEY_TEST_NODES="/path/to/node22 /path/to/node24" to test with other versions of Node too. */
const runtimes = [
  { name: "Node on the path", command: ["node"] },
  { name: "Bun", command: [process.execPath] },
  ...(deno === null
    ? []
    : [{ name: "Deno", command: [deno, "run", "--allow-net", "--allow-env", "--node-modules-dir=manual"] }]),
  ...(process.env["LATCHKEY_TEST_NODES"] ?? "")
    .split(" ")
    .filter((path) => path !== "")
    .map((path) => ({ name: path, command: [path] })),
];

describe("the packed package", () => {
  test.each(runtimes)(
    "works in $name, and does not keep the program from exiting",
    async ({ command }) => {
      const told = JSON.parse(await run(consumer, ...command, "scenario.mjs", stub.url, nobody));
      expect(told).toMatchObject(expected);
      expect(told.shown).not.toContain("root_key");
      expect(Object.keys(told.refused).sort()).toEqual(["name", "refused"]);
    },
    30_000,
  );

  if (deno === null) test.skip("works in Deno: not run, as Deno is not on the path", () => {});

  test("can be bundled for a browser and needs only globals that browsers and edge workers have", async () => {
    await run(
      consumer,
      bin("esbuild"),
      "list.mjs",
      "--bundle",
      "--minify",
      "--format=esm",
      "--platform=browser",
      "--outfile=list.min.js",
    );
    const bundle = await Bun.file(join(consumer, "list.min.js")).text();
    writeFileSync(join(consumer, "browse.cjs"), browse);
    const out = await run(consumer, "node", "--experimental-vm-modules", "browse.cjs", stub.url);
    expect(out).toBe("user_1\n");
    expect(gzipSync(bundle, { level: 9 }).length).toBeLessThanOrEqual(8000);
  });

  test("weighs at most 1.5 MB installed and depends on nothing", async () => {
    const installed = join(consumer, "node_modules/@latchkey/sdk");
    expect(weight(installed)).toBeLessThanOrEqual(1_500_000);
    expect(readdirSync(join(consumer, "node_modules")).filter((name) => !name.startsWith("."))).toEqual([
      "@latchkey",
    ]);
    expect(readdirSync(join(consumer, "node_modules/@latchkey"))).toEqual(["sdk"]);
    for (const file of ["README.md", "LICENSE", "dist/esm/index.js", "dist/cjs/index.d.ts"]) {
      expect(existsSync(join(installed, file))).toBe(true);
    }
  });

  test("imports Node's modules only in node/, and a framework only in its adapter", async () => {
    const dist = join(consumer, "node_modules/@latchkey/sdk/dist/esm");
    for (const file of readdirSync(dist, { recursive: true, encoding: "utf8" })) {
      if (!file.endsWith(".js")) continue;
      const imports = (await Bun.file(join(dist, file)).text()).matchAll(/(?:from|import)\s*\(?"([^"]+)"/g);
      const foreign = [...imports].map(([, from = ""]) => from).filter((from) => !from.startsWith("."));
      const allowed = file.startsWith("node/") ? /^node:/ : file === "nest.js" ? /^@nestjs\/common$/ : /^$/;
      expect({ file, foreign: foreign.filter((from) => !allowed.test(from)) }).toEqual({ file, foreign: [] });
    }
  });

  test("passes publint and attw, node10 included, without an exception", async () => {
    const published = await run(consumer, bin("publint"), "run", packed.tarball, "--strict");
    expect(published).toContain("All good!");
    await run(consumer, bin("attw"), packed.tarball);
  }, 60_000);
});

const browse = `
const { readFileSync } = require("node:fs");
const vm = require("node:vm");
const names = ["fetch", "Headers", "URL", "AbortController", "TextDecoder", "Blob", "crypto", "performance", "setTimeout", "clearTimeout"];
const context = vm.createContext({ console, serverURL: process.argv[2], ...Object.fromEntries(names.map((name) => [name, globalThis[name]])) });
const program = new vm.SourceTextModule(readFileSync("list.min.js", "utf8"), { context });
program.link(() => { throw new Error("the bundle imports something"); }).then(() => program.evaluate());
`;

function weight(path: string): number {
  const { size } = statSync(path);
  if (!statSync(path).isDirectory()) return size;
  return readdirSync(path).reduce((total, name) => total + weight(join(path, name)), 0);
}

describe("the CommonJS build", () => {
  const names = ["", "/express", "/fastify", "/hono", "/koa", "/elysia", "/next", "/workers", "/lambda"];

  test("can be required on Node, and its errors are instances of the other build's classes", async () => {
    const script = `
      const assert = require("node:assert");
      for (const name of ${JSON.stringify(names)}) assert(Object.keys(require("@latchkey/sdk" + name)).length > 0);
      import("@latchkey/sdk").then(async ({ Latchkey }) => {
        const { LatchkeyError, ConnectionError, Latchkey: Other } = require("@latchkey/sdk");
        assert.notEqual(Latchkey, Other);
        const call = new Latchkey({ rootKey: "root_key", serverURL: process.argv[1], maxRetries: 0 }).apis.getApi({ apiId: "x" });
        await assert.rejects(call, (error) => error instanceof LatchkeyError && error instanceof ConnectionError);
        console.log("ok");
      });`;
    expect(await run(consumer, "node", "-e", script, nobody)).toBe("ok\n");
  });

  test("has source maps whose sources are in the package", async () => {
    const installed = join(consumer, "node_modules/@latchkey/sdk");
    for (const file of ["esm/judge.js", "cjs/judge.js", "cjs/node/transport.js"]) {
      const { sources } = await Bun.file(join(installed, `dist/${file}.map`)).json();
      expect(sources).toHaveLength(1);
      expect(existsSync(join(installed, "dist", file, "..", sources[0]))).toBe(true);
    }
  });
});

/** A CommonJS file. It is a string because the compiler settings of this repository do not allow CommonJS. */
const subpaths = `import { guard, Latchkey } from "@latchkey/sdk";
import { requireKey as forElysia } from "@latchkey/sdk/elysia";
import { requireKey as forExpress } from "@latchkey/sdk/express";
import { requireKey as forFastify } from "@latchkey/sdk/fastify";
import { requireKey as forHono } from "@latchkey/sdk/hono";
import { requireKey as forKoa } from "@latchkey/sdk/koa";
import { withKey as forLambda } from "@latchkey/sdk/lambda";
import { KeyGuard } from "@latchkey/sdk/nest";
import { withKey as forNext } from "@latchkey/sdk/next";
import { withKey as forWorkers } from "@latchkey/sdk/workers";

const latchkey = new Latchkey<{ identity: { plan: "free" | "pro" } }>();
const all = [forElysia, forExpress, forFastify, forHono, forKoa].map((adapter) => typeof adapter);
all.concat(typeof forLambda, typeof forNext, typeof forWorkers, typeof KeyGuard);
void guard(latchkey)({ headers: {} }).then((verdict) => {
  if (verdict.passed) verdict.key.identity?.meta.plan satisfies "free" | "pro" | undefined;
});
`;

describe("the package's types", () => {
  const strict = {
    noEmit: true,
    target: "ES2022",
    strict: true,
    noUncheckedIndexedAccess: true,
    exactOptionalPropertyTypes: true,
  };
  const nodenext = { module: "NodeNext", moduleResolution: "NodeNext" };
  const settings = [
    {
      name: "a browser's bundler",
      files: ["types.ts"],
      options: { module: "ESNext", moduleResolution: "bundler", lib: ["ES2022", "DOM"], types: [] },
      others: [],
    },
    {
      name: "Node",
      files: ["types.ts"],
      options: { ...nodenext, lib: ["ES2022"], types: ["node"] },
      others: ["@types/node", "undici-types"],
    },
    {
      name: "Node with every framework",
      files: ["types.ts", "guards.ts"],
      options: { ...nodenext, lib: ["ES2022"], types: ["node"], skipLibCheck: true },
      others: ["@types", "undici-types", "hono", "express", "fastify", "koa", "elysia", "@nestjs/common"],
    },
    {
      name: "CommonJS on Node",
      files: ["types.ts", "subpaths.cts"],
      options: { ...nodenext, lib: ["ES2022"], types: ["node"], skipLibCheck: true },
      others: ["@types", "undici-types", "hono", "express", "fastify", "koa", "elysia", "@nestjs/common"],
    },
    ...["node10", "node16"].map((resolution) => ({
      name: `${resolution} of TypeScript 5`,
      compiler: "ts5/bin/tsc",
      files: ["types.ts", "subpaths.cts"],
      options: {
        module: resolution === "node10" ? "CommonJS" : "Node16",
        moduleResolution: resolution,
        lib: ["ES2022"],
        types: ["node"],
        skipLibCheck: true,
      },
      others: ["@types", "undici-types", "hono", "express", "fastify", "koa", "elysia", "@nestjs/common"],
    })),
    {
      name: "Bun",
      files: ["types.ts"],
      options: {
        module: "Preserve",
        moduleResolution: "bundler",
        lib: ["ESNext"],
        types: ["bun"],
        skipLibCheck: true,
      },
      others: ["@types/bun", "@types/node", "bun-types", "undici-types"],
    },
  ];

  test.each(settings)(
    "compile, with an error exactly at each @ts-expect-error, under the settings of $name",
    async ({ name, files, options, others, ...more }) => {
      const path = await project(`types-${name.replaceAll(/\W/g, "-")}`, ...others);
      writeFileSync(
        join(path, "tsconfig.json"),
        JSON.stringify({ compilerOptions: { ...strict, ...options }, files }),
      );
      writeFileSync(join(path, "subpaths.cts"), subpaths);
      const compiler = "compiler" in more ? join(modules, more.compiler) : bin("tsc");
      await run(path, "node", compiler, "-p", ".");
    },
    60_000,
  );
});
