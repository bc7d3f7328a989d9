import type { Settled } from "../../domain/settled.ts";
import type { KeyRecord } from "../../domain/verification.ts";
import { Failure } from "../../errors/failure.ts";
import type { DifferenceKind } from "../../upstream/upstream.ts";
import type { KeyVerdict } from "./learning.ts";
import type { Outcome } from "./verification.ts";

/** One difference between two verdicts. It has only their codes and numbers of credits: other values may be private. */
export type Difference = {
  kind: DifferenceKind;
  own: string | number | undefined;
  upstream: string | number | undefined;
};

/** Which of these codes a verification gets depends on what other requests have counted or spent. */
const countedCodes: readonly string[] = ["VALID", "RATE_LIMITED", "USAGE_EXCEEDED"];

/**
 * How this server's verdict differs from the upstream's. `isAlone`: no other call about the key was under way at the
 * same time. If another call was under way, the two servers may have counted in different orders, so codes and credits
 * that depend on the order are not compared. `isNew`: the key was waiting until now, so its credits were just copied
 * from the upstream.
 */
export function differencesBetween(
  { key, outcome }: { key: KeyRecord; outcome: Settled<Outcome> },
  verdict: KeyVerdict,
  { isAlone, isNew }: { isAlone: boolean; isNew: boolean },
): Difference[] {
  if ("error" in outcome) {
    const { error } = outcome;
    const own = error instanceof Failure ? error.code : "unexpected_error";
    return [{ kind: "error", own, upstream: verdict.code }];
  }
  const { code, credits } = outcome.value;
  const differences: Difference[] = [];
  const compare = (kind: DifferenceKind, own: unknown, upstream: unknown, shown = false) => {
    if (sameJson(own, upstream)) return;
    const values = shown ? { own: own as string, upstream: upstream as string } : noValues;
    differences.push({ kind, ...values });
  };
  const dependsOnOrder = countedCodes.includes(code) && countedCodes.includes(verdict.code);
  if (isAlone || !dependsOnOrder) compare("code", code, verdict.code, true);
  if (isAlone && !isNew && code === verdict.code)
    compare("credits", credits?.remaining, verdict.credits, true);
  compare("key", key.id, verdict.keyId);
  compare("expires", key.expiresAtMs, verdict.expires);
  compare("enabled", key.enabled, verdict.enabled);
  compare("name", key.name, verdict.name);
  compare("meta", key.meta ?? {}, verdict.meta ?? {});
  compare("permissions", sorted(key.permissions), sorted(verdict.permissions));
  compare("roles", sorted(key.roles), sorted(verdict.roles));
  compare("identity", key.identity?.externalId, verdict.identity?.externalId);
  if (code === verdict.code) {
    const counted = outcome.value.counted?.ratelimits ?? [];
    compare("ratelimits", limitsOf(counted.map(ofPlanned)), limitsOf(verdict.ratelimits));
  }
  return differences;
}

const noValues = { own: undefined, upstream: undefined };

type Limit = { name: string; limit: number; duration: number };

function ofPlanned({ name, limit, durationMs }: { name: string; limit: number; durationMs: number }): Limit {
  return { name, limit, duration: durationMs };
}

function limitsOf(limits: readonly Limit[] = []): string[] {
  return limits.map(({ name, limit, duration }) => `${name} ${limit} ${duration}`).sort();
}

function sorted(texts: readonly string[] = []): string[] {
  return [...new Set(texts)].sort();
}

function sameJson(one: unknown, other: unknown): boolean {
  return canonical(one) === canonical(other);
}

/** JSON with the members of each object in the order of their names. */
function canonical(value: unknown): string | undefined {
  return JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === "object" && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
