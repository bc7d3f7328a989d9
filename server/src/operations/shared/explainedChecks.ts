import type { Peeked } from "../../counters/counters.ts";
import { type Address, addressText } from "../../domain/ipAddress.ts";
import { evaluatePermissionQuery, type PermissionQuery, prepareHeld } from "../../domain/permissionQuery.ts";
import {
  judgeParts,
  missingPermissions,
  neededPermissions,
  permissionsIn,
} from "../../domain/permissionTree.ts";
import type { PlannedRatelimit } from "../../domain/ratelimits.ts";
import type { KeyRecord, storedChecks } from "../../domain/verification.ts";
import type { KeyDetails } from "../../storage/queries/keys/read.ts";
import type { PermissionSource } from "../../storage/queries/permissionSources.ts";
import type { Check } from "./explanation.ts";
import { durationText, timeText } from "./explanationWords.ts";

/** `atMs` is the time for which the verification is explained. It may be later than now. */
export type Moment = { nowMs: number; atMs: number };

type Stored = {
  key: KeyRecord;
  details: Pick<KeyDetails, "apiIpAllowList" | "ipAllowList">;
  ip: Address | undefined;
  query: { text: string; parsed: PermissionQuery } | undefined;
  sources: readonly PermissionSource[];
  atMs: number;
};

/** Explains a check that depends only on the stored key. `passed`: whether the key passes it. */
export function storedCheck(
  { check }: (typeof storedChecks)[number],
  passed: boolean,
  stored: Stored,
): Check {
  switch (check) {
    case "workspace":
      return passed
        ? { check, passed, why: "The workspace is enabled." }
        : {
            check,
            passed,
            why: "The workspace is disabled.",
            fix: `Ask whoever runs this server to enable it: latchkey workspace enable ${stored.key.workspaceId}`,
          };
    case "enabled":
      return passed
        ? { check, passed, why: "The key is enabled." }
        : {
            check,
            passed,
            why: "The key is disabled.",
            fix: "Enable it: keys.updateKey with `enabled: true`.",
          };
    case "expiry":
      return expiryCheck(stored.key, passed, stored.atMs);
    case "apiAddresses":
      return addressCheck("api", stored.details.apiIpAllowList, passed, stored.ip);
    case "addresses":
      return addressCheck("key", stored.details.ipAllowList, passed, stored.ip);
    case "permissions":
      return permissionsCheck(stored, passed);
  }
}

function expiryCheck({ expiresAtMs: expires }: KeyRecord, passed: boolean, atMs: number): Check {
  const check = "expiry";
  if (expires === undefined) return { check, passed, why: "The key never expires." };
  if (passed) return { check, passed, expires, why: `The key expires at ${timeText(expires)}.` };
  const fix = "Set a later `expires` with keys.updateKey, or create another key.";
  return {
    check,
    passed,
    expires,
    why: `The key expired at ${timeText(expires)}, ${durationText(atMs - expires)} before this verification.`,
    fix,
  };
}

const updates = { api: "apis.updateApi", key: "keys.updateKey" } as const;

function addressCheck(
  owner: "api" | "key",
  ipAllowList: string[] | undefined,
  passed: boolean,
  ip: Address | undefined,
): Check {
  const facts = { check: "ipAllowList", owner, passed, ipAllowList: ipAllowList ?? [] } as const;
  if (ip === undefined) {
    const why = `The ${owner} has an IP allow-list, and the verification does not say from which address the key came.`;
    return { ...facts, why, fix: `Send the address as \`ip\`, or remove the list with ${updates[owner]}.` };
  }
  const address = addressText(ip);
  if (passed) return { ...facts, ip: address, why: `The IP allow-list of the ${owner} has ${address}.` };
  return {
    ...facts,
    ip: address,
    why: `The IP allow-list of the ${owner} does not have ${address}.`,
    fix: `Add ${address} to the list with ${updates[owner]}, or use the key from an address in it.`,
  };
}

/** the maximum number of entries in the list `granted` of an explanation */
const mostGranted = 1_000;

function permissionsCheck({ key, query, sources }: Stored, passed: boolean): Check {
  const check = "permissions";
  if (query === undefined) {
    const why = "The verification asks for no permissions.";
    return { check, passed, missing: [], granted: [], parts: [], why };
  }
  const asked = permissionsIn(query.parsed);
  const granted = sources
    .filter(({ slug }) => coversAny(slug, asked))
    .slice(0, mostGranted)
    .map(({ slug, role }) => ({ slug, via: role === undefined ? "direct" : `role:${role}` }));
  const parts = judgeParts(query.parsed, key.heldPermissions);
  const missing = missingPermissions(query.parsed, key.heldPermissions);
  const facts = { check, passed, query: query.text, missing, granted, parts } as const;
  if (passed) return { ...facts, why: `The key satisfies ${query.text}.` };
  const needed = neededPermissions(query.parsed, key.heldPermissions);
  return {
    ...facts,
    why: `The key lacks ${needed}.`,
    fix: `Give it ${needed}, directly or through a role.`,
  };
}

function coversAny(slug: string, asked: readonly string[]): boolean {
  const held = prepareHeld([slug]);
  return asked.some((permission) => evaluatePermissionQuery({ kind: "permission", permission }, held));
}

/** Explains a rate limit. `peeked` is the state of its window, which was read without counting. */
export function ratelimitCheck(
  key: KeyRecord,
  planned: PlannedRatelimit,
  peeked: Peeked,
  { nowMs, atMs }: Moment,
): Check {
  const { id, name, limit, durationMs, cost } = planned;
  const owner = id === undefined ? "request" : planned.space;
  const hides = hiddenBy(key, owner, name);
  const passesAt = peeked.passesInMs === undefined ? undefined : nowMs + peeked.passesInMs;
  const passed = passesAt !== undefined && passesAt <= atMs;
  const isShare = peeked.limit < limit;
  const facts = {
    check: "ratelimit",
    passed,
    ...(id === undefined ? {} : { id }),
    name,
    owner,
    ...(hides === undefined ? {} : { hides }),
    limit,
    duration: durationMs,
    cost,
    used: peeked.used,
    ...(isShare ? { limitInForce: peeked.limit } : {}),
  } as const;
  const why = [
    usedText(planned, peeked),
    isShare ? `${peeked.limit} is this server's share of ${limit}, since it cannot reach Redis.` : "",
    hides === undefined ? "" : `The ${owner}'s own limit hides the ${hides}'s.`,
  ];
  const text = why.filter((sentence) => sentence !== "").join(" ");
  if (passed) return { ...facts, why: text };
  if (passesAt === undefined) return { ...facts, why: text, fix: "Raise the limit, or lower the cost." };
  const fix = `Wait ${durationText(passesAt - nowMs)}, raise the limit, or lower the cost.`;
  return { ...facts, passesAt, why: text, fix };
}

type Owner = "key" | "identity" | "request";

function hiddenBy(key: KeyRecord, owner: Owner, name: string): "key" | "identity" | undefined {
  if (owner === "identity") return undefined;
  if (owner === "request" && key.ratelimits.some((own) => own.name === name)) return "key";
  return key.identity?.ratelimits.some((shared) => shared.name === name) === true ? "identity" : undefined;
}

function usedText({ durationMs, cost }: PlannedRatelimit, { limit, used, passed }: Peeked): string {
  const state = `${used} of ${limit} used in ${durationText(durationMs)}`;
  if (passed) return `${state}: there is room for a cost of ${cost}.`;
  return cost > limit
    ? `A cost of ${cost} is above the limit of ${limit}.`
    : `${state}: there is no room for a cost of ${cost}.`;
}

/** The failed check for a rate limit that the request only names, but that neither the key nor its identity has. */
export function unknownRatelimitCheck({ name, cost = 1 }: { name: string; cost: number | undefined }): Check {
  return {
    check: "ratelimit",
    passed: false,
    name,
    owner: "request",
    cost,
    why: "Neither the key nor its identity has a rate limit of this name, and the request does not describe one.",
    fix: "Store a rate limit of this name, or send `limit` and `duration`.",
  };
}
