import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { quickstarts } from "../../scripts/quickstarts.ts";
import { testServer } from "../../server/test/setUp.ts";
import { bin, type Packed, pack, run } from "./packed.ts";
import { copyExample, play, unlike } from "./quickstart.ts";
import { startStub, success } from "./stub.ts";

/**
 * Tests of the packed package in projects that install their other packages from the npm registry, in pinned versions.
 */

let packed: Packed;
beforeAll(async () => {
  packed = await pack();
}, 120_000);
afterAll(() => packed?.remove());

const verdict = success({ valid: true, code: "VALID", keyId: "key_1", enabled: true });

async function install(
  name: string,
  dependencies: Record<string, string>,
  type = "commonjs",
): Promise<string> {
  const path = join(dirname(packed.tarball), name);
  mkdirSync(path);
  const all = { ...dependencies, "@latchkey/sdk": `file:${packed.tarball}` };
  writeFileSync(join(path, "package.json"), JSON.stringify({ name, private: true, type, dependencies: all }));
  await run(path, "npm", "install", "--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund");
  return path;
}

function write(folder: string, files: Record<string, string>): void {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
}

describe("npm", () => {
  test("installs the package beside Express 4, Fastify 4, Hono 4, Koa 2 and NestJS 10", async () => {
    const path = await install("older", {
      express: "4.22.3",
      fastify: "4.29.1",
      hono: "4.0.0",
      koa: "2.16.1",
      "@nestjs/common": "10.4.15",
      "reflect-metadata": "0.2.2",
      rxjs: "7.8.2",
    });
    const names = ["express", "fastify", "hono", "koa", "nest"].map((name) => `@latchkey/sdk/${name}`);
    const script = `for (const name of ${JSON.stringify(names)}) require(name); console.log("ok")`;
    expect(await run(path, "node", "-e", script)).toBe("ok\n");
  }, 300_000);
});

describe("Jest and ts-jest", () => {
  test("require the package and find its types", async () => {
    const path = await install("jest", {
      jest: "30.2.0",
      "ts-jest": "29.4.5",
      typescript: "5.9.3",
      "@types/jest": "30.0.0",
      "@types/node": "20.19.25",
    });
    const body = `
test("requires", async () => {
  const latchkey = new Latchkey({ rootKey: "root_key", serverURL: process.env["STUB"] });
  const verdict = await guard(latchkey)({ headers: { authorization: "Bearer a_key" } });
  expect(verdict.passed && verdict.key.keyId).toBe("key_1");
});`;
    write(path, {
      "plain.test.js": `const { guard, Latchkey } = require("@latchkey/sdk");${body}`,
      "typed.test.ts": `import { guard, Latchkey } from "@latchkey/sdk";${body}`,
      "tsconfig.json": JSON.stringify({
        compilerOptions: {
          strict: true,
          module: "CommonJS",
          moduleResolution: "node10",
          target: "ES2022",
          skipLibCheck: true,
        },
      }),
      "jest.config.js": `module.exports = { transform: { "\\\\.ts$": "ts-jest" } };`,
    });
    const stub = await startStub(() => verdict);
    await run(path, "env", `STUB=${stub.url}`, "node", "node_modules/jest/bin/jest.js");
    expect(stub.seen).toHaveLength(2);
    await stub.stop();
  }, 300_000);
});

/** The quickstart's page, and a project with its example. */
function exampleOf(name: string, folder: string) {
  const quickstart = quickstarts.find((one) => one.name === name);
  if (quickstart === undefined) throw new Error(`${name} is not a quickstart`);
  copyExample(quickstart, folder);
  return quickstart;
}

function dependenciesOf(name: string): Record<string, string> {
  const path = join(import.meta.dir, "../../examples", name, "package.json");
  const { "@latchkey/sdk": _, ...others } = JSON.parse(readFileSync(path, "utf8")).dependencies;
  return others;
}

describe("Next.js", () => {
  const server = testServer();

  test("builds without a root key, its proxy refuses requests without a key, and its quickstart prints what its page shows", async () => {
    const path = await install("next", dependenciesOf("nextjs"), "module");
    const quickstart = exampleOf("nextjs", path);
    write(path, {
      "app/proxied/route.js": `export const dynamic = "force-dynamic";\nexport const GET = () => Response.json("reached");`,
      "proxy.js": `import { Latchkey } from "@latchkey/sdk";
import { requireKey } from "@latchkey/sdk/next";
export const proxy = requireKey(new Latchkey());\nexport const config = { matcher: "/proxied" };`,
    });
    const next = join(path, "node_modules/next/dist/bin/next");
    await run(path, "env", "NEXT_TELEMETRY_DISABLED=1", "node", next, "build");
    const start = `exec node ${next} start -H 127.0.0.1`;
    const proxied = "curl -s -w ' %{http_code}\\n' http://127.0.0.1:3000/proxied";
    const more = `${proxied}\n${proxied} -H "Authorization: Bearer $bob"`;
    const lines = await play(quickstart, { folder: path, server, start, more });
    expect(lines.at(-1)?.printed).toMatch(/ 401\n"reached" 200$/);
    expect(lines.flatMap(unlike)).toEqual([]);
    expect(lines).toHaveLength(6);
  }, 600_000);
});

describe("workerd", () => {
  const server = testServer();

  test("runs a guarded Worker that creates a client per request, and its quickstart prints what its page shows", async () => {
    const path = await install(
      "workers",
      { ...dependenciesOf("workers"), workerd: "1.20261117.1" },
      "module",
    );
    const quickstart = exampleOf("workers", path);
    const flags = ["--bundle", "--format=esm", "--conditions=workerd", "--outfile=bundle.js"];
    await run(path, bin("esbuild"), "worker.ts", ...flags);
    const program = `node_modules/@cloudflare/workerd-linux-${process.arch === "arm64" ? "arm64" : "64"}/bin/workerd`;
    const start = `. ./.dev.vars
cat > config.capnp <<END
using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = (
      modules = [(name = "worker", esModule = embed "bundle.js")],
      compatibilityDate = "2026-01-01",
      bindings = [
        (name = "LATCHKEY_ROOT_KEY", text = "$LATCHKEY_ROOT_KEY"),
        (name = "LATCHKEY_URL", text = "$LATCHKEY_URL"),
      ],
    )),
    (name = "internet", network = (allow = ["private", "public"])),
  ],
  sockets = [(name = "http", address = "127.0.0.1:$PORT", http = (), service = "main")],
);
END
exec ${program} serve config.capnp`;
    const lines = await play(quickstart, { folder: path, server, start });
    expect(lines.flatMap(unlike)).toEqual([]);
    expect(lines).toHaveLength(5);
  }, 300_000);
});
