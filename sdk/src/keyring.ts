import { LatchkeyError } from "./errors.ts";

/** Remembers the key of each request that passed a guard. */
export type Keyring<Key> = {
  keep(request: object, key: Key): void;
  /**
   * Returns the key of a request that passed this guard.
   * Errors: `LatchkeyError` if the request did not pass this guard.
   */
  keyOf(request: object): Key;
};

export function keyring<Key>(): Keyring<Key> {
  const keys = new WeakMap<object, { key: Key }>();
  return {
    keep: (request, key) => void keys.set(request, { key }),
    keyOf(request) {
      const found = keys.get(request);
      if (found !== undefined) return found.key;
      throw new LatchkeyError(
        "This request did not pass this guard, so it has no verified key. Call the `keyOf` of a guard that the request has passed.",
      );
    },
  };
}
