import { type ParseArgsOptionsConfig, parseArgs } from "node:util";
import { UsageError } from "./commandError.ts";

/**
 * Parses the flags and the other words of a command. `values` are flags with a value, `switches` are flags without.
 * Errors: `UsageError` for any other flag.
 */
export function parseFlags(
  words: readonly string[],
  { values = [], switches = [] }: { values?: readonly string[]; switches?: readonly string[] },
): { flags: Record<string, string | undefined>; set: ReadonlySet<string>; others: readonly string[] } {
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
    const allowed = [...values, ...switches].map((name) => `--${name}`);
    throw new UsageError(`${reason}; allowed: ${allowed.join(", ")}.`);
  }
}
