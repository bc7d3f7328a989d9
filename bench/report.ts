import { cpus } from "node:os";
import type { Measured } from "./load.ts";
import type { Comparison, Prepared } from "./sides.ts";
import { median, type Spread, spread } from "./statistics.ts";

/** The measurements of one round: the figures of each side by its label. */
export type Round = Record<string, Measured>;

/** If the baseline used less than this share of a core, the generator or another program limited its throughput. */
const saturated = 0.9;

export function printHead(pace: { rounds: number; measuredMs: number }): void {
  const seconds = pace.measuredMs / 1000;
  console.log(
    `Bun ${Bun.version}, ${cpus().length} cores; ${pace.rounds} rounds, sides alternate, ${seconds} s each; medians (minimum to maximum).`,
  );
}

/** Prints a workload's measurements, and returns them for reports/bench.json. */
export function printWorkload(name: string, title: string, prepared: Prepared, rounds: readonly Round[]) {
  console.log(`\n${name}: ${title}`);
  for (const note of prepared.notes) console.log(`  ${note}`);
  const sides = Object.fromEntries(
    prepared.sides.map(({ label }) => [
      label,
      summary(rounds.map((round) => round[label]).filter(isMeasured)),
    ]),
  );
  for (const [label, side] of Object.entries(sides)) {
    console.log(
      `  ${label.padEnd(10)} ${whole(side.perSecond)} a second; ${side.threadUs.median.toFixed(1)} µs of thread time each ` +
        `(${percent(side.serverBusy)} busy), ${side.processUs.median.toFixed(1)} µs of the process; ` +
        `p50 ${side.p50Ms.median.toFixed(2)} ms, p99 ${range(side.p99Ms)} ms`,
    );
  }
  const comparisons = prepared.comparisons.map((comparison) => compare(comparison, rounds));
  for (const { sentence } of comparisons) console.log(`  ${sentence}`);
  return { title, notes: prepared.notes, sides, comparisons, rounds };
}

function isMeasured(one: Measured | undefined): one is Measured {
  return one !== undefined;
}

function summary(measured: readonly Measured[]) {
  const of = (name: keyof Measured) => spread(measured.map((one) => one[name]));
  return {
    perSecond: of("perSecond"),
    threadUs: of("threadUs"),
    processUs: of("processUs"),
    p50Ms: of("p50Ms"),
    p99Ms: of("p99Ms"),
    maxMs: of("maxMs"),
    serverBusy: of("serverBusy").median,
  };
}

const means = { perSecond: "throughput", p99Ms: "p99", threadUs: "processor time" } as const;

/** Compares two sides by the difference of their figures in ms: its median over the rounds. */
function compareDifference(comparison: Comparison, rounds: readonly Round[]) {
  const { of, to, by, atMostMore = 0 } = comparison;
  const more = spread(
    rounds.map((round) => (round[of]?.[by] ?? Number.NaN) - (round[to]?.[by] ?? Number.NaN)),
  );
  const met = more.median <= atMostMore ? "meets" : "MISSES";
  const sentence = `${of} - ${to}: ${range(more)} ms by ${means[by]}, ${met} ≤ ${atMostMore} more`;
  return { ...comparison, more, sentence };
}

/**
 * Compares two sides by their ratio, computed within each round, so that a slow phase of the machine affects
 * both sides. A target of a comparison with the baseline applies to the processor time of the thread, because other
 * programs hardly affect it.
 */
function compare(comparison: Comparison, rounds: readonly Round[]) {
  const { of, to, by, atLeast, atMost } = comparison;
  if (comparison.atMostMore !== undefined) return compareDifference(comparison, rounds);
  const ratios = rounds.map((round) => (round[of]?.[by] ?? Number.NaN) / (round[to]?.[by] ?? Number.NaN));
  const ratio = spread(ratios);
  const threadRatio = median(
    rounds.map((round) => (round[to]?.threadUs ?? Number.NaN) / (round[of]?.threadUs ?? Number.NaN)),
  );
  const processRatio = median(
    rounds.map((round) => (round[to]?.processUs ?? Number.NaN) / (round[of]?.processUs ?? Number.NaN)),
  );
  const busy = median(rounds.map((round) => round[to]?.serverBusy ?? 0));
  const sentence = [
    `${of} / ${to}: ${range(ratio)} by ${means[by]}`,
    by === "perSecond"
      ? `, by processor time ${threadRatio.toFixed(2)} of the thread and ${processRatio.toFixed(2)} of the process`
      : "",
    verdict(to === "baseline" ? threadRatio : ratio.median, atLeast, atMost),
    to === "baseline" && busy < saturated
      ? "; the baseline did not use its whole core, so compare the processor time"
      : "",
  ].join("");
  return { ...comparison, ratio, threadRatio, processRatio, sentence };
}

function verdict(ratio: number, atLeast: number | undefined, atMost: number | undefined): string {
  if (atLeast === undefined && atMost === undefined) return "";
  const bounds = [
    ...(atLeast === undefined ? [] : [`≥ ${atLeast.toFixed(2)}`]),
    ...(atMost === undefined ? [] : [`≤ ${atMost.toFixed(2)}`]),
  ].join(" and ");
  const met = ratio >= (atLeast ?? 0) && ratio <= (atMost ?? Infinity);
  return `, ${met ? "meets" : "MISSES"} ${bounds}`;
}

function range({ median: middle, least, most }: Spread): string {
  return `${middle.toFixed(2)} (${least.toFixed(2)} to ${most.toFixed(2)})`;
}

function whole({ median: middle, least, most }: Spread): string {
  return `${Math.round(middle)} (${Math.round(least)} to ${Math.round(most)})`;
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}
