import type { Period, SubjectKind, UsageOutcome } from "../domain/usage.ts";
import type { EventPage, EventQuery } from "./eventReader.ts";
import type { IdentifierQuery, IdentifierTop, Top, TopQuery } from "./tops.ts";

/**
 * How many verifications or decisions had this outcome, and how many credits they spent, in the period that begins at
 * `startMs`. If the query asks for sums by tag or by api, `name` is the tag or the api, and the row is the sum over the
 * whole time span; its `startMs` then means nothing.
 */
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
  /** the beginning of the time span, inclusive */
  startMs: number;
  /** the end of the time span, exclusive */
  endMs: number;
  /** only events with this tag are counted; undefined: all events */
  tag: string | undefined;
  /**
   * undefined: the result has counts by period; otherwise it has sums over the whole time span, by tag or, for a
   * workspace, by api
   */
  by: "api" | "tag" | undefined;
};

/** When a key was last verified, or when a root key was last used. */
export type LastUse = { keyId: string; atMs: number };

/** The last use of a root key that is not stored yet. */
export type LastUseToStore = LastUse & { workspaceId: string };

/** A query for keys of a workspace in the order of their last use. */
export type UsedKeysQuery = {
  workspaceId: string;
  /** only keys that follow this one in the order of the list */
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
  | { kind: "top"; query: TopQuery; isRest: boolean }
  | { kind: "topIdentifiers"; query: IdentifierQuery }
  | { kind: "events"; query: EventQuery };

/**
 * A message to the usage thread. `add` passes events as the text that `lineWriter` writes; the thread stores the
 * events, and now and then deletes old rows. `save` stores all counts immediately. `touch` stores last uses of root
 * keys. The other kinds are queries.
 *
 * `lostUntilMs` is the time of the latest event that was dropped before it could be sent. `steadyMs` is the time from
 * which the thread computes the age of stored rows. If `steadyMs` is undefined, the thread moves and deletes no row
 * because of its age.
 */
export type UsageOrder =
  | {
      kind: "add";
      text: string;
      lostUntilMs: number | undefined;
      nowMs: number;
      steadyMs: number | undefined;
    }
  | { kind: "save" }
  | { kind: "touch"; uses: LastUseToStore[] }
  | Question;

export type UsageOrderOf<K extends UsageOrder["kind"]> = Extract<UsageOrder, { kind: K }>;

/**
 * What the usage thread returns for each order. For `add`: how many events and counts it has dropped since its start,
 * how many stored events it has evicted to free space, and whether it has events or counts that are not stored yet.
 */
export type UsageResults = {
  add: { events: number; counts: number; evicted: number; isWaiting: boolean };
  save: undefined;
  touch: undefined;
  query: UsageRow[];
  lastUses: LastUse[];
  usedKeys: LastUse[];
  /**
   * `unfinished`: the caller must send the query again, with `isRest: true`, to read the rest. In between, the thread
   * can follow other orders.
   */
  top: Top | "unfinished";
  topIdentifiers: IdentifierTop;
  events: EventPage;
};
