import type { Execute } from "./dialects.ts";

/**
 * Returns a function that runs statements as `execute` does, until `end` is called; then it refuses them. If one of
 * several statements that run together fails, the others may go on after their transaction. They must not become a part
 * of another transaction on the same connection.
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
