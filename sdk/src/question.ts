import type { Arrival } from "./arrival.ts";
import { plainAddress } from "./clientAddress.ts";
import type { GuardOptions, VerifiedKey } from "./guardOptions.ts";
import type { VerifyKeyInput } from "./operations.gen.ts";
import type { Verified } from "./verified.ts";

/** The input of a verification without the key: permissions, limits, costs and so on. */
export type Question = Omit<VerifyKeyInput, "key">;

/** The options that are not sent to the server. All other options are fields of `keys.verifyKey`. */
const ownOptions: readonly string[] = [
  "key",
  "apis",
  "clientIp",
  "timeoutMs",
  "onUnavailable",
  "cache",
  "rateLimitHeaders",
  "onRefused",
  "log",
] satisfies (keyof GuardOptions<unknown>)[];

/** Returns a function that computes a verification's input for a request, calling those options that are functions. */
export function questioning<Request>(
  options: GuardOptions<Request>,
): (arrival: Arrival<Request>) => Promise<Question> {
  const { apis, clientIp } = options;
  const fields = Object.entries(options).filter(([name]) => !ownOptions.includes(name));
  return async ({ request, address }) => {
    const found = clientIp === undefined ? address?.() : await evaluated(clientIp, request);
    const members = [...fields, ["keyspaces", apis] as const].map(async ([name, value]) => [
      name,
      await evaluated(value, request),
    ]);
    return { ...Object.fromEntries(await Promise.all(members)), ip: plainAddress(found) };
  };
}

function evaluated(value: unknown, request: unknown): unknown {
  return typeof value === "function" ? value(request) : value;
}

/**
 * Computes what a guard must ask the server about a key that an earlier guard of the same request has verified. Returns
 * undefined if the guard need not ask. The guard itself checks permissions, and also `apis` if the earlier verdict
 * shows the key's api. The server counts only the limits and quotas that this guard names, because the earlier guard
 * has counted the others. An omitted cost is 0.
 */
export function furtherQuestion(
  { apis, verdict }: Verified<VerifiedKey>,
  { ratelimits = [], quotas = [], credits, keyspaces, ip, tags }: Question,
): Question | undefined {
  const isFound =
    keyspaces === undefined ||
    keyspaces.includes(verdict.keyspaceId ?? "") ||
    apis?.every((api) => keyspaces.includes(api)) === true;
  if (isFound && ratelimits.length + quotas.length === 0 && credits === undefined) return undefined;
  return {
    ratelimits: ratelimits.map(withCost),
    quotas: quotas.map(withCost),
    credits: withCost(credits ?? {}),
    keyspaces,
    ip,
    tags,
    autoApply: false,
  };
}

function withCost<T extends { cost?: number | undefined; reserve?: number | undefined }>(asked: T): T {
  return asked.reserve === undefined ? { ...asked, cost: asked.cost ?? 0 } : asked;
}

/**
 * The names of the limits and quotas that a guard lists without `cost` and `reserve`. If an earlier guard has verified
 * the key, this guard counts nothing against them.
 */
export function uncounted({ ratelimits = [], quotas = [] }: Question): string[] {
  const named: readonly { name: string; cost?: number | undefined; reserve?: number | undefined }[] = [
    ...ratelimits,
    ...quotas,
  ];
  return named.filter(({ cost, reserve }) => (cost ?? reserve) === undefined).map(({ name }) => name);
}
