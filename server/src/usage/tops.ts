import type { Period, SubjectKind, UsageOutcome } from "../domain/usage.ts";

export type TopQuery = {
  workspaceId: string;
  of: SubjectKind;
  /** the time is rounded to these */
  period: Period;
  startMs: number;
  endMs: number;
  outcome: UsageOutcome | undefined;
  limit: number;
};

export type Top = { name: string; count: number }[];

export type IdentifierQuery = {
  workspaceId: string;
  namespaceId: string | undefined;
  startMs: number;
  endMs: number;
  outcome: UsageOutcome | undefined;
  limit: number;
};

/** `readSinceMs`: the events before this time were not read, since there are too many, or are not kept. */
export type IdentifierTop = { top: Top; readSinceMs: number };
