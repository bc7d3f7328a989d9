import { areAlike } from "./accounts.ts";
import type { VerifiedKey } from "./guardOptions.ts";

/** A key that a guard has verified for a request. */
export type Verified<Verdict = VerifiedKey | undefined> = {
  client: object;
  key: string;
  /** the apis, or their keyspaces, to which the guard is restricted */
  apis: readonly string[] | undefined;
  /** undefined if the guard let the request through without one, because the server is unreachable */
  verdict: Verdict;
};

const byRequest = new WeakMap<object, Verified[]>();

/** The key as an earlier guard of the request has verified it. */
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
