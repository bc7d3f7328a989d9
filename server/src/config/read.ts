import type { z } from "zod";
import { flawsOf, sentenceOf, type Wording } from "../flaws.ts";
import { secretNames } from "./settings/forms.ts";
import { type Config, ConfigError, settings } from "./settings.ts";
import { mayQuote } from "./shown.ts";

/**
 * Reads the settings from environment variables. An empty value counts as unset. Errors:
 * `ConfigError` for an invalid value.
 */
export function readConfig(environment: Record<string, string | undefined>): Config {
  const given = Object.entries(environment).flatMap(([name, value]): [string, string][] =>
    value === undefined || value === "" ? [] : [[name, value]],
  );
  const result = settings.safeParse(Object.fromEntries(given));
  if (!result.success) throw new ConfigError(firstProblem(result.error, environment));
  for (const name of secretNames) {
    if (result.data[name] === undefined || result.data[`${name}_FILE`] === undefined) continue;
    throw new ConfigError(`${name} and ${name}_FILE are both set: keep one.`);
  }
  const otel = Object.fromEntries(given.filter(([name]) => name.startsWith("OTEL_")));
  const launcherPid = environment["LATCHKEY_LAUNCHER_PID"];
  return {
    ...result.data,
    ...(asksForTraces(otel) ? { otel } : {}),
    ...(launcherPid === undefined ? {} : { launcherPid: Number(launcherPid) }),
  };
}

/** Whether traces are on: the address of a collector is set, and no variable turns traces off. */
function asksForTraces(otel: Record<string, string>): boolean {
  const {
    OTEL_EXPORTER_OTLP_ENDPOINT: all,
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: own,
    OTEL_SDK_DISABLED: disabled = "false",
    OTEL_TRACES_EXPORTER: exporters = "otlp",
  } = otel;
  if ((own ?? all) === undefined || disabled.trim().toLowerCase() === "true") return false;
  return exporters.split(",").some((one) => one.trim() === "otlp");
}

const wording: Wording = { root: "", verb: "write" };

function firstProblem(error: z.ZodError, environment: Record<string, string | undefined>): string {
  const [issue] = error.issues;
  const source = { schema: settings, value: environment, wording };
  const [flaw] = issue === undefined ? [] : flawsOf(issue, source);
  if (flaw === undefined) return "The settings are not valid.";
  const name = flaw.location;
  const quoted = mayQuote(name) ? ` (${JSON.stringify(environment[name])})` : "";
  return `${sentenceOf({ ...flaw, location: `${name}${quoted}` })}.`;
}

/**
 * Checks that nodes with a common database also have common counters. Errors: `ConfigError` for PostgreSQL without
 * Redis, unless `ALLOW_LOCAL_COUNTERS` is set.
 */
export function refuseSplitCounters(config: Config): void {
  const severalNodes = config.DATABASE_URL.kind === "postgres";
  if (!severalNodes || config.REDIS_URL !== undefined || config.ALLOW_LOCAL_COUNTERS === "true") return;
  throw new ConfigError(
    "With PostgreSQL but without Redis, every node would grant each rate limit in full. Set REDIS_URL so that all nodes count together, or ALLOW_LOCAL_COUNTERS=true if there is only one node.",
  );
}
