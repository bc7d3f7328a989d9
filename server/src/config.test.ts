import { describe, expect, test } from "bun:test";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  ConfigError,
  describeConfig,
  givenHmacSecret,
  givenRecoveryKey,
  givenRootKey,
  readConfig,
  unknownSettings,
} from "./config.ts";

/** Returns the message of the `ConfigError` that `read` throws. */
function refusal(read: () => unknown): string {
  try {
    read();
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  throw new Error("it was accepted");
}

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
    const sentence = refusal(() => readConfig({ [name]: value }));
    expect(sentence).toMatch(new RegExp(`^${name}[ :].+\\.$`));
    expect(sentence).not.toContain("\n");
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
      const sentence = refusal(() => readConfig({ [name]: value }));
      expect(sentence).toStartWith(`${name}: `);
      expect(sentence).not.toContain("canary");
    }
  });
});

describe("a variable that begins with LATCHKEY_ and that nothing reads", () => {
  test.each([
    ["LATCHKEY_ROOTKEY", "Did you mean LATCHKEY_ROOT_KEY?"],
    ["LATCHKEY_ROOT_KEY_FILES", "Did you mean LATCHKEY_ROOT_KEY_FILE?"],
    ["LATCHKEY_PORT", "Did you mean PORT?"],
    ["LATCHKEY_DATABASE_URL", "Did you mean DATABASE_URL?"],
    ["LATCHKEY_ALLOW_HTTPS", "Did you mean LATCHKEY_ALLOW_HTTP?"],
    ["LATCHKEY_", "`latchkey config` lists the settings."],
    ["LATCHKEY_SOMETHING_ELSE_ALTOGETHER", "`latchkey config` lists the settings."],
    ["LATCHKEY_NAME", "`latchkey config` lists the settings."],
  ])("is a warning with the closest known name and without its value: %s", (name, hint) => {
    expect(unknownSettings({ [name]: "canary" })).toEqual([
      `${name} is not a setting and is ignored. ${hint}`,
    ]);
    expect(unknownSettings({ [name]: "" })).toEqual([]);
    expect(readConfig({ [name]: "canary" }).PORT).toBe(7070);
  });

  test("is no warning if Kubernetes or Docker set it for a service, or if it belongs to the SDK", () => {
    const environment = {
      LATCHKEY_SERVICE_HOST: "10.0.171.239",
      LATCHKEY_SERVICE_PORT: "7070",
      LATCHKEY_SERVICE_PORT_HTTP_METRICS: "9464",
      LATCHKEY_PORT: "tcp://10.0.171.239:7070",
      LATCHKEY_PORT_7070_TCP: "tcp://10.0.171.239:7070",
      LATCHKEY_PORT_7070_TCP_PROTO: "tcp",
      LATCHKEY_PORT_7070_TCP_PORT: "7070",
      LATCHKEY_PORT_7070_TCP_ADDR: "10.0.171.239",
      LATCHKEY_REDIS_PORT_6379_TCP_ADDR: "10.0.171.240",
      LATCHKEY_DNS_PORT: "udp://10.0.171.241:53",
      LATCHKEY_DNS_PORT_53_UDP: "udp://10.0.171.241:53",
      LATCHKEY_DB_NAME: "/latchkey/db",
      LATCHKEY_DB_ENV_POSTGRES_VERSION: "17",
      LATCHKEY_ALLOW_HTTP: "true",
      LATCHKEY_ROOT_KEY: rootKey,
    };
    expect(unknownSettings(environment)).toEqual([]);
    expect(readConfig(environment)).toMatchObject({ PORT: 7070, HOST: "127.0.0.1" });
  });
});

describe("a secret", () => {
  const folder = mkdtempSync(join(tmpdir(), "latchkey-config-"));
  const file = (text: string) => {
    const path = join(folder, `${text.length}-${Math.random()}`);
    writeFileSync(path, text);
    return path;
  };

  test("given twice, itself and in a file, is refused", () => {
    expect(refusal(() => readConfig({ LATCHKEY_ROOT_KEY: rootKey, LATCHKEY_ROOT_KEY_FILE: "f" }))).toBe(
      "LATCHKEY_ROOT_KEY and LATCHKEY_ROOT_KEY_FILE are both set: keep one.",
    );
    expect(refusal(() => readConfig({ RECOVERY_KEY: recoveryKey, RECOVERY_KEY_FILE: "f" }))).toContain(
      "keep one",
    );
  });

  test("is read from its file without the line break at the end", () => {
    expect(givenRootKey(readConfig({ LATCHKEY_ROOT_KEY_FILE: file(`${rootKey}\n`) }))).toBe(rootKey);
    expect(givenRootKey(readConfig({ LATCHKEY_ROOT_KEY: rootKey }))).toBe(rootKey);
    expect(givenRootKey(readConfig({}))).toBeUndefined();
    expect(givenRecoveryKey(readConfig({ RECOVERY_KEY_FILE: file(`${recoveryKey}\r\n`) }))).toBe(recoveryKey);
  });

  test("of HMACs is a text, or bytes in hex or base64", () => {
    const secretOf = (text: string) => givenHmacSecret(readConfig({ IMPORTED_HMAC_SECRET: text }));
    expect(secretOf("our pepper")).toEqual(Buffer.from("our pepper"));
    expect(secretOf("hex:00ff0A")).toEqual(Buffer.from([0, 255, 10]));
    for (const digits of ["AP8=", "AP8"]) expect(secretOf(`base64:${digits}`)).toEqual(Buffer.from([0, 255]));
    expect(givenHmacSecret(readConfig({ IMPORTED_HMAC_SECRET_FILE: file("pepper\n") }))).toEqual(
      Buffer.from("pepper"),
    );
    for (const text of [
      "hex:",
      "hex:canary",
      "hex:0",
      "base64:",
      "base64:A",
      "base64:AP8==",
      "base64:can ary",
    ]) {
      const sentence = refusal(() => secretOf(text));
      expect(sentence).toBe(
        "IMPORTED_HMAC_SECRET: must be text, or bytes written as hex:<hex> or base64:<base64>.",
      );
    }
  });

  test("in a file that cannot be read, or that has no secret, is refused without showing it", () => {
    for (const name of ["LATCHKEY_ROOT_KEY_FILE", "RECOVERY_KEY_FILE"] as const) {
      const read = name === "RECOVERY_KEY_FILE" ? givenRecoveryKey : givenRootKey;
      for (const path of [
        join(folder, "missing"),
        folder,
        file(""),
        file("canary"),
        file(`${rootKey}\ncanary two`),
      ]) {
        const sentence = refusal(() => read(readConfig({ [name]: path })));
        expect(sentence).toStartWith(`${name} (${JSON.stringify(path)}): `);
        expect(sentence).not.toContain("canary");
      }
    }
  });
});

describe("the description of the settings", () => {
  test("shows each with its description and its current value", () => {
    const text = describeConfig(readConfig({ PORT: "8080", WORKSPACE_REQUESTS_PER_MINUTE: "" }));
    expect(text).toContain("# Port to listen on; 0 for any free one.\nPORT=8080\n");
    expect(text).toContain("\nWORKSPACE_REQUESTS_PER_MINUTE=\n");
    expect(text).toContain("\nPUBLIC_URL=\n");
    for (const line of text.split("\n")) expect(line).toMatch(/^(# .+\.|[A-Z_]+=.*)$/);
  });

  test("can be used as settings unchanged", () => {
    const given = { PORT: "8080", TRUSTED_PROXIES: "10.0.0.0/8", DATABASE_URL: "file:/a/b.db" };
    const lines = describeConfig(readConfig(given))
      .split("\n")
      .filter((line) => !line.startsWith("#"));
    const again = Object.fromEntries(lines.map((line) => line.split(/=(.*)/s).slice(0, 2)));
    expect(readConfig(again)).toEqual(readConfig(given));
  });

  test.each([
    "/x/100%25.db",
    "/x/a%3Fmode=rwc.db",
    "/x/a%231.db",
    "%7E/a.db",
    "%20a.db%0A",
    "%2F/a/b.db",
    "/x/%2541.db",
  ])("names the same database file when it is copied into the settings: file:%s", (path) => {
    const config = readConfig({ DATABASE_URL: `file:${path}` });
    const [, shown] = /^DATABASE_URL=(.*)$/m.exec(describeConfig(config)) ?? [];
    expect(readConfig({ DATABASE_URL: shown }).DATABASE_URL).toEqual(config.DATABASE_URL);
    expect(config.DATABASE_URL).toEqual({ kind: "file", path: decodeURIComponent(path) });
  });

  test("masks secrets and passwords wherever they are", () => {
    const text = describeConfig(
      readConfig({
        LATCHKEY_ROOT_KEY: rootKey,
        RECOVERY_KEY: recoveryKey,
        DATABASE_URL: "postgres://user:canary@host/db?sslpassword=canary",
        REDIS_URL: "redis://:canary@host:6379",
        PUBLIC_URL: "https://user:canary@host",
        LATCHKEY_URL: "https://user:canary@host",
      }),
    );
    expect(text).not.toContain("canary");
    expect(text).not.toContain(recoveryKey);
    for (const name of [
      "LATCHKEY_ROOT_KEY",
      "RECOVERY_KEY",
      "DATABASE_URL",
      "REDIS_URL",
      "PUBLIC_URL",
      "LATCHKEY_URL",
    ]) {
      expect(text).toMatch(new RegExp(`^${name}=.*\\*{8}`, "m"));
    }
  });
});
