/**
 * `bun bench/profile.ts [<scenario> …]`: profiles one request of each scenario on SQLite and on PostgreSQL: processor
 * time by function, bytes of allocated objects, and SQL statements with their plans. Writes the results to
 * docs/decisions/profile.md, below the comment that marks their place. Takes about five minutes.
 */
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import type { Profiler } from "node:inspector";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { sharedCluster } from "../server/test/services.ts";
import { cores, keepOn } from "./cores.ts";
import { numberMark, startGenerator } from "./load.ts";
import type { Statement } from "./profiled.ts";
import { type Call, type Requests, scenarios } from "./scenarios.ts";
import { callerOf } from "./servers.ts";
import { requestsTo } from "./sides.ts";

const mark = "<!-- bench/profile.ts writes what follows -->\n";
const path = join(import.meta.dir, "..", "docs", "decisions", "profile.md");

/** The scenarios to profile. `cold` is `verify` on a server whose cache is emptied every millisecond. */
const profiled = [
  "verify",
  "verify-keys",
  "cold",
  "verify-credits",
  "batch",
  "limit",
  "create",
  "create-key",
  "get",
  "list",
];

type Profiled = {
  cpu: [name: string, share: number][];
  threadUs: number;
  bytes: number;
  statements: Statement[];
};

const asked = process.argv.slice(2);
const names = asked.length === 0 ? profiled : asked;
/** The file with the results of earlier runs, so that a run can measure only some scenarios again. */
const kept = join(import.meta.dir, "..", "reports", "profile.json");
const results: Record<string, Record<string, Profiled>> = existsSync(kept)
  ? JSON.parse(readFileSync(kept, "utf8"))
  : {};
const cluster = await sharedCluster();
const generator = startGenerator();
try {
  for (const engine of ["SQLite", "PostgreSQL"] as const) {
    for (const name of names) {
      const measured = await profile(engine, name);
      results[engine] = { ...results[engine], [name]: measured };
      write();
      console.log(`${engine}: ${name}`);
    }
  }
} finally {
  generator.stop();
}

function write(): void {
  mkdirSync(join(kept, ".."), { recursive: true });
  writeFileSync(kept, JSON.stringify(results));
  const [head = ""] = readFileSync(path, "utf8").split(mark);
  const where = `On ${new Date().toISOString().slice(0, 10)}, Bun ${Bun.version}, ${cpus().length} cores.`;
  const sections = Object.entries(results).map(([engine, own]) => sectionOf(engine, own));
  writeFileSync(path, `${head}${mark}\n${where}\n\n${sections.join("\n")}`);
}

async function profile(engine: "SQLite" | "PostgreSQL", name: string): Promise<Profiled> {
  const collected = await withServer(engine, name, {}, async (server, requests) => {
    const load = { ...requestsTo(server, requests), warmUpMs: 0, firstNumber: 0 };
    await generator.run({ ...load, measuredMs: 2_000 });
    await server.ask("cpu");
    const { threadUs } = await generator.run({ ...load, measuredMs: 1_500, firstNumber: 2_000_000 });
    const cpu = selfShares((await server.ask("samples")) as Profiler.Profile);
    const statements = await statementsOf(server, requests);
    return { cpu, threadUs, statements };
  });
  const bytes = await withServer(engine, name, { BUN_JSC_useGC: "false" }, bytesOf);
  return { ...collected, bytes };
}

/** The bytes by which the heap grows per request while no garbage is collected. */
async function bytesOf(server: Server, requests: Requests): Promise<number> {
  const enough = requests.operation.includes("list") ? 200 : 2_000;
  const load = { ...requestsTo(server, requests), connections: 4, warmUpMs: 0, measuredMs: 200 };
  let sent = 0;
  const send = async (count: number) => {
    const before = sent;
    while (sent < before + count) sent += (await generator.run({ ...load, firstNumber: sent })).responses;
    return sent - before;
  };
  await send(2 * enough);
  const before = Number(await server.ask("heap"));
  const responses = await send(enough);
  return (Number(await server.ask("heap")) - before) / responses;
}

type Server = {
  port: number;
  pid: number;
  rootKey: string;
  call: Call;
  ask(command: string): Promise<unknown>;
};

async function withServer<T>(
  engine: "SQLite" | "PostgreSQL",
  name: string,
  environment: Record<string, string>,
  work: (server: Server, requests: Requests) => Promise<T>,
): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "latchkey-profile-"));
  const url = engine === "SQLite" ? `file:${join(folder, "latchkey.db")}` : await cluster.make();
  const script = new URL("./profiled.ts", import.meta.url).pathname;
  const child = spawn(process.execPath, [script, url], {
    env: { ...process.env, ...environment },
    stdio: ["pipe", "pipe", "inherit"],
  });
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const next = async (): Promise<unknown> => JSON.parse(String((await lines.next()).value));
  const ask = (command: string) => {
    child.stdin.write(`${command}\n`);
    return next();
  };
  try {
    const { url, rootKey } = (await next()) as { url: string; rootKey: string };
    const pid = child.pid ?? 0;
    keepOn(cores.server, pid);
    const server = { port: Number(new URL(url).port), pid, rootKey, ask, call: callerOf({ url, rootKey }) };
    const requests = await scenarios[name === "cold" ? "verify-keys" : name]?.prepare(server.call);
    if (requests === undefined) throw new Error(`There is no scenario "${name}" in bench/scenarios.ts.`);
    if (name === "cold") await ask("cold");
    const done = await work(server, requests);
    await ask("stop");
    return done;
  } finally {
    child.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The SQL statements of a request, and how often each runs on average. Sends ten requests, one after the other. */
async function statementsOf(server: Server, { operation, bodies }: Requests): Promise<Statement[]> {
  const sent = 10;
  await server.ask("watch");
  for (let index = 0; index < sent; index += 1) {
    const body = JSON.stringify(bodies[index % bodies.length]).replaceAll(numberMark, `more_${index}`);
    await server.call(operation, JSON.parse(body) as object);
  }
  const all = (await server.ask("statements")) as Statement[];
  return all.map((statement) => ({ ...statement, times: statement.times / sent }));
}

/** The share of processor time in each function, without the functions that it calls. The largest comes first. */
function selfShares({ nodes, samples = [], timeDeltas = [] }: Profiler.Profile): [string, number][] {
  const names = new Map(nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]));
  const spent = new Map<string, number>();
  let total = 0;
  for (const [index, id] of samples.entries()) {
    const name = names.get(id) ?? "";
    const delta = timeDeltas[index] ?? 0;
    spent.set(name, (spent.get(name) ?? 0) + delta);
    total += delta;
  }
  return [...spent].map(([name, us]): [string, number] => [name, us / total]).sort((a, b) => b[1] - a[1]);
}

function nameOf({ functionName, url }: Profiler.Profile["nodes"][number]["callFrame"]): string {
  const file = url.split("/src/")[1] ?? (url === "" ? "the runtime" : url.split("/").at(-1));
  return `${functionName === "" ? "closures" : functionName} (${file})`;
}

function sectionOf(engine: string, own: Record<string, Profiled>): string {
  const results = profiled.flatMap((name) => (own[name] === undefined ? [] : [[name, own[name]] as const]));
  const rows = results.map(([name, { threadUs, bytes, statements }]) => {
    const count = statements.reduce((sum, { times }) => sum + times, 0);
    return `| ${name} | ${threadUs.toFixed(0)} | ${Math.round(bytes)} | ${count.toFixed(1)} |`;
  });
  const functions = results.map(([name, { cpu }]) => {
    const most = cpu.slice(0, 12).map(([one, share]) => `${escaped(one)} ${Math.round(share * 100)} %`);
    return `- **${name}**: ${most.join(", ")}`;
  });
  return [
    `## ${engine}`,
    "",
    "| scenario | processor time of the thread, µs | bytes of objects | statements |",
    "|---|---|---|---|",
    ...rows,
    "",
    "Processor time by function, without what it calls:",
    "",
    ...functions,
    "",
    "Statements, how often each runs for one request, and their plans:",
    "",
    ...results.flatMap(([name, { statements }]) => statements.flatMap((one) => planOf(name, one))),
    "",
  ].join("\n");
}

function planOf(scenario: string, { sql, times, plan }: Statement): string[] {
  const steps = plan.split("\n").filter((line) => line.trim() !== ""); // SQLite has no plan for an insert of one row
  return [
    `- ${scenario}, ${times} times: \`${shortened(sql)}\``,
    ...steps.map((line) => `  - \`${shortened(line.trim())}\``),
  ];
}

/** The beginning of a statement, without quotes. The rest, such as a long list of ids, does not explain its plan. */
function shortened(sql: string): string {
  return sql.replace(/\s+/g, " ").replaceAll('"', "").slice(0, 110);
}

function escaped(text: string): string {
  return text.replace(/[<>*_|]/g, "\\$&");
}
