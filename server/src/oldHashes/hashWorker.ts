/** A thread that compares keys with salted hashes, one at a time. */
import { pbkdf2Sync, timingSafeEqual } from "node:crypto";
import { schemeOf } from "../domain/oldHashes.ts";
import { followOrders } from "../storage/workerThread.ts";
import type { Compared, ComparisonTask } from "./hashThreads.ts";

followOrders<null, ComparisonTask>((task) => [compare(task)]);

/**
 * Finds the first hash that the key has. Skips hashes that the runtime cannot read. Errors: the runtime's, if it has
 * too little memory.
 */
function compare({ key, hashes }: ComparisonTask): Compared {
  const failures: string[] = [];
  const found = hashes.find((hash) => {
    try {
      return matches(key, hash);
    } catch (error) {
      const { code, message } = error as { code?: string; message: string };
      if (code === "PASSWORD_OUT_OF_MEMORY") throw error;
      failures.push(`${schemeOf(hash)}: ${message}`);
      return false;
    }
  });
  return { found, failures };
}

function matches(key: string, hash: string): boolean {
  switch (schemeOf(hash)) {
    case "bcrypt":
      return fitsBcrypt(key) && Bun.password.verifySync(key, hash, "bcrypt");
    case "argon2":
      return Bun.password.verifySync(key, hash);
    case "pbkdf2":
      return matchesPbkdf2(key, hash);
    default:
      return false;
  }
}

const bcryptBytes = 72;

/**
 * Returns whether bcrypt can tell this key from all others; if not, the key matches no bcrypt hash. bcrypt ignores
 * everything after the 72nd byte, and repeats a shorter key with a NUL between the repetitions, so `a` and `a\0a` have
 * the same hash.
 */
function fitsBcrypt(key: string): boolean {
  return Buffer.byteLength(key) <= bcryptBytes && !key.includes("\0");
}

function matchesPbkdf2(key: string, hash: string): boolean {
  const [, name = "", parameters = "", salt = "", derived = ""] = hash.split("$");
  const expected = Buffer.from(derived, "base64");
  const iterations = Number(parameters.slice("i=".length));
  const digest = name.slice("pbkdf2-".length);
  const actual = pbkdf2Sync(key, Buffer.from(salt, "base64"), iterations, expected.byteLength, digest);
  return timingSafeEqual(actual, expected);
}
