import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { cpSync, existsSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { bin, type Packed, pack, run } from "./packed.ts";
import { type Reaction, refusal, type Stub, startStub, success } from "./stub.ts";

let packed: Packed;
let consumer: string;
let stub: Stub;
/** where nothing listens any more */
let nobody: string;

/** A project with the package and the consumers' programs in it. */
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

/** Further Node programs to run in: LATCHKEY_TEST_NODES="/path/to/node22 /path/to/node24". */
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
    "works in $name, and leaves it nothing to wait for",
    async ({ command }) => {
      const told = JSON.parse(await run(consumer, ...command, "scenario.mjs", stub.url, nobody));
      expect(told).toMatchObject(expected);
      expect(told.shown).not.toContain("root_key");
      expect(Object.keys(told.refused).sort()).toEqual(["name", "refused"]);
    },
    30_000,
  );

  if (deno === null) test.skip("works in Deno: not run, as Deno is not on the path", () => {});

  test("bundles for a browser and needs nothing of it that browsers and edge workers do not have", async () => {
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
    expect(gzipSync(bundle, { level: 9 }).length).toBeLessThanOrEqual(5000);
  });

  test("weighs at most 300 kB installed and depends on nothing", async () => {
    const installed = join(consumer, "node_modules/@latchkey/sdk");
    expect(weight(installed)).toBeLessThanOrEqual(300_000);
    expect(readdirSync(join(consumer, "node_modules")).filter((name) => !name.startsWith("."))).toEqual([
      "@latchkey",
    ]);
    expect(readdirSync(join(consumer, "node_modules/@latchkey"))).toEqual(["sdk"]);
    for (const file of ["README.md", "LICENSE", "dist/index.js", "dist/index.d.ts"]) {
      expect(existsSync(join(installed, file))).toBe(true);
    }
  });

  test("names no built-in module of Node", async () => {
    const dist = join(consumer, "node_modules/@latchkey/sdk/dist");
    for (const file of readdirSync(dist)) {
      const imports = (await Bun.file(join(dist, file)).text()).matchAll(/(?:from|import)\s*\(?"([^"]+)"/g);
      const foreign = [...imports].map(([, from = ""]) => from).filter((from) => !from.startsWith("./"));
      expect({
        file,
        foreign: foreign.filter((from) => !["hono", "express", "fastify"].includes(from)),
      }).toEqual({ file, foreign: [] });
      if (file.endsWith(".js")) expect(foreign).toEqual([]);
    }
  });

  test("is found good by publint and by attw", async () => {
    const published = await run(consumer, bin("publint"), "run", packed.tarball, "--strict");
    expect(published).toContain("All good!");
    await run(consumer, bin("attw"), packed.tarball, "--profile", "esm-only");
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
      others: ["@types", "undici-types", "hono", "express", "fastify"],
    },
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
    "refuse what must not compile and take what must, under the settings of $name",
    async ({ name, files, options, others }) => {
      const path = await project(`types-${name.replaceAll(/\W/g, "-")}`, ...others);
      writeFileSync(
        join(path, "tsconfig.json"),
        JSON.stringify({ compilerOptions: { ...strict, ...options }, files }),
      );
      await run(path, bin("tsc"), "-p", ".");
    },
    60_000,
  );
});
