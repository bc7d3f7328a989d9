import type { Period, SubjectKind, UsageOutcome } from "../domain/usage.ts";
import type { EventPage, EventQuery } from "./eventReader.ts";
import type { IdentifierQuery, IdentifierTop, Top, TopQuery } from "./tops.ts";

/** How many verifications or decisions had this outcome in one period. `name`: the tag or the api, if they are told apart. */
export type UsageRow = {
  startMs: number;
  outcome: UsageOutcome;
  name: string | undefined;
  count: number;
  credits: number;
};

export type UsageQuery = {
  workspaceId: string;
  subject: { kind: SubjectKind; id: string };
  period: Period;
  /** inclusive */
  startMs: number;
  /** exclusive */
  endMs: number;
  /** only what carried this tag; undefined: everything */
  tag: string | undefined;
  /** the sums of the whole time by tag, or, for a workspace, by api; undefined: by period */
  by: "api" | "tag" | undefined;
};

/** When a key was last verified, or a root key last used. */
export type LastUsed = { keyId: string; atMs: number };

export type LastUse = LastUsed & { workspaceId: string };

/** A stretch of the keys of a workspace in the order of their last use. */
export type UsedKeysQuery = {
  workspaceId: string;
  /** only keys that come after this one in the direction of the list */
  after: { atMs: number; keyId: string } | undefined;
  /** only keys that were last used before this time */
  beforeMs: number | undefined;
  descending: boolean;
  limit: number;
};

type Question =
  | { kind: "usedKeys"; query: UsedKeysQuery }
  | { kind: "query"; query: UsageQuery }
  | { kind: "lastUses"; workspaceId: string; keyIds: readonly string[] }
  | { kind: "top"; query: TopQuery }
  | { kind: "topIdentifiers"; query: IdentifierQuery }
  | { kind: "events"; query: EventQuery };

/**
 * What the usage thread is asked to do. `text`: events, as `lineWriter` writes them. `lostUntilMs`: the time of the last event that was
 * dropped before it could be sent. `save` stores all counts. `oldTimeMs`: the time by which rows are old and may be deleted; undefined: nothing is
 * deleted.
 */
export type UsageOrder =
  | {
      kind: "add";
      text: string;
      lostUntilMs: number | undefined;
      nowMs: number;
      oldTimeMs: number | undefined;
    }
  | { kind: "save" }
  | { kind: "touch"; uses: LastUse[] }
  | Question;

export type UsageOrderOf<K extends UsageOrder["kind"]> = Extract<UsageOrder, { kind: K }>;

/**
 * What it returns. Of `add`: how many events and counts it dropped since its start, how many stored events gave way to
 * newer ones, and whether something waits to be stored.
 */
export type UsageResults = {
  add: { events: number; counts: number; evicted: number; isWaiting: boolean };
  save: undefined;
  touch: undefined;
  query: UsageRow[];
  lastUses: LastUsed[];
  usedKeys: LastUsed[];
  top: Top;
  topIdentifiers: IdentifierTop;
  events: EventPage;
};
