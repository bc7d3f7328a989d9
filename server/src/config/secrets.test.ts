import { describe, expect, test } from "bun:test";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { configRefusal } from "../../test/configRefusal.ts";
import { readConfig } from "./read.ts";
import { configuredHmacSecret, configuredRecoveryKey, configuredRootKey } from "./secrets.ts";

const rootKey = "canary-root-key-of-more-than-32-characters";
const recoveryKey = Buffer.alloc(32, 7).toString("base64");

describe("a secret", () => {
  const folder = mkdtempSync(join(tmpdir(), "latchkey-config-"));
  const file = (text: string) => {
    const path = join(folder, `${text.length}-${Math.random()}`);
    writeFileSync(path, text);
    return path;
  };

  test("given twice, itself and in a file, is refused", () => {
    expect(configRefusal(() => readConfig({ LATCHKEY_ROOT_KEY: rootKey, LATCHKEY_ROOT_KEY_FILE: "f" }))).toBe(
      "LATCHKEY_ROOT_KEY and LATCHKEY_ROOT_KEY_FILE are both set: keep one.",
    );
    expect(configRefusal(() => readConfig({ RECOVERY_KEY: recoveryKey, RECOVERY_KEY_FILE: "f" }))).toContain(
      "keep one",
    );
  });

  test("is read from its file without the line break at the end", () => {
    expect(configuredRootKey(readConfig({ LATCHKEY_ROOT_KEY_FILE: file(`${rootKey}\n`) }))).toBe(rootKey);
    expect(configuredRootKey(readConfig({ LATCHKEY_ROOT_KEY: rootKey }))).toBe(rootKey);
    expect(configuredRootKey(readConfig({}))).toBeUndefined();
    expect(configuredRecoveryKey(readConfig({ RECOVERY_KEY_FILE: file(`${recoveryKey}\r\n`) }))).toBe(
      recoveryKey,
    );
  });

  test("of HMACs is a text, or bytes in hex or base64", () => {
    const secretOf = (text: string) => configuredHmacSecret(readConfig({ IMPORTED_HMAC_SECRET: text }));
    expect(secretOf("our pepper")).toEqual(Buffer.from("our pepper"));
    expect(secretOf("hex:00ff0A")).toEqual(Buffer.from([0, 255, 10]));
    for (const digits of ["AP8=", "AP8"]) expect(secretOf(`base64:${digits}`)).toEqual(Buffer.from([0, 255]));
    expect(configuredHmacSecret(readConfig({ IMPORTED_HMAC_SECRET_FILE: file("pepper\n") }))).toEqual(
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
      const sentence = configRefusal(() => secretOf(text));
      expect(sentence).toBe(
        "IMPORTED_HMAC_SECRET: must be text, or bytes written as hex:<hex> or base64:<base64>.",
      );
    }
  });

  test("in a file that cannot be read, or that has no secret, is refused without showing it", () => {
    for (const name of ["LATCHKEY_ROOT_KEY_FILE", "RECOVERY_KEY_FILE"] as const) {
      const read = name === "RECOVERY_KEY_FILE" ? configuredRecoveryKey : configuredRootKey;
      for (const path of [
        join(folder, "missing"),
        folder,
        file(""),
        file("canary"),
        file(`${rootKey}\ncanary two`),
      ]) {
        const sentence = configRefusal(() => read(readConfig({ [name]: path })));
        expect(sentence).toStartWith(`${name} (${JSON.stringify(path)}): `);
        expect(sentence).not.toContain("canary");
      }
    }
  });
});
