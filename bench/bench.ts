/** `npm run bench [-- --quick] [<workload> …]`: see README.md beside this file. */
import { mkdirSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { type Generator, type Measured, startGenerator } from "./load.ts";
import { printHead, printWorkload, type Round } from "./report.ts";
import type { Prepared, Side } from "./sides.ts";
import { workloads } from "./workloads.ts";

type Pace = { rounds: number; warmUpMs: number; measuredMs: number };

const thorough: Pace = { rounds: 5, warmUpMs: 1_000, measuredMs: 2_000 };
const quick: Pace = { rounds: 3, warmUpMs: 500, measuredMs: 1_000 };

const words = process.argv.slice(2);
const pace = words.includes("--quick") ? quick : thorough;
const asked = words.filter((word) => word !== "--quick");
const unknown = asked.find((name) => workloads[name] === undefined);
if (unknown === undefined) await bench(asked.length === 0 ? Object.keys(workloads) : asked);
else {
  console.error(`${unknown} is none of the workloads: ${Object.keys(workloads).join(", ")}.`);
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
  console.log(`\nEvery round is in ${path}.`);
}

/** Every side in turn, round after round. Errors: `Error` for any answer that was not right. */
async function measure(generator: Generator, name: string): Promise<unknown> {
  const workload = workloads[name];
  if (workload === undefined) return undefined;
  const prepared = await workload.prepare();
  try {
    const { rounds, answers } = await runRounds(generator, prepared);
    await prepared.check(answers);
    return printWorkload(name, workload.title, prepared, rounds);
  } finally {
    await prepared.stop();
  }
}

async function runRounds(generator: Generator, { sides }: Prepared) {
  const answers = new Map<string, number>();
  const rounds: Round[] = [];
  for (let round = 0; round < pace.rounds; round += 1) {
    const measured: Record<string, Measured> = {};
    for (const side of sides) {
      const answered = answers.get(side.label) ?? 0;
      const result = await runSide(generator, side, answered);
      answers.set(side.label, answered + result.answers);
      measured[side.label] = result;
    }
    rounds.push(measured);
  }
  return { rounds, answers };
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
