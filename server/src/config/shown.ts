import { databaseUrl } from "../domain/databaseAddress.ts";
import { secretNames } from "./settings/forms.ts";
import { type Config, settings } from "./settings.ts";

const secrets = new Set<string>(secretNames);
/** settings that may contain a password: the password is masked, and messages never quote an invalid value */
const addresses = new Set<string>([
  "DATABASE_URL",
  "REDIS_URL",
  "PUBLIC_URL",
  "LATCHKEY_URL",
  "UPSTREAM_VERIFY_URL",
]);

/** Returns the current settings as text: for each, its description and a line `NAME=value`. Secrets are masked. */
export function describeConfig(config: Config): string {
  return shownSettings(config)
    .map(({ name, value, description }) => `# ${description}\n${name}=${value}`)
    .join("\n");
}

/** Lists the current settings, with masked secrets. `value` is empty if the setting is unset. */
export function shownSettings(config: Config): { name: string; value: string; description: string }[] {
  return Object.entries(settings.shape).map(([name, field]) => {
    const value = config[name as keyof typeof settings.shape];
    const text = typeof value === "object" ? databaseUrl(value) : String(value ?? "");
    return { name, value: masked(name, text), description: field.description ?? "" };
  });
}

/** Whether a message may contain the value of this setting. */
export function mayQuote(name: string): boolean {
  return !secrets.has(name) && !addresses.has(name);
}

function masked(name: string, value: string): string {
  if (value === "") return value;
  if (secrets.has(name)) return "********";
  if (!addresses.has(name) || value.startsWith("file:") || !URL.canParse(value)) return value;
  const url = new URL(value);
  const secretKeys = [...url.searchParams.keys()].filter((key) => /pass/i.test(key));
  if (url.password === "" && secretKeys.length === 0) return value;
  if (url.password !== "") url.password = "********";
  for (const key of secretKeys) url.searchParams.set(key, "********");
  return url.href;
}
