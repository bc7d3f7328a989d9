/**
 * `npm run bench [-- --quick] [--against <url> --root-key <key> [--pid <process>]] [<workload> …]`: see
 * bench/README.md.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { workloadsAgainst } from "./against.ts";
import { type Generator, type Measured, startGenerator } from "./load.ts";
import { printHead, printWorkload, type Round } from "./report.ts";
import type { Prepared, Side } from "./sides.ts";
import { workloads as ownWorkloads } from "./workloads.ts";

type Pace = { rounds: number; warmUpMs: number; measuredMs: number };

const thorough: Pace = { rounds: 5, warmUpMs: 1_000, measuredMs: 2_000 };
const quick: Pace = { rounds: 3, warmUpMs: 500, measuredMs: 1_000 };

const { values: options, positionals: asked } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: "boolean", default: false },
    against: { type: "string" },
    "root-key": { type: "string", default: "" },
    pid: { type: "string" },
  },
});
const pace = options.quick ? quick : thorough;
const { against: url, "root-key": rootKey, pid } = options;
const workloads =
  url === undefined
    ? ownWorkloads
    : workloadsAgainst({ url, rootKey, pid: pid === undefined ? undefined : Number(pid) });
const unknown = asked.find((name) => workloads[name] === undefined);
if (unknown === undefined) await bench(asked.length === 0 ? Object.keys(workloads) : asked);
else {
  console.error(`There is no workload "${unknown}". The workloads are ${Object.keys(workloads).join(", ")}.`);
  process.exitCode = 1;
}

async function bench(names: readonly string[]): Promise<void> {
  const generator = startGenerator();
  const results: Record<string, unknown> = {};
  printHead(pace);
  try {
    for (const name of names) results[name] = await measure(generator, name);
  } finally {
    generator.stop();
  }
  const path = join(import.meta.dir, "..", "reports", "bench.json");
  mkdirSync(join(path, ".."), { recursive: true });
  const surroundings = { at: new Date().toISOString(), bun: Bun.version, cpus: cpus().length, pace };
  writeFileSync(path, `${JSON.stringify({ ...surroundings, results }, null, 2)}\n`);
  console.log(`\nThe measurements of every round are in ${path}.`);
}

/** Measures each side of a workload once per round. Errors: `Error` if a response is not the expected one. */
async function measure(generator: Generator, name: string): Promise<unknown> {
  const workload = workloads[name];
  if (workload === undefined) return undefined;
  const prepared = await workload.prepare();
  try {
    const { rounds, responses } = await runRounds(generator, prepared);
    await prepared.check(responses);
    return printWorkload(name, workload.title, prepared, rounds);
  } finally {
    await prepared.stop();
  }
}

async function runRounds(generator: Generator, { sides }: Prepared) {
  const responses = new Map<string, number>();
  const rounds: Round[] = [];
  for (let round = 0; round < pace.rounds; round += 1) {
    const measured: Record<string, Measured> = {};
    for (const side of sides) {
      const before = responses.get(side.label) ?? 0;
      const result = await runSide(generator, side, before);
      responses.set(side.label, before + result.responses);
      measured[side.label] = result;
    }
    rounds.push(measured);
  }
  return { rounds, responses };
}

async function runSide(generator: Generator, side: Side, firstNumber: number): Promise<Measured> {
  const { warmUpMs, measuredMs } = pace;
  let ended = false;
  const measuring = generator.run({ ...side.load, warmUpMs, measuredMs, firstNumber }).finally(() => {
    ended = true;
  });
  const { meanwhile } = side;
  const repeating = (async () => {
    while (meanwhile !== undefined && !ended) await meanwhile();
  })();
  const [measured] = await Promise.all([measuring, repeating]);
  return measured;
}
