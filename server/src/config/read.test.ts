import { describe, expect, test } from "bun:test";
import { configRefusal } from "../../test/configRefusal.ts";
import { readConfig } from "./read.ts";
import { describeConfig } from "./shown.ts";

const rootKey = "canary-root-key-of-more-than-32-characters";
const recoveryKey = Buffer.alloc(32, 7).toString("base64");

test("every setting has its default, and an empty value counts as unset", () => {
  const defaults = {
    PORT: 7070,
    HOST: "127.0.0.1",
    DATABASE_URL: { kind: "file", path: "./data/latchkey.db" },
    DATABASE_CONNECTIONS: 16,
    ALLOW_LOCAL_COUNTERS: "false",
    LOG_LEVEL: "info",
    MAX_BODY_BYTES: 1_048_576,
    IDLE_CONNECTION_SECONDS: 75,
    MAX_MIGRATION_BODY_BYTES: 10_485_760,
    MAX_META_BYTES: 65_536,
    MAX_RATELIMIT_DURATION_MS: 2_592_000_000,
    COUNTER_MEMORY_BYTES: 1_073_741_824,
    USAGE_MAX_BYTES: 1_073_741_824,
    BACKUP_EVERY_MINUTES: 1_440,
    BACKUP_KEEP: 7,
    UPSTREAM_VERIFY_MODE: "off",
    UPSTREAM_VERIFY_TIMEOUT_MS: 2000,
    UPSTREAM_VERIFY_CALLS_PER_SECOND: 100,
    CONSOLE: "auto",
    CONSOLE_ALLOW_HTTP: "false",
    TRUSTED_PROXIES: "",
  } as const;
  expect(readConfig({})).toEqual(defaults);
  const names = [...describeConfig(readConfig({})).matchAll(/^([A-Z_]+)=/gm)].map((match) => match[1] ?? "");
  expect(names.length).toBeGreaterThan(Object.keys(defaults).length);
  expect(readConfig(Object.fromEntries(names.map((name) => [name, ""])))).toEqual(defaults);
  expect(readConfig({ PATH: "/bin", HOME: "/", UNKNOWN: "x", PORT: undefined })).toEqual(defaults);
});

test("every setting accepts its valid values", () => {
  for (const [name, value, read] of [
    ["PORT", "0", 0],
    ["PORT", "65535", 65_535],
    ["HOST", "::", "::"],
    ["PUBLIC_URL", "https://keys.example.com/path", "https://keys.example.com/path"],
    ["DATABASE_URL", ":memory:", { kind: "memory" }],
    ["DATABASE_URL", "file:/data/a b.db", { kind: "file", path: "/data/a b.db" }],
    ["DATABASE_URL", "file:/data/a%20b%3F.db", { kind: "file", path: "/data/a b?.db" }],
    ["DATABASE_URL", "file:///data/a.db", { kind: "file", path: "/data/a.db" }],
    ["DATABASE_URL", "file://localhost/data/a.db", { kind: "file", path: "/data/a.db" }],
    ["LATCHKEY_ROOT_KEY", rootKey, rootKey],
    ["LATCHKEY_ROOT_KEY_FILE", "/run/secrets/key", "/run/secrets/key"],
    ["LOG_LEVEL", "debug", "debug"],
    ["LOG_FORMAT", "text", "text"],
    ["METRICS_ADDRESS", "0.0.0.0:9464", "0.0.0.0:9464"],
    ["METRICS_ADDRESS", "[::1]:9464", "[::1]:9464"],
    ["WORKSPACE_REQUESTS_PER_MINUTE", "1", 1],
    ["MAX_BODY_BYTES", "104857600", 104_857_600],
    ["IDLE_CONNECTION_SECONDS", "255", 255],
    ["MAX_META_BYTES", "1048576", 1_048_576],
    ["MAX_RATELIMIT_DURATION_MS", "1000", 1000],
    ["COUNTER_MEMORY_BYTES", "1048576", 1_048_576],
    ["CACHE_MEMORY_BYTES", "1048576", 1_048_576],
    ["AUDIT_RETENTION_DAYS", "90", 90],
    ["RECOVERY_KEY", recoveryKey, recoveryKey],
    ["TRUSTED_PROXIES", "10.0.0.0/8,::1", "10.0.0.0/8,::1"],
  ] as const) {
    expect(readConfig({ [name]: value })).toHaveProperty(name, read);
  }
});

describe("a wrong value is refused in one sentence that names the setting", () => {
  test.each([
    ["PORT", "65536"],
    ["PORT", "-1"],
    ["PORT", " "],
    ["PORT", " 80"],
    ["PORT", "0x50"],
    ["PORT", "1e3"],
    ["PORT", "80.0"],
    ["PORT", "http"],
    ["PUBLIC_URL", "keys.example.com"],
    ["PUBLIC_URL", "ftp://keys.example.com"],
    ["DATABASE_URL", "data.db"],
    ["DATABASE_URL", "file:"],
    ["DATABASE_URL", "file:/x/a.db?mode=rwc"],
    ["DATABASE_URL", "file:/x/a.db#1"],
    ["DATABASE_URL", "file:/x/100%.db"],
    ["DATABASE_URL", "file:/x/a%00.db"],
    ["DATABASE_URL", "file:~/x.db"],
    ["DATABASE_URL", "file: /x/a.db"],
    ["DATABASE_URL", "file:/x/"],
    ["DATABASE_URL", "file:x%2F"],
    ["DATABASE_URL", "file:/x/%5C"],
    ["DATABASE_URL", "file://data/x.db"],
    ["DATABASE_URL", "file:C:\\x\\a.db"],
    ["DATABASE_URL", "file:C%3A/x/a.db"],
    ["DATABASE_URL", "file:%43:%5Cx%5Ca.db"],
    ["DATABASE_URL", "file::memory:"],
    ["DATABASE_URL", "file:%3Amemory%3A"],
    ["DATABASE_URL", "mysql://localhost/x"],
    ["DATABASE_CONNECTIONS", "3"],
    ["LATCHKEY_URL", "localhost:7070"],
    ["LOG_LEVEL", "verbose"],
    ["LOG_LEVEL", "INFO"],
    ["LOG_FORMAT", "xml"],
    ["METRICS_ADDRESS", "9464"],
    ["METRICS_ADDRESS", "localhost:99999"],
    ["METRICS_ADDRESS", "::1:9464"],
    ["METRICS_ADDRESS", "http://localhost:9464"],
    ["WORKSPACE_REQUESTS_PER_MINUTE", "0"],
    ["WORKSPACE_REQUESTS_PER_MINUTE", "none"],
    ["IDLE_CONNECTION_SECONDS", "0"],
    ["IDLE_CONNECTION_SECONDS", "256"],
    ["MAX_BODY_BYTES", "1023"],
    ["MAX_BODY_BYTES", "104857601"],
    ["MAX_BODY_BYTES", "1MB"],
    ["MAX_META_BYTES", "1048577"],
    ["MAX_RATELIMIT_DURATION_MS", "2592000001"],
    ["COUNTER_MEMORY_BYTES", "1048575"],
    ["CACHE_MEMORY_BYTES", "1048575"],
    ["ALLOW_LOCAL_COUNTERS", "yes"],
    ["AUDIT_RETENTION_DAYS", "0"],
  ])("%s=%p", (name, value) => {
    const sentence = configRefusal(() => readConfig({ [name]: value }));
    expect(sentence).toMatch(new RegExp(`^${name}[ :].+\\.$`));
    expect(sentence).not.toContain("\n");
  });

  test("that suggests the allowed values", () => {
    expect(configRefusal(() => readConfig({ LOG_LEVEL: "INFO" }))).toBe(
      'LOG_LEVEL ("INFO") is not one of the allowed values: did you mean "info"? use "debug" or "info" or "warn" or "error".',
    );
    expect(configRefusal(() => readConfig({ PORT: "http" }))).toBe(
      'PORT ("http"): must be a whole number from 0 to 65535.',
    );
  });

  test("that never repeats a secret", () => {
    for (const [name, value] of [
      ["LATCHKEY_ROOT_KEY", "canary-too-short"],
      ["LATCHKEY_ROOT_KEY", `${rootKey} with a space`],
      ["LATCHKEY_ROOT_KEY", `${rootKey},comma`],
      ["LATCHKEY_ROOT_KEY", `${rootKey}é`],
      ["RECOVERY_KEY", "canary"],
      ["RECOVERY_KEY", `${recoveryKey}canary`],
      ["DATABASE_URL", "postgre://user:canary@host/db"],
      ["REDIS_URL", "http://:canary@host"],
      ["PUBLIC_URL", "ftp://user:canary@host"],
    ] as const) {
      const sentence = configRefusal(() => readConfig({ [name]: value }));
      expect(sentence).toStartWith(`${name}: `);
      expect(sentence).not.toContain("canary");
    }
  });
});
