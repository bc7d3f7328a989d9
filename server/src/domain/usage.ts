/** One verification, or one rate limit decision. */
export type UsageEvent = {
  atMs: number;
  workspaceId: string;
  requestId: string;
  keyId: string | undefined;
  identityId: string | undefined;
  apiId: string | undefined;
  /** of a rate limit decision */
  namespaceId: string | undefined;
  /** a verification's code, or PASSED or REFUSED */
  outcome: string;
  /** credits or cost that were spent */
  credits: number;
  tags: readonly string[];
};

/** Equal events of one minute, counted. */
export type CountedUse = Omit<UsageEvent, "requestId"> & { minuteMs: number; count: number; lastMs: number };

export const periodMs = { minute: 60_000, hour: 3_600_000, day: 86_400_000 } as const;

export type Period = keyof typeof periodMs;

/** One number to be added to what is stored; `tag` is empty for all events, tagged or not. */
export type UsageAddition = {
  workspaceId: string;
  subjectId: string;
  period: Period;
  startMs: number;
  outcome: string;
  tag: string;
  count: number;
  credits: number;
};

const periods = Object.keys(periodMs) as Period[];

/** What these counts add to the key, the identity, the api or the namespace: by minute, hour and day, and by tag. */
export function planAdditions(counts: readonly CountedUse[]): UsageAddition[] {
  const sums = new Map<string, UsageAddition>();
  for (const use of counts) {
    const subjects = [use.keyId, use.identityId, use.apiId, use.namespaceId].filter((id) => id !== undefined);
    for (const subjectId of subjects) {
      for (const period of periods) {
        for (const tag of ["", ...use.tags]) add(sums, use, subjectId, period, tag);
      }
    }
  }
  return [...sums.values()];
}

function add(
  sums: Map<string, UsageAddition>,
  use: CountedUse,
  subjectId: string,
  period: Period,
  tag: string,
): void {
  const startMs = use.minuteMs - (use.minuteMs % periodMs[period]);
  const name = `${subjectId}/${period}/${startMs}/${use.outcome}/${tag}`;
  const sum = sums.get(name);
  if (sum !== undefined) {
    sum.count += use.count;
    sum.credits += use.credits;
    return;
  }
  const { workspaceId, outcome, count, credits } = use;
  sums.set(name, { workspaceId, subjectId, period, startMs, outcome, tag, count, credits });
}
