import { readFileSync, realpathSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { z } from "zod";
import { closest } from "./domain/closest.ts";
import { type DatabaseAddress, databaseUrl, parseDatabaseUrl } from "./domain/databaseAddress.ts";

/** A whole number, written only in decimal digits: without sign, space or exponent. */
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

/** the form of a root key: visible ASCII without commas, so that it can be sent as a bearer token */
const rootKeyForm = /^[!-+\--~]{32,}$/;
const rootKeyFix = "must be at least 32 letters, digits or symbols, without spaces and commas";
const upstreamKeyForm = /^[!-~]+$/;
const upstreamKeyFix = "must be a root key, without spaces";
const hmacSecretForm =
  /^(?!hex:|base64:).+$|^hex:([0-9a-fA-F]{2})+$|^base64:(?=.)([\w+/-]{4})*([\w+/-]{2}(==)?|[\w+/-]{3}=?)?$/s;
const hmacSecretFix = "must be text, or bytes written as hex:<hex> or base64:<base64>";
const recoveryKeyForm = /^[A-Za-z0-9+/_-]{43}=?$/;
const recoveryKeyFix = "must be 32 bytes in base64";

/** Every setting, by the name of its environment variable. */
const schema = z.object({
  PORT: whole(0, 65_535).default(7070).describe("Port to listen on; 0 for any free one."),
  HOST: z.string().min(1).default("127.0.0.1").describe("Address to listen on."),
  PUBLIC_URL: httpAddress
    .optional()
    .describe(
      "The address at which clients reach this server. It is part of error types and of openapi.json. Default: http://HOST:PORT.",
    ),
  DATABASE_URL: z
    .string()
    .transform((text, context) => {
      const address = parseDatabaseUrl(text, process.platform === "win32");
      if (!("flaw" in address)) return withoutLinks(address);
      context.addIssue({ code: "custom", message: address.flaw });
      return z.NEVER;
    })
    .prefault("file:./data/latchkey.db")
    .describe(
      "The database: file:<path> for SQLite, :memory: (lost at exit), or postgres://… for PostgreSQL.",
    ),
  DATABASE_CONNECTIONS: whole(4, 1000)
    .default(16)
    .describe("Maximum number of connections from this process to PostgreSQL."),
  REDIS_URL: z
    .url({ protocol: /^rediss?$/, error: "must be redis://<host>:<port>, or rediss:// for TLS" })
    .optional()
    .describe("Redis or Valkey, which counts rate limits for several nodes."),
  ALLOW_LOCAL_COUNTERS: z
    .enum(["true", "false"])
    .default("false")
    .describe("true: allows PostgreSQL without Redis, so that each node grants every rate limit in full."),
  LATCHKEY_ROOT_KEY: z
    .string()
    .regex(rootKeyForm, rootKeyFix)
    .optional()
    .describe("The root key to create in an empty database. The command line authenticates with it, too."),
  LATCHKEY_ROOT_KEY_FILE: z.string().min(1).optional().describe("A file that contains LATCHKEY_ROOT_KEY."),
  LATCHKEY_URL: httpAddress
    .optional()
    .describe("The server that the command line calls. Default: the one on this machine, by HOST and PORT."),
  LOG_LEVEL: z
    .enum(["debug", "info", "warn", "error"])
    .default("info")
    .describe("The lowest level that is logged."),
  LOG_FORMAT: z.enum(["json", "text"]).optional().describe("Default: text on a terminal, else json."),
  METRICS_ADDRESS: z
    .string()
    .refine(isHostAndPort, "must be <host>:<port>")
    .optional()
    .describe("Where Prometheus metrics are served, as <host>:<port>; unset: not served."),
  WORKSPACE_REQUESTS_PER_MINUTE: whole(1, 1_000_000_000)
    .optional()
    .describe("Maximum number of requests per workspace in any minute; unset: no limit."),
  MAX_BODY_BYTES: whole(1024, 104_857_600).default(1_048_576).describe("Largest request body, in bytes."),
  IDLE_CONNECTION_SECONDS: whole(4, 255)
    .default(75)
    .describe(
      "How long a connection may be idle between two requests, in seconds, to within 4. Keep it above the idle time of your clients and load balancers.",
    ),
  MAX_MIGRATION_BODY_BYTES: whole(1024, 104_857_600)
    .default(10_485_760)
    .describe("Largest request body of keys.migrateKeys, in bytes."),
  MAX_META_BYTES: whole(1024, 1_048_576).default(65_536).describe("Largest meta, in bytes of JSON in UTF-8."),
  MAX_RATELIMIT_DURATION_MS: whole(1000, 2_592_000_000)
    .default(2_592_000_000)
    .describe("Longest rate limit window, in milliseconds."),
  COUNTER_MEMORY_BYTES: whole(1_048_576, 1_099_511_627_776)
    .default(1_073_741_824)
    .describe("Memory for rate limit counters, in bytes. Above it, the least used counters are evicted."),
  CACHE_MEMORY_BYTES: whole(1_048_576, 1_099_511_627_776)
    .optional()
    .describe(
      "Memory for cached keys, in bytes: about 1 KB for each. Above it, keys that have not been used lately are evicted. Unset: an eighth of the machine's or container's memory, at least 32 MiB and at most 1 GiB.",
    ),
  USAGE_MAX_BYTES: whole(16_777_216, 1_099_511_627_776)
    .default(1_073_741_824)
    .describe(
      "Disk space for usage, in bytes. Above it, the oldest single verifications and decisions are deleted first.",
    ),
  USAGE_EVENT_HOURS: whole(0, 8_760)
    .optional()
    .describe(
      "How many hours single verifications and decisions are kept at most; 0: not at all; unset: as long as USAGE_MAX_BYTES allows.",
    ),
  AUDIT_RETENTION_DAYS: whole(1, 36_500)
    .optional()
    .describe("How many days audit events are kept; unset: forever."),
  BACKUP_FOLDER: z
    .string()
    .min(1)
    .optional()
    .describe("A folder for regular backups of a SQLite database, while it is served; unset: none."),
  BACKUP_EVERY_MINUTES: whole(1, 525_600)
    .default(1_440)
    .describe("Minutes from one regular backup to the next."),
  BACKUP_KEEP: whole(1, 100_000)
    .default(7)
    .describe("How many regular backups are kept; older ones are deleted."),
  RECOVERY_KEY: z
    .string()
    .regex(recoveryKeyForm, recoveryKeyFix)
    .optional()
    .describe("32 random bytes in base64 that encrypt recoverable keys; unset: keys cannot be recoverable."),
  RECOVERY_KEY_FILE: z.string().min(1).optional().describe("A file that contains RECOVERY_KEY."),
  IMPORTED_HMAC_SECRET: z
    .string()
    .regex(hmacSecretForm, hmacSecretFix)
    .optional()
    .describe(
      "The secret of the HMACs that keys were imported with, as the other system used it: text, or bytes as hex:… or base64:….",
    ),
  IMPORTED_HMAC_SECRET_FILE: z
    .string()
    .min(1)
    .optional()
    .describe("A file that contains IMPORTED_HMAC_SECRET."),
  UPSTREAM_VERIFY_MODE: z
    .enum(["off", "fallback", "shadow"])
    .default("off")
    .describe(
      "For a move from another server. shadow: the other server decides, and this one also verifies each key, compares, and stores its hash. fallback: this server decides, and asks the other one about keys whose hash it does not have yet.",
    ),
  UPSTREAM_VERIFY_URL: httpAddress.optional().describe("The other server, such as https://api.unkey.com."),
  UPSTREAM_VERIFY_ROOT_KEY: z
    .string()
    .regex(upstreamKeyForm, upstreamKeyFix)
    .optional()
    .describe("A root key of the other server that may verify keys, and read everything that you import."),
  UPSTREAM_VERIFY_ROOT_KEY_FILE: z
    .string()
    .min(1)
    .optional()
    .describe("A file that contains UPSTREAM_VERIFY_ROOT_KEY."),
  UPSTREAM_VERIFY_WORKSPACE: z
    .string()
    .min(1)
    .optional()
    .describe("The id of the workspace whose keys come from the other server. Default: the only one."),
  UPSTREAM_VERIFY_TIMEOUT_MS: whole(100, 10_000)
    .default(2000)
    .describe("How long a verification waits for the other server, in milliseconds."),
  UPSTREAM_VERIFY_CALLS_PER_SECOND: whole(1, 10_000)
    .default(100)
    .describe(
      "In fallback mode, the maximum number of unknown keys per second that this process asks the other server about. Verifications of further unknown keys get a 503.",
    ),
  CONSOLE: z
    .enum(["auto", "on", "off"])
    .default("auto")
    .describe(
      "Whether /console is served. auto: only to this machine, while HOST is loopback and neither PUBLIC_URL nor TRUSTED_PROXIES is set.",
    ),
  CONSOLE_ALLOW_HTTP: z
    .enum(["true", "false"])
    .default("false")
    .describe("true: people may sign in to the console over plain HTTP from other machines."),
  TRUSTED_PROXIES: z
    .string()
    .default("")
    .describe(
      "Addresses or CIDR ranges, comma separated, whose X-Forwarded-For or Forwarded header is trusted.",
    ),
});

export type Config = z.output<typeof schema> & {
  /** the standard OpenTelemetry variables, if they turn traces on */
  otel?: Readonly<Record<string, string>>;
  /** the process that started this one; when it exits, this one stops; set by `bin/latchkey.mjs` */
  launcherPid?: number;
};

/** The settings cannot be used. The message is one sentence with the name of the setting. */
export class ConfigError extends Error {}

/** settings whose value may be in a file: a setting with the suffix `_FILE` then has the path of the file */
const filed = [
  "LATCHKEY_ROOT_KEY",
  "RECOVERY_KEY",
  "IMPORTED_HMAC_SECRET",
  "UPSTREAM_VERIFY_ROOT_KEY",
] as const;
const secrets = new Set<string>(filed);
/** settings that may contain a password: the password is masked, and messages never quote an invalid value */
const addresses = new Set<string>([
  "DATABASE_URL",
  "REDIS_URL",
  "PUBLIC_URL",
  "LATCHKEY_URL",
  "UPSTREAM_VERIFY_URL",
]);

function isHostAndPort(text: string): boolean {
  const [, port] = /^(?:\[[0-9a-fA-F:]+\]|[^:\s]+):(\d{1,5})$/.exec(text) ?? [];
  return port !== undefined && Number(port) <= 65_535;
}

/** Returns an address without symbolic links, so that all links to a file give the same address. */
function withoutLinks(address: DatabaseAddress): DatabaseAddress {
  return address.kind === "file" ? { kind: "file", path: pathWithoutLinks(address.path) } : address;
}

/** Returns the path without symbolic links. If it has none or the file does not exist, returns `path` unchanged. */
function pathWithoutLinks(path: string): string {
  try {
    const real = realpathSync(path);
    return real === resolve(path) || !statSync(path).isFile() ? path : real;
  } catch {
    return path;
  }
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

/**
 * Reads the settings from environment variables. An empty value counts as unset. Errors:
 * `ConfigError` for an invalid value.
 */
export function readConfig(environment: Record<string, string | undefined>): Config {
  const given = Object.entries(environment).flatMap(([name, value]): [string, string][] =>
    value === undefined || value === "" ? [] : [[name, value]],
  );
  const result = schema.safeParse(Object.fromEntries(given));
  if (!result.success) throw new ConfigError(firstProblem(result.error, environment));
  for (const name of filed) {
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

/** variables of the launcher and of the SDK, which are not settings of the server */
const othersSettings = ["LATCHKEY_LAUNCHER_PID", "LATCHKEY_ALLOW_HTTP"];

/**
 * Returns a warning for each `LATCHKEY_…` variable that nothing reads. It suggests the
 * setting that was probably meant.
 */
export function unknownSettings(environment: Record<string, string | undefined>): string[] {
  const known = [...Object.keys(schema.shape), ...othersSettings];
  return Object.entries(environment).flatMap(([name, value]) => {
    if (!name.startsWith("LATCHKEY_") || value === undefined || value === "") return [];
    if (known.includes(name) || isServiceLink(name, value)) return [];
    const near = closest(name, known) ?? closest(name.slice("LATCHKEY_".length), known);
    const hint = near === undefined ? "`latchkey config` lists the settings." : `Did you mean ${near}?`;
    return [`${name} is not a setting and is ignored. ${hint}`];
  });
}

const linkName =
  /_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_START|_END|_PROTO|_PORT|_ADDR)?|ENV_\w+)$/;

/**
 * Whether Kubernetes or Docker has set this variable. For each service or container whose name begins with `latchkey`,
 * they set variables with its address, such as `LATCHKEY_PORT`.
 */
function isServiceLink(name: string, value: string): boolean {
  if (linkName.test(name)) return true;
  if (name.endsWith("_PORT")) return /^(tcp|udp|sctp):\/\//.test(value);
  return name.endsWith("_NAME") && value.startsWith("/");
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

/**
 * Returns the root key from the settings. Reads its file if `LATCHKEY_ROOT_KEY_FILE` is set. Errors: `ConfigError` if
 * the file cannot be read or does not contain a root key.
 */
export function givenRootKey(config: Config): string | undefined {
  const { LATCHKEY_ROOT_KEY: key, LATCHKEY_ROOT_KEY_FILE: file } = config;
  return file === undefined ? key : secretIn("LATCHKEY_ROOT_KEY_FILE", file, rootKeyForm, rootKeyFix);
}

/** Like `givenRootKey`, for the key that encrypts recoverable keys. */
export function givenRecoveryKey(config: Config): string | undefined {
  const { RECOVERY_KEY: key, RECOVERY_KEY_FILE: file } = config;
  return file === undefined ? key : secretIn("RECOVERY_KEY_FILE", file, recoveryKeyForm, recoveryKeyFix);
}

/** Like `givenRootKey`, for the root key of the server that verified keys before this one. */
export function givenUpstreamRootKey(config: Config): string | undefined {
  const { UPSTREAM_VERIFY_ROOT_KEY: key, UPSTREAM_VERIFY_ROOT_KEY_FILE: file } = config;
  if (file === undefined) return key;
  return secretIn("UPSTREAM_VERIFY_ROOT_KEY_FILE", file, upstreamKeyForm, upstreamKeyFix);
}

/**
 * The secret with which the HMACs of imported keys were computed; undefined if it is not set.
 * Errors: as `givenRootKey`.
 */
export function givenHmacSecret(config: Config): Uint8Array | undefined {
  const { IMPORTED_HMAC_SECRET: secret, IMPORTED_HMAC_SECRET_FILE: file } = config;
  const text =
    file === undefined ? secret : secretIn("IMPORTED_HMAC_SECRET_FILE", file, hmacSecretForm, hmacSecretFix);
  const [, encoding, digits] = /^(hex|base64):(.*)$/s.exec(text ?? "") ?? [];
  if (encoding !== undefined) return Buffer.from(digits ?? "", encoding as BufferEncoding);
  return text === undefined ? undefined : Buffer.from(text);
}

function secretIn(name: string, file: string, form: RegExp, fix: string): string {
  let text: string;
  try {
    text = readFileSync(file, "utf8").trim();
  } catch (error) {
    const { code } = error as { code?: string };
    throw new ConfigError(`${name} (${JSON.stringify(file)}): the file cannot be read (${code}).`);
  }
  if (!form.test(text)) throw new ConfigError(`${name} (${JSON.stringify(file)}): its content ${fix}.`);
  return text;
}

function firstProblem(error: z.ZodError, environment: Record<string, string | undefined>): string {
  const [issue] = error.issues;
  const name = String(issue?.path[0]);
  const value = secrets.has(name) || addresses.has(name) ? "" : ` (${JSON.stringify(environment[name])})`;
  return `${name}${value}: ${issue?.message}.`;
}

/** Returns the current settings as text: for each, its description and a line `NAME=value`. Secrets are masked. */
export function describeConfig(config: Config): string {
  return shownSettings(config)
    .map(({ name, value, description }) => `# ${description}\n${name}=${value}`)
    .join("\n");
}

/** Lists the current settings, with masked secrets. `value` is empty if the setting is unset. */
export function shownSettings(config: Config): { name: string; value: string; description: string }[] {
  return Object.entries(schema.shape).map(([name, field]) => {
    const value = config[name as keyof typeof schema.shape];
    const text = typeof value === "object" ? databaseUrl(value) : String(value ?? "");
    return { name, value: masked(name, text), description: field.description ?? "" };
  });
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
