import type { Period, SubjectKind, UsageOutcome } from "../domain/usage.ts";

export type TopQuery = {
  workspaceId: string;
  of: SubjectKind;
  /** `startMs` is rounded down and `endMs` up to whole periods */
  period: Period;
  startMs: number;
  endMs: number;
  outcome: UsageOutcome | undefined;
  limit: number;
};

export type Top = { name: string; count: number }[];

/** A count of the subject or tag with this number. */
export type NumberedCount = { no: number; count: number };

export type IdentifierQuery = {
  workspaceId: string;
  namespaceId: string | undefined;
  startMs: number;
  endMs: number;
  outcome: UsageOutcome | undefined;
  limit: number;
};

/** Events before `readSinceMs` are not included: there were too many to read, or they are no longer stored. */
export type IdentifierTop = { top: Top; readSinceMs: number };
