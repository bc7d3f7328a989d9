import type { RunContext } from "../../operation.ts";
import {
  type Candidate,
  type KeyListFilter,
  keysByCreation,
  keysByExpiry,
  matchingKeys,
  type Stretch,
} from "../../storage/queries/keys/list.ts";
import { rowBudget } from "../../storage/queries/walk.ts";

export const keyOrders = ["created", "lastUsed", "expires"] as const;

export type KeyOrder = (typeof keyOrders)[number];

export type KeyWalk = {
  filter: KeyListFilter;
  /** only keys that were last used before this time, or never */
  unusedSinceMs: number | undefined;
  orderBy: KeyOrder;
  descending: boolean;
  /** the key after which the walk begins */
  after: Candidate | undefined;
  limit: number;
  /** whether the caller may see the keys of this api */
  isVisible(apiId: string): boolean;
};

/**
 * The keys for a page. If the walk ended because it had read `rowBudget` keys, `readUntil` is the last key that it
 * read.
 */
export type WalkedKeys = { found: Candidate[]; readUntil: Candidate | undefined };

/** A list has up to two parts: the keys with a value to order by, such as an expiry, and the keys without one. */
type Part = { hasValue: boolean; read(stretch: Stretch): Promise<Candidate[]> };

type Context = Pick<RunContext, "caller" | "slow" | "usage">;

/** how many candidates a statement reads: so many that few statements are needed, and so few that each is fast */
const candidatesAtOnce = 1_000;

/**
 * The state of a walk. Candidates are keys that are read in order and may match the filter. `budget`: how many more the
 * walk may read. `atOnce`: how many the next statement reads.
 */
type Progress = { found: Candidate[]; after: Candidate | undefined; budget: number; atOnce: number };

/** Reads candidates in order and keeps those that match, until the page is full or `rowBudget` candidates were read. */
export async function walkKeys(context: Context, walk: KeyWalk): Promise<WalkedKeys> {
  const few = await fewCandidates(context, walk);
  if (few !== undefined) return { found: await sorted(context, walk, few), readUntil: undefined };
  const progress = { found: [], after: walk.after, budget: rowBudget, atOnce: walk.limit };
  for (const part of partsFrom(context, walk)) {
    const { found, after } = progress;
    const end = await walkPart(context, walk, part, progress);
    if (end === "page is full") return { found: found.slice(0, walk.limit), readUntil: undefined };
    if (end === "budget is used") return { found, readUntil: progress.after ?? after };
    progress.after = undefined;
  }
  return { found: progress.found, readUntil: undefined };
}

async function walkPart(
  context: Context,
  walk: KeyWalk,
  part: Part,
  progress: Progress,
): Promise<"page is full" | "budget is used" | "part is over"> {
  for (;;) {
    const limit = Math.min(progress.atOnce, progress.budget);
    const candidates = await part.read({ after: progress.after, descending: walk.descending, limit });
    const matched = await matching(context, walk, candidates);
    // the statement for the keys without a value reads all keys, so those that have a value are left out here
    const ofPart = matched.filter(({ actual }) => part.hasValue || actual === null);
    progress.found.push(...ofPart.map(({ candidate }) => candidate));
    if (progress.found.length >= walk.limit) return "page is full";
    progress.after = candidates.at(-1) ?? progress.after;
    progress.budget -= candidates.length;
    progress.atOnce = candidatesAtOnce;
    if (candidates.length < limit) return "part is over";
    if (progress.budget === 0) return "budget is used";
  }
}

/**
 * All candidates, to be sorted in memory, if the filter names an identity, a role or an api with at most
 * `candidatesAtOnce` keys; undefined otherwise.
 */
async function fewCandidates(
  { caller, slow }: Context,
  { filter, orderBy }: KeyWalk,
): Promise<Candidate[] | undefined> {
  const isNarrow = [filter.identityId, filter.roleId, filter.apiId].some((id) => id !== undefined);
  if (orderBy === "created" || !isNarrow) return undefined;
  const stretch = { after: undefined, descending: false, limit: candidatesAtOnce + 1 };
  const candidates = await keysByCreation(slow, caller.workspaceId, filter, stretch);
  return candidates.length > candidatesAtOnce ? undefined : candidates;
}

async function sorted(context: Context, walk: KeyWalk, candidates: Candidate[]): Promise<Candidate[]> {
  const { after, descending, limit } = walk;
  const missing = walk.orderBy === "expires" ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
  const compare = (one: Candidate, other: Candidate) => {
    const [a, b] = [one.value ?? missing, other.value ?? missing];
    const order = a === b ? Buffer.compare(Buffer.from(one.id), Buffer.from(other.id)) : a < b ? -1 : 1;
    return descending ? -order : order;
  };
  const matched = await matching(context, walk, candidates);
  return matched
    .map(({ candidate: { id }, actual }) => ({ id, value: actual }))
    .filter((one) => after === undefined || compare(one, after) > 0)
    .sort(compare)
    .slice(0, limit);
}

/** The parts of the list in their order, without a part that earlier pages have read to its end. */
function partsFrom({ caller, slow, usage }: Context, walk: KeyWalk): Part[] {
  const { filter, orderBy, descending, after, unusedSinceMs } = walk;
  const { workspaceId } = caller;
  const byCreation: Part = {
    hasValue: false,
    read: (stretch) => keysByCreation(slow, workspaceId, filter, stretch),
  };
  if (orderBy === "created") return [byCreation];
  const byExpiry: Part = {
    hasValue: true,
    read: (stretch) => keysByExpiry(slow, workspaceId, filter, stretch),
  };
  const byLastUse: Part = {
    hasValue: true,
    async read({ after: last, limit }) {
      const position = last && { atMs: last.value ?? 0, keyId: last.id };
      const query = { workspaceId, after: position, beforeMs: unusedSinceMs, descending, limit };
      return (await usage.usedKeys(query)).map(({ keyId, atMs }) => ({ id: keyId, value: atMs }));
    },
  };
  // in ascending order, keys that never expire come last, and keys that were never used come first
  const all = orderBy === "expires" ? [byExpiry, byCreation] : [byCreation, byLastUse];
  const ascending = orderBy === "expires" && filter.expiresBeforeMs !== undefined ? [byExpiry] : all;
  const parts = descending ? ascending.toReversed() : ascending;
  const first = parts.findIndex(({ hasValue }) => after === undefined || hasValue === (after.value !== null));
  return first === -1 ? [] : parts.slice(first);
}

/** The candidates that match the filter. `actual` is the current value of the field by which the list is ordered. */
async function matching(
  { caller, slow, usage }: Context,
  { filter, orderBy, unusedSinceMs, isVisible }: KeyWalk,
  candidates: Candidate[],
): Promise<{ candidate: Candidate; actual: number | null }[]> {
  if (candidates.length === 0) return [];
  const ids = candidates.map(({ id }) => id);
  const rows = await matchingKeys(slow, caller.workspaceId, ids, filter);
  const visible = new Map(rows.filter(({ apiId }) => isVisible(apiId)).map((row) => [row.id, row]));
  const needsUses = orderBy === "lastUsed" || unusedSinceMs !== undefined;
  const uses = needsUses ? await usage.lastUses(caller.workspaceId, [...visible.keys()]) : undefined;
  return candidates.flatMap((candidate) => {
    const row = visible.get(candidate.id);
    const usedAtMs = uses?.get(candidate.id) ?? null;
    const isUsed = unusedSinceMs !== undefined && usedAtMs !== null && usedAtMs >= unusedSinceMs;
    if (row === undefined || isUsed) return [];
    const actual = { created: null, lastUsed: usedAtMs, expires: row.expiresAtMs }[orderBy];
    return [{ candidate, actual }];
  });
}
