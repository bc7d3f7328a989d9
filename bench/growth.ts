/**
 * `bun bench/growth.ts [--quick] [<curve> …]`: measures how the cost of a verification grows with the number of keys,
 * limits and tags. Writes the charts in docs/performance and the sections of docs/performance.md that show them. Takes
 * about fifteen minutes on a machine with two cores and no other load.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { type Chart, numberText, svgOf } from "./chart.ts";
import { type Curve, curves, type Point, pace } from "./curves.ts";
import { simulateDay } from "./simulatedDay.ts";

const docs = join(import.meta.dir, "..", "docs");
const mark = (name: string, end = "") => `<!-- ${end}${name} -->`;

const asked = process.argv.slice(2).filter((word) => !word.startsWith("--"));
const wanted = (name: string) => asked.length === 0 || asked.includes(name);
mkdirSync(join(docs, "performance"), { recursive: true });
for (const curve of curves) {
  if (wanted(curve.name)) write(curve.name, sectionOf(curve, await curve.measure()));
}
if (wanted("day")) write("day", await daySection());

/** Replaces the text between the two comments that mark a section of docs/performance.md. */
function write(name: string, lines: readonly string[]): void {
  const path = join(docs, "performance.md");
  const [before = "", rest = ""] = readFileSync(path, "utf8").split(`${mark(name)}\n`);
  const [, after = ""] = rest.split(mark(name, "/"));
  writeFileSync(path, `${before}${mark(name)}\n\n${lines.join("\n")}\n\n${mark(name, "/")}${after}`);
  console.log(`The section "${name}" of docs/performance.md was written.`);
}

function chart(name: string, options: Chart): string {
  writeFileSync(join(docs, "performance", `${name}.svg`), svgOf(options));
  return `![${options.title}](performance/${name}.svg)`;
}

function sectionOf({ name, title, xName }: Curve, points: readonly Point[]): string[] {
  const line = (of: (point: Point) => number) => points.map((point) => [point.x, of(point)] as const);
  const common = { title, xName, isLogarithmic: true };
  return [
    chart(name, {
      ...common,
      yName: "of the bare runtime",
      series: [
        { name: "by processor time of the thread", points: line(({ thread }) => thread) },
        { name: "by throughput", points: line(({ throughput }) => throughput) },
      ],
    }),
    chart(`${name}-p99`, {
      ...common,
      title: `${title}: p99`,
      yName: "ms",
      series: [
        { name: "product", points: line(({ p99Ms }) => p99Ms) },
        { name: "bare runtime", points: line(({ bareP99Ms }) => bareP99Ms) },
      ],
    }),
    "",
    `| ${xName} | by processor time | by throughput | p99, ms | p99 of the bare runtime, ms |`,
    "|---|---|---|---|---|",
    ...points.map(
      ({ x, thread, throughput, p99Ms, bareP99Ms }) =>
        `| ${numberText(x)} | ${thread.toFixed(2)} | ${throughput.toFixed(2)} | ${p99Ms.toFixed(1)} | ${bareP99Ms.toFixed(1)} |`,
    ),
    "",
    surroundings(),
  ];
}

function surroundings(): string {
  const day = new Date().toISOString().slice(0, 10);
  return `${day}, Bun ${Bun.version}, ${cpus().length} cores, ${pace.rounds} rounds of ${pace.measuredMs} ms for each side.`;
}

async function daySection(): Promise<string[]> {
  const { hours, verifications } = await simulateDay();
  const common = { xName: "hours", yName: "MiB", isLogarithmic: false };
  const last = hours.at(-1);
  return [
    chart("memory", {
      ...common,
      title: "Memory over a simulated day",
      series: [
        { name: "physical memory of the process", points: hours.map(({ hour, memory }) => [hour, memory]) },
      ],
    }),
    chart("disk", {
      ...common,
      title: "Disk over a simulated day",
      series: [
        { name: "usage", points: hours.map(({ hour, usage }) => [hour, usage]) },
        { name: "everything else", points: hours.map(({ hour, database }) => [hour, database]) },
      ],
    }),
    "",
    `${verifications.toLocaleString("en-US")} verifications of 1,000 keys, each with a tag, in 24 hours, with \`USAGE_MAX_BYTES\` at its least, 16 MiB. At the end: ${last?.memory.toFixed(0)} MiB of memory, ${last?.usage.toFixed(1)} MiB of usage, ${last?.database.toFixed(1)} MiB of other data. ${new Date().toISOString().slice(0, 10)}, Bun ${Bun.version}.`,
  ];
}
