/**
 * `bun bench/sdk/run.ts`: compares the SDK with `@unkey/api`: size of a bundle, installed size, import time, and calls
 * per second to a stub server on this machine. Takes about a minute.
 */
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

type Client = { name: string; package: string; exported: string; program: string };

const clients: [ours: Client, peer: Client] = [
  {
    name: "@latchkey/sdk",
    package: "@latchkey/sdk",
    exported: "Latchkey",
    program: `import { Latchkey } from "@latchkey/sdk";
const latchkey = new Latchkey({ rootKey: "root_key" });
for await (const { externalId } of latchkey.identities.listIdentities()) console.log(externalId);`,
  },
  {
    name: "@unkey/api",
    package: "@unkey/api",
    exported: "Unkey",
    program: `import { Unkey } from "@unkey/api";
const unkey = new Unkey({ rootKey: "root_key" });
for await (const page of await unkey.identities.listIdentities({})) for (const { externalId } of page.result.data) console.log(externalId);`,
  },
];

const root = join(import.meta.dir, "../..");
const modules = join(root, "node_modules");
const folder = mkdtempSync(join(tmpdir(), "latchkey-bench-"));
const rounds = 5;
const calls = { node: 4000, bun: 20_000 };
const inFlight = 16;

const identity = { id: "id_1", externalId: "user_123", meta: { plan: "pro" }, ratelimits: [] };
const body = JSON.stringify({ meta: { requestId: "req_1" }, data: identity });

function run(cwd: string, ...command: string[]): string {
  const { exitCode, stdout, stderr } = Bun.spawnSync(command, { cwd });
  if (exitCode !== 0) throw new Error(`${command.join(" ")}\n${stdout.toString()}${stderr.toString()}`);
  return stdout.toString();
}

/** Creates a project with both packages: ours packed as npm publishes it, `@unkey/api` copied from this repository. */
function install(): string {
  const copy = join(folder, "sdk");
  cpSync(join(root, "sdk"), copy, {
    recursive: true,
    filter: (path) => !/\/(node_modules|dist|test)(\/|$)/.test(path),
  });
  symlinkSync(modules, join(folder, "node_modules"));
  symlinkSync(join(root, "sdk/node_modules"), join(copy, "node_modules"));
  run(copy, "npm", "pack", "--pack-destination", folder);
  const tarball = join(folder, readdirSync(folder).find((name) => name.endsWith(".tgz")) ?? "");
  rmSync(join(folder, "node_modules"));
  const project = join(folder, "project");
  mkdirSync(project);
  writeFileSync(join(project, "package.json"), '{"name":"project","private":true,"type":"module"}');
  run(project, "npm", "install", "--offline", "--no-audit", "--no-fund", tarball);
  for (const name of ["@unkey/api", "zod"]) {
    mkdirSync(join(project, "node_modules", name, ".."), { recursive: true });
    cpSync(join(modules, name), join(project, "node_modules", name), { recursive: true, dereference: true });
  }
  cpSync(join(import.meta.dir, "client.mjs"), join(project, "client.mjs"));
  return project;
}

function bundleBytes(project: string, { exported, program }: Client): number {
  writeFileSync(join(project, `${exported}.mjs`), program);
  const bundle = run(
    project,
    join(modules, ".bin/esbuild"),
    `${exported}.mjs`,
    "--bundle",
    "--minify",
    "--format=esm",
  );
  return gzipSync(bundle, { level: 9 }).length;
}

function weight(path: string): number {
  const stats = statSync(path);
  if (!stats.isDirectory()) return stats.size;
  return readdirSync(path).reduce((total, name) => total + weight(join(path, name)), 0);
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => one - other);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

type Figures = { importMs: number; callsPerSecond: number; cpuMicroseconds: number };

/** Measures the two clients in turns, so that other load on the machine affects both. */
async function measure(
  project: string,
  runtime: string,
  url: string,
  total: number,
): Promise<[Figures, Figures]> {
  const seen: [Figures[], Figures[]] = [[], []];
  for (let round = 0; round < rounds; round += 1) {
    for (const [index, { package: name, exported }] of clients.entries()) {
      const child = Bun.spawn([runtime, "client.mjs", name, exported, url, String(inFlight), String(total)], {
        cwd: project,
        stderr: "inherit",
      });
      seen[index]?.push(JSON.parse(await new Response(child.stdout).text()));
    }
  }
  const figures = (of: Figures[]): Figures => ({
    importMs: median(of.map(({ importMs }) => importMs)),
    callsPerSecond: median(of.map(({ callsPerSecond }) => callsPerSecond)),
    cpuMicroseconds: median(of.map(({ cpuMicroseconds }) => cpuMicroseconds)),
  });
  return [figures(seen[0]), figures(seen[1])];
}

function report(what: string, [ours, peer]: readonly [number, number], unit: string, less: boolean): void {
  const ratio = less ? peer / ours : ours / peer;
  const shown = (value: number) => (value >= 100 ? Math.round(value).toLocaleString("en") : value.toFixed(1));
  console.log(`| ${what} | ${shown(ours)} ${unit} | ${shown(peer)} ${unit} | ${ratio.toFixed(1)} × |`);
}

const stub = Bun.serve({
  port: 0,
  hostname: "127.0.0.1",
  async fetch(request) {
    await request.arrayBuffer();
    return new Response(body, { headers: { "content-type": "application/json" } });
  },
});
try {
  const project = install();
  const url = `http://127.0.0.1:${stub.port}`;
  const [ours, peer] = clients;
  console.log(`| | ${ours.name} | ${peer.name} | better by |\n|---|---|---|---|`);
  report(
    "bundle that lists identities, minified and gzipped",
    [bundleBytes(project, ours), bundleBytes(project, peer)],
    "B",
    true,
  );
  const installed = ({ package: name }: Client) => weight(join(project, "node_modules", name)) / 1000;
  report("installed, without dependencies", [installed(ours), installed(peer)], "kB", true);
  for (const [name, runtime, total] of [
    ["Node", "node", calls.node],
    ["Bun", process.execPath, calls.bun],
  ] as const) {
    const version = run(project, runtime, "--version").trim();
    const [us, them] = await measure(project, runtime, url, total);
    report(`import, ${name} ${version}`, [us.importMs, them.importMs], "ms", true);
    report(`calls, ${inFlight} in flight, ${name}`, [us.callsPerSecond, them.callsPerSecond], "/s", false);
    report(`processor for a call, ${name}`, [us.cpuMicroseconds, them.cpuMicroseconds], "µs", true);
  }
} finally {
  await stub.stop(true);
  rmSync(folder, { recursive: true, force: true });
}
