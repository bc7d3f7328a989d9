/** Installs the published package with each package manager. Pinned versions of them come from the npm registry. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { loadedFiles, type Packed, pack, plainEnvironment, run } from "./packed.ts";
import { killProcessesOf, processesOf } from "./processes.ts";
import { callServer, freePort } from "./program.ts";
import { until } from "./until.ts";

setDefaultTimeout(300_000);

const node22 = `node-linux-${process.arch}`;
const tools = {
  npm11: "npm:npm@11.21.2",
  npm12: "npm:npm@12.2.2",
  pnpm11: "npm:pnpm@11.28.11",
  pnpm12: "npm:pnpm@12.21.0",
  yarn1: "npm:yarn@1.22.22",
  yarn4: "npm:@yarnpkg/cli-dist@4.18.1",
  [node22]: "22.23.5",
};

let packed: Packed;
let tarball: string;
let registry: string;
beforeAll(async () => {
  packed = await pack("server");
  [tarball = ""] = packed.tarballs;
  const folder = join(packed.folder, "tools");
  mkdirSync(folder);
  writeFileSync(join(folder, "package.json"), JSON.stringify({ private: true, dependencies: tools }));
  const flags = ["--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund"];
  await run(["npm", "install", ...flags], { cwd: folder });
  registry = (await run(["npm", "config", "get", "registry"], { cwd: folder })).trim();
});
afterAll(() => packed?.remove());

/** Returns the path of a file of one of the package managers. */
const tool = (path: string) => join(packed.folder, "tools/node_modules", path);
const bun = process.execPath;

type Manager = {
  name: string;
  install(): string[];
  /** Returns the words before the program's name in a command line, such as `npx`. */
  execute(): string[];
  needsNode22?: true;
  files?: Record<string, string>;
};

const npmFlags = ["install", "--prefer-offline", "--no-audit", "--no-fund"];
const storeFlag = () => `--store-dir=${join(packed.folder, "store")}`;
const yarn4 = () => ["node", tool("yarn4/bin/yarn.js")];

const managers: readonly Manager[] = [
  {
    name: "npm 11",
    install: () => ["node", tool("npm11/bin/npm-cli.js"), ...npmFlags],
    execute: () => ["node", tool("npm11/bin/npx-cli.js")],
  },
  {
    name: "npm 11 with --ignore-scripts",
    install: () => ["node", tool("npm11/bin/npm-cli.js"), ...npmFlags, "--ignore-scripts"],
    execute: () => ["node", tool("npm11/bin/npx-cli.js")],
  },
  {
    name: "npm 12",
    install: () => ["node", tool("npm12/bin/npm-cli.js"), ...npmFlags],
    execute: () => ["node", tool("npm12/bin/npx-cli.js")],
    needsNode22: true,
  },
  {
    name: "pnpm 11",
    install: () => ["node", tool("pnpm11/bin/pnpm.mjs"), "install", storeFlag()],
    execute: () => ["node", tool("pnpm11/bin/pnpm.mjs"), "exec"],
    needsNode22: true,
  },
  {
    name: "pnpm 12",
    install: () => [tool(".bin/pnpm"), "install", storeFlag()],
    execute: () => [tool(".bin/pnpm"), "exec"],
    needsNode22: true,
  },
  {
    name: "Yarn 1",
    install: () => ["node", tool("yarn1/bin/yarn.js"), "install"],
    execute: () => ["node", tool("yarn1/bin/yarn.js"), "run"],
  },
  {
    name: "Yarn 4 with Plug'n'Play",
    install: () => [...yarn4(), "install"],
    execute: () => [...yarn4(), "run"],
    files: { "yarn.lock": "", ".yarnrc.yml": "nodeLinker: pnp" },
  },
  {
    name: "Yarn 4 with node_modules",
    install: () => [...yarn4(), "install"],
    execute: () => [...yarn4(), "run"],
    files: { "yarn.lock": "", ".yarnrc.yml": "nodeLinker: node-modules" },
  },
  { name: "Bun", install: () => [bun, "install"], execute: () => [bun, "x"] },
];

function environmentOf({ needsNode22 }: Manager): Record<string, string> {
  const own = needsNode22 ? [tool(`${node22}/bin`)] : [];
  const others = (process.env["PATH"] ?? "").split(delimiter).filter((folder) => !hasBun(folder));
  return {
    PATH: [...own, ...others].join(delimiter),
    CI: "", // if this is set, Yarn 4 refuses to create a lock file
    YARN_CACHE_FOLDER: join(packed.folder, "yarn-cache"),
    YARN_ENABLE_GLOBAL_CACHE: "false",
    YARN_ENABLE_TELEMETRY: "0",
    YARN_NPM_REGISTRY_SERVER: registry,
    DATABASE_URL: ":memory:",
    LATCHKEY_ROOT_KEY: rootKey,
  };
}

function hasBun(folder: string): boolean {
  try {
    return readdirSync(folder).includes("bun");
  } catch {
    return false;
  }
}

const rootKey = "root-key-of-the-installation-tests-0123456789";

function newProject(manager: Manager): string {
  const cwd = join(packed.folder, `project-${managers.indexOf(manager)}`);
  mkdirSync(cwd);
  const manifest = {
    name: "application",
    private: true,
    dependencies: { latchkey: `file:${tarball}` },
  };
  const files = { "package.json": JSON.stringify(manifest), ...manager.files };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(cwd, name), text);
  return cwd;
}

describe.each(managers)("$name", (manager) => {
  test("installs the package so that `latchkey serve` runs on the Bun of its platform package and verifies a key", async () => {
    const cwd = newProject(manager);
    const env = environmentOf(manager);
    await run(manager.install(), { cwd, env });
    const port = String(await freePort());
    const child = Bun.spawn([...manager.execute(), "latchkey", "serve"], {
      cwd,
      env: { ...plainEnvironment(), ...env, PORT: port },
      stdin: "ignore",
      stdout: "ignore",
      stderr: "pipe",
    });
    const said = child.stderr.text();
    try {
      const url = `http://127.0.0.1:${port}`;
      await until(async () => child.exitCode !== null || (await isReady(url)), 60_000);
      if (child.exitCode !== null) throw new Error(await said);
      expect(await verifiedKey(url)).toMatchObject({ valid: true, code: "VALID" });
      const servers = processesOf(port).filter(({ command }) => command.endsWith("dist/main.js serve"));
      expect(servers.map(({ program }) => program)).toEqual([
        expect.stringMatching(/@oven[/+]bun-linux-.*\/bun$/),
      ]);
    } finally {
      await killProcessesOf(port);
    }
  });
});

async function isReady(url: string): Promise<boolean> {
  const response = await fetch(`${url}/health/ready`).catch(() => undefined);
  return response?.ok ?? false;
}

async function verifiedKey(url: string): Promise<unknown> {
  const call = async (operation: string, body: object) =>
    (await callServer(url, rootKey, operation, body)).body.data;
  const { apiId } = await call("apis.createApi", { name: "payments" });
  const { key } = await call("keys.createKey", { apiId, externalId: "user_123" });
  return call("keys.verifyKey", { key });
}

describe("the packed package", () => {
  test("has the program, its licenses and its README, and nothing that the program does not load", async () => {
    const listed = await run(["tar", "-tzf", tarball], { cwd: packed.folder });
    const names = listed.trim().split("\n");
    const fixed = ["LICENSE", "README.md", "package.json", "embed.d.ts", "dist/LICENSES.txt"];
    const programs = ["bin/findBun.mjs", "bin/latchkey.mjs", "bin/npmAbove.mjs"];
    await run(["tar", "-xzf", tarball], { cwd: packed.folder });
    const loaded = loadedFiles(join(packed.folder, "package/dist"));
    const wanted = [...fixed, ...programs, ...loaded.map((name) => `dist/${name}`)];
    expect(names.sort()).toEqual(wanted.map((name) => `package/${name}`).sort());
    expect(loaded).toEqual(expect.arrayContaining(["main.js", "sqliteWorker.js", "console/index.html"]));
  });

  test("runs inside the process of an application on Bun, under its own name and with its types", async () => {
    await run(["tar", "-xzf", tarball], { cwd: packed.folder });
    const project = join(packed.folder, "embedding");
    mkdirSync(join(project, "node_modules"), { recursive: true });
    symlinkSync(join(packed.folder, "package"), join(project, "node_modules/latchkey"));
    const script = `import { createLatchkey } from "latchkey";
const latchkey: { rootKey: string | undefined; close(): Promise<void> } = await createLatchkey({ database: "file:./own.db" });
console.log(latchkey.rootKey?.slice(0, 14));
await latchkey.close();`;
    writeFileSync(join(project, "application.ts"), script);
    writeFileSync(join(project, "package.json"), JSON.stringify({ private: true, type: "module" }));
    expect(await run([bun, "application.ts"], { cwd: project })).toBe("latchkey_root_\n");
    const tsc = join(import.meta.dir, "../../node_modules/typescript/bin/tsc");
    const flags = ["--noEmit", "--strict", "--skipLibCheck", "--module", "NodeNext", "--target", "ES2023"];
    const types = ["--lib", "ES2023,ESNext.Disposable,DOM", "--types", ""];
    await run(["node", tsc, ...flags, ...types, "application.ts"], { cwd: project });
  });

  test("says where it comes from, depends on nothing but Bun for each platform, and runs no script when it is installed", async () => {
    await run(["tar", "-xzf", tarball, "package/package.json"], { cwd: packed.folder });
    const manifest = JSON.parse(readFileSync(join(packed.folder, "package/package.json"), "utf8"));
    expect(manifest).toMatchObject({
      license: "Apache-2.0",
      repository: { type: "git", directory: "server" },
      homepage: expect.stringContaining("https://"),
      bugs: expect.stringContaining("https://"),
      preferUnplugged: true,
    });
    expect([manifest.dependencies, manifest.peerDependencies]).toEqual([undefined, undefined]);
    expect(Object.keys(manifest.scripts)).toEqual(["prepack"]);
    const platforms = Object.entries(manifest.optionalDependencies);
    const own = JSON.parse(readFileSync(join(import.meta.dir, "../../package.json"), "utf8"));
    expect(new Set(platforms.map(([, version]) => version))).toEqual(new Set([own.devDependencies.bun]));
    for (const platform of ["darwin-aarch64", "linux-x64-musl", "linux-aarch64", "windows-x64"]) {
      expect(manifest.optionalDependencies).toHaveProperty(`@oven/bun-${platform}`);
    }
  });
});
