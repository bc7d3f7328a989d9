import type { Data, Input } from "../../data/api.ts";
import { instantIn, localText } from "../InstantFilter.tsx";
import { numberIn } from "../limitDrafts.ts";

export type Quota = Data<"keys.getState">["quotas"][number];
export type QuotaInput = NonNullable<Input<"identities.updateIdentity">["quotas"]>[number];

/**
 * A quota in a form. `id` is only for React: the name cannot identify the row, because it changes while the user types.
 */
export type QuotaDraft = {
  id: number;
  name: string;
  limit: string;
  every: string;
  period: Quota["period"];
  timeZone: string;
  anchor: "calendar" | "first_use" | "instant";
  /** used if `anchor` is `instant`: when the first period begins, in the browser's time zone */
  begins: string;
  /** when the first period of the stored quota begins */
  storedAnchorMs: number | undefined;
  rollover: string;
  overage: "refuse" | "allow" | "up to";
  /** used if `overage` is `up to`: the most units that may be used in a period, the limit included */
  highest: string;
  thresholds: string;
  autoApply: boolean;
};

let drafts = 0;

export function newQuotaDraft(): QuotaDraft {
  drafts += 1;
  return {
    id: drafts,
    name: "",
    limit: "",
    every: "1",
    period: "month",
    timeZone: "",
    anchor: "calendar",
    begins: "",
    storedAnchorMs: undefined,
    rollover: "",
    overage: "refuse",
    highest: "",
    thresholds: "",
    autoApply: true,
  };
}

export function quotaDraft(quota: Quota): QuotaDraft {
  const { anchor, overage, rollover } = quota;
  return {
    ...newQuotaDraft(),
    name: quota.name,
    limit: String(quota.limit),
    every: String(quota.every),
    period: quota.period,
    timeZone: quota.timeZone,
    anchor: typeof anchor === "number" ? "instant" : anchor,
    begins: typeof anchor === "number" ? localText(anchor) : "",
    storedAnchorMs: typeof anchor === "number" ? anchor : undefined,
    rollover: rollover === undefined ? "" : String(rollover.max),
    overage: typeof overage === "number" ? "up to" : overage,
    highest: typeof overage === "number" ? String(overage) : "",
    thresholds: quota.thresholds.join(", "),
    autoApply: quota.autoApply,
  };
}

/** Returns the quota for the request. The quota is not checked here: the server's error names the invalid fields. */
export function quotaOf(draft: QuotaDraft): QuotaInput {
  const { timeZone, rollover, thresholds } = draft;
  return {
    name: draft.name,
    limit: numberIn(draft.limit),
    every: numberIn(draft.every),
    period: draft.period,
    anchor: draft.anchor === "instant" ? instantIn(draft.begins, draft.storedAnchorMs) : draft.anchor,
    overage: overageOf(draft),
    thresholds: thresholds.split(/[\s,%]+/).flatMap((text) => (text === "" ? [] : [numberIn(text)])),
    autoApply: draft.autoApply,
    ...(timeZone.trim() === "" ? {} : { timeZone: timeZone.trim() }),
    ...(rollover.trim() === "" ? {} : { rollover: { max: numberIn(rollover) } }),
  };
}

/**
 * Returns the overage for the request. Text that is not a number is replaced by NaN, because the text could be `allow`,
 * which the server accepts. NaN becomes null in JSON, and the server refuses null.
 */
function overageOf({ overage, highest }: QuotaDraft) {
  if (overage !== "up to") return overage;
  const most = numberIn(highest);
  return Number.isFinite(most) ? most : Number.NaN;
}
