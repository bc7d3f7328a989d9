import { areAlike } from "./clients.ts";
import type { VerifiedKey } from "./guardOptions.ts";

/** A key that a guard of the current request has verified. */
export type Verified<Verdict = VerifiedKey | undefined> = {
  client: object;
  key: string;
  /** the option `apis` of that guard; undefined if the guard accepts keys of every api */
  apis: readonly string[] | undefined;
  /** undefined if the server was unavailable and the guard let the request through without a verdict */
  verdict: Verdict;
};

const byRequest = new WeakMap<object, Verified[]>();

/**
 * Finds the verdict on this key, if an earlier guard of the same request has verified the key with the same server and
 * root key.
 */
export function verifiedBefore(
  subject: object,
  client: object,
  key: string,
): Verified<VerifiedKey> | undefined {
  return byRequest
    .get(subject)
    ?.filter((one): one is Verified<VerifiedKey> => one.verdict !== undefined)
    .find((one) => one.key === key && areAlike(one.client, client));
}

/** The key that the latest guard of the request has verified. */
export function lastVerified(subject: object): Verified | undefined {
  return byRequest.get(subject)?.at(-1);
}

export function remember(subject: object, verified: Verified): void {
  const { key, client } = verified;
  const others = (byRequest.get(subject) ?? []).filter(
    (one) => one.key !== key || !areAlike(one.client, client),
  );
  byRequest.set(subject, [...others, verified]);
}
