import { type ParseArgsOptionsConfig, parseArgs } from "node:util";
import { UsageError } from "./commandError.ts";

/** The flags of a command: `values` are the flags that take a value, `switches` are those that do not. */
type Allowed = { values?: readonly string[]; switches?: readonly string[] };

/**
 * Parses the words of a command: `flags` with their values, the switches that are `set`, and all `others`.
 * Errors: `UsageError` for a flag that is not allowed, or that has no value.
 */
export function parseFlags(
  words: readonly string[],
  allowed: Allowed,
): { flags: Record<string, string | undefined>; set: ReadonlySet<string>; others: readonly string[] } {
  const { values = [], switches = [] } = allowed;
  const options: ParseArgsOptionsConfig = {};
  for (const name of values) options[name] = { type: "string" };
  for (const name of switches) options[name] = { type: "boolean" };
  try {
    const parsed = parseArgs({ args: [...words], options, strict: true, allowPositionals: true });
    const given = Object.entries(parsed.values);
    return {
      flags: Object.fromEntries(
        given.flatMap(([name, value]) => (typeof value === "string" ? [[name, value]] : [])),
      ),
      set: new Set(given.flatMap(([name, value]) => (value === true ? name : []))),
      others: parsed.positionals,
    };
  } catch (error) {
    const [reason] = (error as Error).message.split(/\.?(\n| To specify)/);
    throw new UsageError(`${reason}; allowed: ${listOf(allowed)}.`);
  }
}

/** Like `parseFlags`, for a command that takes only flags. Errors: `UsageError` also for any other word. */
export function parseOnlyFlags(words: readonly string[], allowed: Allowed) {
  const { others, ...parsed } = parseFlags(words, allowed);
  const [unexpected] = others;
  if (unexpected === undefined) return parsed;
  throw new UsageError(`Unexpected argument ${JSON.stringify(unexpected)}; allowed: ${listOf(allowed)}.`);
}

function listOf({ values = [], switches = [] }: Allowed): string {
  return [...values, ...switches].map((name) => `--${name}`).join(", ");
}
