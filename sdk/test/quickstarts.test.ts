import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, globSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { type Quickstart, quickstarts } from "../../scripts/quickstarts.ts";
import { pythonWith, virtualEnvironment } from "../../server/test/compat/virtualEnvironment.ts";
import { testServer } from "../../server/test/setUp.ts";
import { bin, type Packed, pack, run } from "./packed.ts";
import { ask, copyExample, pageOf, play, prepareWith, unlike } from "./quickstart.ts";
import { type Reaction, refusal, startStub, success } from "./stub.ts";

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

/** These two need Next.js and workerd from the npm registry, so sdk/test/registry.test.ts plays them. */
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
  const unlessMissing = lacksGo ? " (Go is not installed)" : "";
  playing(
    `protects a route, limits each user over all keys, and gives the application a root key that may only verify${unlessMissing}`,
    async () => {
      const own = await prepare(quickstart);
      const lines = await play(quickstart, { folder: own, server });
      expect(lines.flatMap(unlike)).toEqual([]);
      expect(lines).toHaveLength(5);
    },
    120_000,
  );

  if (quickstart.start === undefined) return;
  playing(
    `returns WWW-Authenticate and Retry-After, logs why it cannot verify, and does not retry if the server hangs${unlessMissing}`,
    async () => {
      const own = await prepare(quickstart, `${name}-alone`);
      const stub = await startStub(({ body }) => reactions[keyIn(body)] ?? "silence");
      const { responses, log } = await ask(quickstart, own, stub.url, Object.keys(reactions));
      const hanging = stub.seen.filter(({ body }) => keyIn(body) === "hangs");
      await stub.stop();
      const [missing, unknown, limited, misconfigured, hung] = responses;
      expect(missing).toMatch(/^HTTP\/1.[01] 401[\s\S]*\nwww-authenticate: Bearer\r/i);
      expect(unknown).toMatch(/^HTTP\/1.[01] 401[\s\S]*\nwww-authenticate: Bearer error="invalid_token"\r/i);
      expect(limited).toMatch(/^HTTP\/1.[01] 429[\s\S]*\nretry-after: 60\r/i);
      expect(misconfigured).toMatch(/^HTTP\/1.[01] 50[03]/);
      expect(log).toContain("The stub refuses this");
      if (quickstart.usesSdk)
        expect(log).not.toMatch(/undefined|The stub refuses this[\s\S]*The stub refuses this/);
      expect(hung).toMatch(/^HTTP\/1.[01] 503[\s\S]*\nretry-after: 1\r/i);
      expect(hanging).toHaveLength(1);
    },
    120_000,
  );
});

/**
 * The stub's response to each key. The window of the limit lasts a minute but ends a day from now, as if the server's
 * clock were a day ahead of the application's.
 */
const reactions: Record<string, Reaction> = {
  unknown: success({ valid: false, code: "NOT_FOUND" }),
  limited: success({
    valid: false,
    code: "RATE_LIMITED",
    keyId: "key_1",
    enabled: true,
    ratelimits: [
      {
        id: "rl_1",
        name: "requests",
        limit: 3,
        remaining: 0,
        duration: 60_000,
        reset: Date.now() + 86_400_000,
        exceeded: true,
        autoApply: true,
      },
    ],
  }),
  refused: refusal(401, "unkey/authentication/key_not_found"),
  hangs: "silence",
};

function keyIn(body: string): string {
  return JSON.parse(body).key;
}

describe("the first part of a quickstart", () => {
  const [quickstart] = quickstarts as [Quickstart];
  const emptyFolder = (name: string) => {
    const folder = join(project, name);
    mkdirSync(folder);
    return folder;
  };

  test.each([
    ["the root key is not pasted", () => server.url, /No apiId in the response: .*authentication/],
    ["no server runs", () => "http://127.0.0.1:1", /curl: .*\n*.*No apiId in the response: \n/],
  ])("prints the server's error and writes no .env file if %s", async (name, url, said) => {
    const folder = emptyFolder(name.replaceAll(" ", "-"));
    const rootKey = "latchkey_root_...";
    expect(await prepareWith(quickstart, folder, { url: url(), rootKey })).toMatch(said);
    expect(existsSync(join(folder, ".env"))).toBe(false);
  });

  test("prints that a user exists already, and continues", async () => {
    const rootKey = await server.makeRootKey(["*"], { workspaceId: await server.makeWorkspace() });
    const folder = emptyFolder("twice");
    const prepare = () => prepareWith(quickstart, folder, { url: server.url, rootKey });
    expect(await prepare()).not.toContain("No ");
    expect(await prepare()).toMatch(
      /No identityId in the response: .*identity_already_exists[\s\S]*latchkey_root_/,
    );
    expect(readFileSync(join(folder, ".env"), "utf8")).toMatch(/LATCHKEY_ROOT_KEY=latchkey_root_\w+\n/);
  });
});

async function prepare(quickstart: Quickstart, path = quickstart.name): Promise<string> {
  const folder = copyExample(quickstart, join(project, path));
  if (!existsSync(join(folder, "requirements.txt"))) return folder;
  const [client = "", ...others] = readFileSync(join(folder, "requirements.txt"), "utf8").trim().split("\n");
  expect(quickstart.install.join(" ")).toContain(client);
  for (const one of others) expect(quickstart.install.join(" ")).toContain(one.split("==")[0] ?? one);
  const [, version = ""] = client.split("==");
  const python = others.length === 0 ? await virtualEnvironment(version) : await pythonWith(quickstart.name);
  symlinkSync(dirname(dirname(python)), join(folder, ".venv"));
  return folder;
}

test("the README shows the code of the Hono example", () => {
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

test.each(quickstarts.filter(({ name }) => existsSync(join(root, "examples", name, "tsconfig.json"))))(
  "the project of $title compiles with its own settings",
  async (quickstart) => {
    const folder = copyExample(quickstart, join(project, `${quickstart.name}-types`));
    await run(folder, bin("tsc"), "--noEmit", "-p", ".");
  },
  120_000,
);

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
}, 120_000);
