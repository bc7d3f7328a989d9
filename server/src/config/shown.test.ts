import { describe, expect, test } from "bun:test";
import { readConfig } from "./read.ts";
import { describeConfig } from "./shown.ts";

const rootKey = "canary-root-key-of-more-than-32-characters";
const recoveryKey = Buffer.alloc(32, 7).toString("base64");

describe("the description of the settings", () => {
  test("shows each with its description and its current value", () => {
    const text = describeConfig(readConfig({ PORT: "8080", WORKSPACE_REQUESTS_PER_MINUTE: "" }));
    expect(text).toContain("# Port to listen on. 0: any free port.\nPORT=8080\n");
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
