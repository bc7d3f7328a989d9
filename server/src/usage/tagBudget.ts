import { periodMs } from "../domain/usage.ts";

const perHour = {
  /** the maximum number of distinct tags of a key */
  ofKey: 100,
  /** the maximum number of distinct tags of a workspace */
  ofWorkspace: 1_000,
  /** the maximum number of distinct pairs of a key and a tag in a workspace */
  pairs: 20_000,
} as const;

const otherTags = "other";

/** `bounded` returns the tags under which an event is counted: it replaces tags beyond the budget with `other`. */
export type TagBudget = { bounded(keyId: string, atMs: number, tags: readonly string[]): string[] };

/** Limits how many distinct tags of a workspace are counted in an hour. Further tags are counted as `other`. */
export function tagBudget(): TagBudget {
  let hour = 0;
  let known = new Set<string>();
  let byKey = new Map<string, Set<string>>();
  let pairs = 0;

  /** Returns whether a tag is within the budget, and adds it to the known tags if it is new. */
  function admit(ofKey: Set<string>, tag: string): boolean {
    if (ofKey.has(tag)) return true;
    const isFull = ofKey.size >= perHour.ofKey || pairs >= perHour.pairs;
    if (isFull || (known.size >= perHour.ofWorkspace && !known.has(tag))) return false;
    known.add(tag);
    ofKey.add(tag);
    pairs += 1;
    return true;
  }

  return {
    bounded(keyId, atMs, tags) {
      const nowHour = Math.floor(atMs / periodMs.hour);
      if (nowHour !== hour) {
        hour = nowHour;
        known = new Set();
        byKey = new Map();
        pairs = 0;
      }
      let ofKey = byKey.get(keyId);
      if (ofKey === undefined) {
        ofKey = new Set();
        byKey.set(keyId, ofKey);
      }
      const bounded = new Set<string>();
      for (const tag of tags) bounded.add(admit(ofKey, tag) ? tag : otherTags);
      return [...bounded];
    },
  };
}
