import type { Execute } from "./dialects.ts";

/**
 * Returns an `execute` that refuses all statements after `end` was called. If one of several statements that run
 * together fails, the transaction ends, but the others may still be about to run. They must not become a part of
 * another transaction on the same connection.
 */
export function untilEnd(execute: Execute): { execute: Execute; end(): void } {
  let hasEnded = false;
  return {
    execute(sql, values) {
      if (hasEnded) throw new Error("The transaction has ended.");
      return execute(sql, values);
    },
    end() {
      hasEnded = true;
    },
  };
}
