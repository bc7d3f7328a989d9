import { LatchkeyError } from "./errors.ts";

/** Remembers which key each request was let through with. */
export type Keyring<Key> = {
  keep(request: object, key: Key): void;
  /**
   * The verified key of a request that came through here.
   * Errors: `LatchkeyError` where the request did not.
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
        "This request did not come through this `requireKey`, so it has no verified key.",
      );
    },
  };
}
