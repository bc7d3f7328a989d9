/** Tokens that sign in once, kept in this process's memory. */
export type LoginTokens = {
  issue(): string;
  /** Whether the token may sign in. It may not do so again. */
  take(token: string): boolean;
};

const validMs = 5 * 60 * 1000;
const tokenBytes = 32;

type Tools = { now(): number; randomBytes(count: number): Uint8Array; hashKey(text: string): string };

export function loginTokens({ now, randomBytes, hashKey }: Tools): LoginTokens {
  const issuedAtMs = new Map<string, number>();
  return {
    issue() {
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
