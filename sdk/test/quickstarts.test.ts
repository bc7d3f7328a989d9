import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { globSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { type Quickstart, quickstarts } from "../../scripts/quickstarts.ts";
import { virtualEnvironment } from "../../server/test/compat/virtualEnvironment.ts";
import { testServer } from "../../server/test/setUp.ts";
import { bin, type Packed, pack, run } from "./packed.ts";
import { copyExample, pageOf, play, unlike } from "./quickstart.ts";

const root = join(import.meta.dir, "../..");
const own = JSON.parse(readFileSync(join(root, "sdk/package.json"), "utf8"));

const server = testServer();
let packed: Packed;
let project: string;
beforeAll(async () => {
  packed = await pack();
  const frameworks = [
    "hono",
    "@hono/node-server",
    "express",
    "fastify",
    "elysia",
    "@nestjs",
    "reflect-metadata",
  ];
  project = await packed.project("quickstarts", ...frameworks, "tsx", "@types", "undici-types");
}, 120_000);
afterAll(() => packed?.remove());

/** Next.js and workerd come from the registry: sdk/test/registry.test.ts plays these two. */
const playedElsewhere = ["nextjs", "workers"];

describe.each(quickstarts)("the quickstart of $title", (quickstart) => {
  const { name, install } = quickstart;
  const folder = join(root, "examples", name);

  test("has the code of its example, and installs what the example depends on", () => {
    const page = pageOf(quickstart);
    const files = globSync("**/*.*", { cwd: folder });
    expect(files.length).toBeGreaterThan(1);
    for (const file of files.filter((one) => !/^(package\.json|requirements\.txt)$/.test(one))) {
      expect(page).toContain(`\`${file}\`:\n\n\`\`\``);
      expect(page).toContain(`\n${readFileSync(join(folder, file), "utf8")}\`\`\``);
    }
    const commands = install.join("\n");
    for (const line of commands.split("\n")) expect(page).toContain(line);
    if (!files.includes("package.json")) return;
    const { dependencies, devDependencies = {} } = JSON.parse(
      readFileSync(join(folder, "package.json"), "utf8"),
    );
    for (const [one, version] of Object.entries({ ...dependencies, ...devDependencies })) {
      expect(` ${commands.replaceAll("\n", " ")} `).toContain(` ${one} `);
      expect(own.devDependencies[one] ?? version).toBe(version);
    }
  });

  if (playedElsewhere.includes(name)) return;
  const lacksGo = name === "go" && Bun.which("go") === null;
  const playing = lacksGo ? test.skip : test.concurrent;
  playing(
    `protects a route, limits each user, and gives the application a root key that may only verify${lacksGo ? " (Go is not installed)" : ""}`,
    async () => {
      await prepare(quickstart);
      const lines = await play(quickstart, { folder: join(project, name), server });
      expect(lines.flatMap(unlike)).toEqual([]);
      expect(lines).toHaveLength(5);
    },
    120_000,
  );
});

async function prepare(quickstart: Quickstart): Promise<void> {
  const folder = copyExample(quickstart, join(project, quickstart.name));
  if (quickstart.name !== "python") return;
  const pinned = readFileSync(join(folder, "requirements.txt"), "utf8").trim().split("==")[1] ?? "";
  expect(quickstart.install.join(" ")).toContain(`unkey.py==${pinned}`);
  const python = await virtualEnvironment(pinned);
  symlinkSync(dirname(dirname(python)), join(folder, ".venv"));
}

test("the README shows lines of the example for Hono", () => {
  const [, shown = ""] = /```ts\n([\s\S]*?)```/.exec(readFileSync(join(root, "README.md"), "utf8")) ?? [];
  const lines = readFileSync(join(root, "examples/hono/app.ts"), "utf8").split("\n");
  expect(
    shown
      .trim()
      .split("\n")
      .filter((line) => !lines.includes(line)),
  ).toEqual([]);
  expect(shown).toContain("requireKey");
});

test("the examples compile with strict types", async () => {
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
  const files = globSync("*/*.ts", { cwd: join(root, "examples") });
  for (const one of quickstarts) copyExample(one, join(project, one.name));
  expect(files.length).toBeGreaterThan(6);
  writeFileSync(join(project, "tsconfig.json"), JSON.stringify({ compilerOptions, files }));
  await run(project, bin("tsc"), "-p", ".");
}, 60_000);
