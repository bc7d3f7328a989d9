import { describe, expect, test } from "bun:test";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ConfigError, describeConfig, givenRecoveryKey, givenRootKey, readConfig } from "./config.ts";

/** The sentence with which reading was refused. */
function refusal(read: () => unknown): string {
  try {
    read();
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  throw new Error("was not refused");
}

const rootKey = "canary-root-key-of-more-than-32-characters";
const recoveryKey = Buffer.alloc(32, 7).toString("base64");

test("every setting has its default, and an empty value counts as none", () => {
  const defaults = {
    PORT: 7070,
    HOST: "127.0.0.1",
    DATABASE_URL: "file:./data/latchkey.db",
    DATABASE_CONNECTIONS: 16,
    ALLOW_LOCAL_COUNTERS: "false",
    LATCHKEY_URL: "http://127.0.0.1:7070",
    LOG_LEVEL: "info",
    MAX_BODY_BYTES: 1_048_576,
    MAX_META_BYTES: 65_536,
    MAX_RATELIMIT_DURATION_MS: 2_592_000_000,
    COUNTER_MEMORY_BYTES: 1_073_741_824,
    USAGE_EVENT_HOURS: 24,
    TRUSTED_PROXIES: "",
  } as const;
  expect(readConfig({})).toEqual(defaults);
  const names = [...describeConfig(readConfig({})).matchAll(/^([A-Z_]+)=/gm)].map((match) => match[1] ?? "");
  expect(names.length).toBeGreaterThan(Object.keys(defaults).length);
  expect(readConfig(Object.fromEntries(names.map((name) => [name, ""])))).toEqual(defaults);
  expect(readConfig({ PATH: "/bin", HOME: "/", UNKNOWN: "x", PORT: undefined })).toEqual(defaults);
});

test("every setting takes what it is for", () => {
  for (const [name, value, read] of [
    ["PORT", "0", 0],
    ["PORT", "65535", 65_535],
    ["HOST", "::", "::"],
    ["PUBLIC_URL", "https://keys.example.com/path", "https://keys.example.com/path"],
    ["DATABASE_URL", ":memory:", ":memory:"],
    ["DATABASE_URL", "file:/data/a b.db", "file:/data/a b.db"],
    ["LATCHKEY_ROOT_KEY", rootKey, rootKey],
    ["LATCHKEY_ROOT_KEY_FILE", "/run/secrets/key", "/run/secrets/key"],
    ["LOG_LEVEL", "debug", "debug"],
    ["LOG_FORMAT", "text", "text"],
    ["METRICS_ADDRESS", "0.0.0.0:9464", "0.0.0.0:9464"],
    ["METRICS_ADDRESS", "[::1]:9464", "[::1]:9464"],
    ["WORKSPACE_REQUESTS_PER_MINUTE", "1", 1],
    ["MAX_BODY_BYTES", "104857600", 104_857_600],
    ["MAX_META_BYTES", "1048576", 1_048_576],
    ["MAX_RATELIMIT_DURATION_MS", "1000", 1000],
    ["COUNTER_MEMORY_BYTES", "1048576", 1_048_576],
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
    ["MAX_BODY_BYTES", "1023"],
    ["MAX_BODY_BYTES", "104857601"],
    ["MAX_BODY_BYTES", "1MB"],
    ["MAX_META_BYTES", "1048577"],
    ["MAX_RATELIMIT_DURATION_MS", "2592000001"],
    ["COUNTER_MEMORY_BYTES", "1048575"],
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

  test("and so is a variable that begins like ours and is none", () => {
    for (const name of ["LATCHKEY_ROOTKEY", "LATCHKEY_PORT", "LATCHKEY_"]) {
      const sentence = refusal(() => readConfig({ [name]: "canary" }));
      expect(sentence).toStartWith(`${name} is not a setting`);
      expect(sentence).toContain("LATCHKEY_ROOT_KEY_FILE");
      expect(sentence).not.toContain("canary");
      expect(readConfig({ [name]: "" }).PORT).toBe(7070);
    }
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

  test("in a file that cannot be read, or holds none, is refused without showing it", () => {
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
  test("shows each with its meaning and its value in force", () => {
    const text = describeConfig(readConfig({ PORT: "8080", WORKSPACE_REQUESTS_PER_MINUTE: "" }));
    expect(text).toContain("# Port to listen on; 0 takes any free one.\nPORT=8080\n");
    expect(text).toContain("\nWORKSPACE_REQUESTS_PER_MINUTE=\n");
    expect(text).toContain("\nPUBLIC_URL=\n");
    for (const line of text.split("\n")) expect(line).toMatch(/^(# .+\.|[A-Z_]+=.*)$/);
  });

  test("can be given back as it is", () => {
    const given = { PORT: "8080", TRUSTED_PROXIES: "10.0.0.0/8", DATABASE_URL: "file:/a/b.db" };
    const lines = describeConfig(readConfig(given))
      .split("\n")
      .filter((line) => !line.startsWith("#"));
    const again = Object.fromEntries(lines.map((line) => line.split(/=(.*)/s).slice(0, 2)));
    expect(readConfig(again)).toEqual(readConfig(given));
  });

  test("masks secrets and passwords, wherever they stand", () => {
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
