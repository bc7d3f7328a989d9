import { readFileSync } from "node:fs";
import { z } from "zod";

/** Decimal digits only, and nothing that a number could be read from. */
const whole = (min: number, max: number) =>
  z
    .string()
    .refine(
      (text) => /^\d{1,15}$/.test(text) && Number(text) >= min && Number(text) <= max,
      `must be a whole number from ${min} to ${max}`,
    )
    .transform(Number);

const httpAddress = z.url({
  protocol: /^https?$/,
  error: "must be an address that begins with http:// or https://",
});

/** At least 32 characters that a bearer token can have. */
const rootKeyForm = /^[!-+\--~]{32,}$/;
const rootKeyFix = "must have at least 32 characters, letters, digits and signs without spaces and commas";
const recoveryKeyForm = /^[A-Za-z0-9+/_-]{43}=?$/;
const recoveryKeyFix = "must be 32 bytes in base64";

/** Every setting, by the name of its environment variable. */
const schema = z.object({
  PORT: whole(0, 65_535).default(7070).describe("Port to listen on; 0 takes any free one."),
  HOST: z.string().min(1).default("127.0.0.1").describe("Address to listen on."),
  PUBLIC_URL: httpAddress
    .optional()
    .describe("Where clients reach this server; error types and OpenAPI name it. Default: http://HOST:PORT."),
  DATABASE_URL: z
    .string()
    .refine(
      isDatabaseUrl,
      "must be file:<path>, :memory: or postgres://<user>:<password>@<host>:<port>/<database>",
    )
    .default("file:./data/latchkey.db")
    .describe(
      "The database: file:<path> for SQLite, :memory: (lost at exit), or postgres://… for PostgreSQL.",
    ),
  DATABASE_CONNECTIONS: whole(4, 1000)
    .default(16)
    .describe("Most connections of this process to PostgreSQL."),
  REDIS_URL: z
    .url({ protocol: /^rediss?$/, error: "must be redis://<host>:<port>, or rediss:// for TLS" })
    .optional()
    .describe("Redis or Valkey, which counts rate limits for several nodes."),
  ALLOW_LOCAL_COUNTERS: z
    .enum(["true", "false"])
    .default("false")
    .describe("true: PostgreSQL without Redis, where each node grants every rate limit in full."),
  LATCHKEY_ROOT_KEY: z
    .string()
    .regex(rootKeyForm, rootKeyFix)
    .optional()
    .describe("The root key of an empty database, or of the command line."),
  LATCHKEY_ROOT_KEY_FILE: z.string().min(1).optional().describe("A file that holds LATCHKEY_ROOT_KEY."),
  LATCHKEY_URL: httpAddress
    .default("http://127.0.0.1:7070")
    .describe("The server that the command line calls."),
  LOG_LEVEL: z.enum(["debug", "info", "warn", "error"]).default("info").describe("The least that is logged."),
  LOG_FORMAT: z.enum(["json", "text"]).optional().describe("Default: text on a terminal, else json."),
  METRICS_ADDRESS: z
    .string()
    .refine(isHostAndPort, "must be <host>:<port>")
    .optional()
    .describe("Where Prometheus metrics are served, as <host>:<port>; unset: nowhere."),
  WORKSPACE_REQUESTS_PER_MINUTE: whole(1, 1_000_000_000)
    .optional()
    .describe("Most requests of one workspace in any minute; unset: no limit."),
  MAX_BODY_BYTES: whole(1024, 104_857_600).default(1_048_576).describe("Largest request body."),
  MAX_META_BYTES: whole(1024, 1_048_576).default(65_536).describe("Largest meta, as JSON text in UTF-8."),
  MAX_RATELIMIT_DURATION_MS: whole(1000, 2_592_000_000)
    .default(2_592_000_000)
    .describe("Longest rate limit window."),
  COUNTER_MEMORY_BYTES: whole(1_048_576, 1_099_511_627_776)
    .default(1_073_741_824)
    .describe("Memory for rate limit counters; above it the least filled are forgotten."),
  USAGE_EVENT_HOURS: whole(0, 8_760)
    .default(24)
    .describe("How long single verifications and decisions are kept beside their counts; 0: not at all."),
  AUDIT_RETENTION_DAYS: whole(1, 36_500)
    .optional()
    .describe("How long audit events are kept; unset: for ever."),
  RECOVERY_KEY: z
    .string()
    .regex(recoveryKeyForm, recoveryKeyFix)
    .optional()
    .describe("32 random bytes in base64, with which recoverable keys are sealed; unset: there are none."),
  RECOVERY_KEY_FILE: z.string().min(1).optional().describe("A file that holds RECOVERY_KEY."),
  TRUSTED_PROXIES: z
    .string()
    .default("")
    .describe("Addresses or CIDR ranges, comma separated, whose X-Forwarded-For is believed."),
});

export type Config = z.output<typeof schema> & {
  /** the standard OpenTelemetry variables, where they ask for traces */
  otel?: Readonly<Record<string, string>>;
};

/** Why the settings cannot be used: one sentence that names the setting. */
export class ConfigError extends Error {}

const secrets = new Set<string>(["LATCHKEY_ROOT_KEY", "RECOVERY_KEY"]);
/** their passwords are masked, and none of it is quoted where it cannot be read */
const addresses = new Set<string>(["DATABASE_URL", "REDIS_URL", "PUBLIC_URL", "LATCHKEY_URL"]);

function isHostAndPort(text: string): boolean {
  const [, port] = /^(?:\[[0-9a-fA-F:]+\]|[^:\s]+):(\d{1,5})$/.exec(text) ?? [];
  return port !== undefined && Number(port) <= 65_535;
}

function isDatabaseUrl(text: string): boolean {
  return /^(:memory:|file:.+)$/.test(text) || (/^postgres(ql)?:\/\/./.test(text) && URL.canParse(text));
}

/**
 * Nodes that share a database must share their counters.
 * Errors: `ConfigError` for PostgreSQL without Redis, unless that is wanted.
 */
export function refuseSplitCounters(config: Config): void {
  const severalNodes = config.DATABASE_URL.startsWith("postgres");
  if (!severalNodes || config.REDIS_URL !== undefined || config.ALLOW_LOCAL_COUNTERS === "true") return;
  throw new ConfigError(
    "DATABASE_URL names PostgreSQL, and every node would grant each rate limit in full: set REDIS_URL, so that they count together, or ALLOW_LOCAL_COUNTERS=true for a single node.",
  );
}

/**
 * The settings from environment variables. An empty value counts as unset.
 * Errors: `ConfigError` for a wrong value, and for a `LATCHKEY_…` variable that is none of ours.
 */
export function readConfig(environment: Record<string, string | undefined>): Config {
  const given = Object.entries(environment).flatMap(([name, value]): [string, string][] =>
    value === undefined || value === "" ? [] : [[name, value]],
  );
  const known = Object.keys(schema.shape);
  for (const [name] of given) {
    if (!name.startsWith("LATCHKEY_") || known.includes(name)) continue;
    throw new ConfigError(
      `${name} is not a setting; the ones that begin so are ${known.filter((one) => one.startsWith("LATCHKEY_")).join(", ")}.`,
    );
  }
  const result = schema.safeParse(Object.fromEntries(given));
  if (!result.success) throw new ConfigError(firstProblem(result.error, environment));
  for (const name of ["LATCHKEY_ROOT_KEY", "RECOVERY_KEY"] as const) {
    if (result.data[name] === undefined || result.data[`${name}_FILE`] === undefined) continue;
    throw new ConfigError(`${name} and ${name}_FILE are both set: keep one.`);
  }
  const otel = Object.fromEntries(given.filter(([name]) => name.startsWith("OTEL_")));
  return asksForTraces(otel) ? { ...result.data, otel } : result.data;
}

/** There is a collector to send traces to, and nothing says not to. */
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

/**
 * The root key from the settings, read from its file where they name one.
 * Errors: `ConfigError` where the file cannot be read or holds no such key.
 */
export function givenRootKey(config: Config): string | undefined {
  const { LATCHKEY_ROOT_KEY: key, LATCHKEY_ROOT_KEY_FILE: file } = config;
  return file === undefined ? key : secretIn("LATCHKEY_ROOT_KEY_FILE", file, rootKeyForm, rootKeyFix);
}

/** As `givenRootKey`, the key with which recoverable keys are sealed. */
export function givenRecoveryKey(config: Config): string | undefined {
  const { RECOVERY_KEY: key, RECOVERY_KEY_FILE: file } = config;
  return file === undefined ? key : secretIn("RECOVERY_KEY_FILE", file, recoveryKeyForm, recoveryKeyFix);
}

function secretIn(name: string, file: string, form: RegExp, fix: string): string {
  let text: string;
  try {
    text = readFileSync(file, "utf8").trim();
  } catch (error) {
    const { code } = error as { code?: string };
    throw new ConfigError(`${name} (${JSON.stringify(file)}): the file cannot be read (${code}).`);
  }
  if (!form.test(text))
    throw new ConfigError(`${name} (${JSON.stringify(file)}): what the file holds ${fix}.`);
  return text;
}

function firstProblem(error: z.ZodError, environment: Record<string, string | undefined>): string {
  const [issue] = error.issues;
  const name = String(issue?.path[0]);
  const value = secrets.has(name) || addresses.has(name) ? "" : ` (${JSON.stringify(environment[name])})`;
  return `${name}${value}: ${issue?.message}.`;
}

/** The settings in force, one `NAME=value` a line, secrets masked, each with its meaning. */
export function describeConfig(config: Config): string {
  return Object.entries(schema.shape)
    .map(([name, field]) => {
      const value = config[name as keyof typeof schema.shape];
      const shown = value === undefined ? "" : masked(name, String(value));
      return `# ${field.description}\n${name}=${shown}`;
    })
    .join("\n");
}

function masked(name: string, value: string): string {
  if (secrets.has(name)) return "********";
  if (!addresses.has(name) || value.startsWith("file:") || !URL.canParse(value)) return value;
  const url = new URL(value);
  const secretKeys = [...url.searchParams.keys()].filter((key) => /pass/i.test(key));
  if (url.password === "" && secretKeys.length === 0) return value;
  if (url.password !== "") url.password = "********";
  for (const key of secretKeys) url.searchParams.set(key, "********");
  return url.href;
}
