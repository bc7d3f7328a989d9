import { parseArgs } from "node:util";
import { type CopyReport, copyEverything, resumeSource } from "../copying/copy.ts";
import { type CounterTask, copyCounters } from "../copying/counters.ts";
import { copyCountersAgain } from "../copying/countersAgain.ts";
import { type DatabaseAddress, parseDatabaseUrl } from "../domain/databaseAddress.ts";
import { UsageError } from "./commandError.ts";

export type CopySource = { database: DatabaseAddress; redisUrl: string | undefined; counterBytes: number };

type Surroundings = {
  /** the time of the monotonic clock by which counters measure their windows, in milliseconds */
  monotonicMs(): number;
  isStopRequested(): boolean;
  progress(sentence: string): void;
};

/**
 * `latchkey copy`: copies a database to an empty database. With `--resume-source`, lets the source of an earlier copy
 * accept writes again. Returns the report. Errors: `UsageError`, `CopyError`, `StorageError`.
 */
export async function copy(
  source: CopySource,
  words: readonly string[],
  surroundings: Surroundings,
): Promise<string> {
  const request = requestOf(words);
  if (request.kind === "resume") return resumed(await resumeSource(source.database));
  const { target, redisUrl } = request;
  const taskTo = (database: DatabaseAddress): CounterTask => ({
    source,
    target: { database, redisUrl },
    maxBytes: source.counterBytes,
    nowMs: surroundings.monotonicMs,
  });
  if (request.kind === "counters") return copyCountersAgain(taskTo(target), request.replace);
  const report = await copyEverything({
    source: source.database,
    target,
    copyCounters:
      request.kind === "all"
        ? (database) => copyCounters(taskTo(database))
        : async () => "counters: not copied",
    ...surroundings,
  });
  return reportText(report);
}

type Request =
  | { kind: "resume" }
  | ({ kind: "all" | "records" } & Target)
  /** `replace`: replaces the target's counters even if the target has counted since the first copy */
  | ({ kind: "counters"; replace: boolean } & Target);

type Target = { target: DatabaseAddress; redisUrl: string | undefined };

const usage =
  "Usage: latchkey copy --to <database> [--to-redis <url> | --without-counters] [--only-counters [--replace-counters]], or latchkey copy --resume-source";

/** Parses the flags. Errors: `UsageError` if they are wrong or contradict each other. */
function requestOf(words: readonly string[]): Request {
  const given = parsed(words);
  const { to, "to-redis": redisUrl, "without-counters": without, "only-counters": only } = given;
  if (given["resume-source"] === true && Object.keys(given).length === 1) return { kind: "resume" };
  if (to === undefined || given["resume-source"] === true || contradicts(given)) {
    throw new UsageError(`${usage}.`);
  }
  const target = targetOf(to);
  if (redisUrl !== undefined && !/^rediss?:\/\/./.test(redisUrl)) {
    throw new UsageError("--to-redis must be redis://<host>:<port>, or rediss:// for TLS.");
  }
  if (without === true) return { kind: "records", target, redisUrl };
  if (target.kind === "postgres" && redisUrl === undefined) {
    throw new UsageError(
      "If the target is PostgreSQL, the counters of rate limits are in Redis. Name the target's Redis with --to-redis, or use --without-counters to start with empty counters.",
    );
  }
  if (only !== true) return { kind: "all", target, redisUrl };
  return { kind: "counters", replace: given["replace-counters"] === true, target, redisUrl };
}

function contradicts(given: ReturnType<typeof parsed>): boolean {
  const { "only-counters": only, "replace-counters": replace } = given;
  if (replace === true && only !== true) return true;
  return given["without-counters"] === true && (only === true || given["to-redis"] !== undefined);
}

function targetOf(text: string): DatabaseAddress {
  const target = parseDatabaseUrl(text, process.platform === "win32");
  if ("flaw" in target) throw new UsageError(`--to ${target.flaw}.`);
  if (target.kind === "memory") throw new UsageError("--to must be file:<path> or postgres://….");
  return target;
}

function parsed(words: readonly string[]) {
  try {
    return parseArgs({
      args: [...words],
      options: {
        to: { type: "string" },
        "to-redis": { type: "string" },
        "without-counters": { type: "boolean" },
        "only-counters": { type: "boolean" },
        "replace-counters": { type: "boolean" },
        "resume-source": { type: "boolean" },
      },
    }).values;
  } catch {
    throw new UsageError(`${usage}.`);
  }
}

function resumed(readOnlyMs: number | undefined): string {
  if (readOnlyMs === undefined) return "The database was not read-only.";
  return `The database accepts writes again. It was read-only for ${seconds(readOnlyMs)}.`;
}

function reportText({ tables, counters, readOnlyMs }: CopyReport): string {
  return [
    ...tables.map(({ name, rows, sum }) => `${name.padEnd(18)} ${String(rows).padStart(10)} rows  ${sum}`),
    counters,
    "Both databases have the same rows.",
    `The source has been read-only for ${seconds(readOnlyMs)}, and stays so. Start the servers on the target now, or go back with latchkey copy --resume-source.`,
  ].join("\n");
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}
