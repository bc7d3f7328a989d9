/**
 * Tokens for login links. Each token signs in once, within five minutes. Tokens are kept only in the memory of this
 * process.
 */
export type LoginTokens = {
  issue(): string;
  /** Returns whether a token is valid, and makes it invalid. */
  take(token: string): boolean;
};

const validMs = 5 * 60 * 1000;
const tokenBytes = 32;

type Tools = { now(): number; randomBytes(count: number): Uint8Array; hashKey(text: string): string };

export function loginTokens({ now, randomBytes, hashKey }: Tools): LoginTokens {
  const issuedAtMs = new Map<string, number>();
  return {
    issue() {
      for (const [hash, atMs] of issuedAtMs) if (now() - atMs > validMs) issuedAtMs.delete(hash);
      const token = Buffer.from(randomBytes(tokenBytes)).toString("base64url");
      issuedAtMs.set(hashKey(token), now());
      return token;
    },
    take(token) {
      const hash = hashKey(token);
      const ageMs = now() - (issuedAtMs.get(hash) ?? Number.NEGATIVE_INFINITY);
      issuedAtMs.delete(hash);
      return ageMs >= 0 && ageMs <= validMs;
    },
  };
}
