import type { Data } from "../../data/api.ts";
import { flawAt } from "../../data/errors.ts";
import { bound } from "../bound.ts";
import { SelectField, TextField } from "../fields.tsx";
import { numberIn } from "../limitDrafts.ts";

export type Credits = NonNullable<Data<"keys.getKey">["credits"]>;
type Interval = "none" | "daily" | "monthly";

export type CreditsDraft = { remaining: string; interval: Interval; amount: string; day: string };

export function creditsDraft(credits: Credits | undefined): CreditsDraft {
  const { remaining = null, refill } = credits ?? {};
  return {
    remaining: remaining === null ? "" : String(remaining),
    interval: refill?.interval ?? "none",
    amount: refill === undefined ? "" : String(refill.amount),
    day: String(refill?.refillDay ?? 1),
  };
}

/** Returns the credits that the form describes. The server refuses a refill of unlimited credits. */
export function creditsOf({ remaining, interval, amount, day }: CreditsDraft) {
  const monthly = interval === "monthly" ? { refillDay: numberIn(day) } : {};
  const refill = interval === "none" ? undefined : { interval, amount: numberIn(amount), ...monthly };
  return { remaining: remaining.trim() === "" ? null : numberIn(remaining), refill };
}

type Props = { draft: CreditsDraft; onChange(draft: CreditsDraft): void; error: unknown };

export function CreditsField({ draft, onChange, error }: Props) {
  const field = bound(
    draft,
    (change) => onChange({ ...draft, ...change }),
    (at) => flawAt(error, `credits.${at}`),
  );
  const interval = field("interval", "refill");
  const amount = field("amount", "refill.amount");
  const day = field("day", "refill.refillDay");
  const isShownBelow = amount.error !== undefined || day.error !== undefined;
  return (
    <div className="fields">
      <TextField
        label="Credits left"
        kind="number"
        {...field("remaining")}
        hint="Empty: unlimited, which allows no refill"
      />
      <SelectField
        label="Refill"
        {...interval}
        error={isShownBelow ? undefined : interval.error}
        options={[
          ["none", "none"],
          ["daily", "daily"],
          ["monthly", "monthly"],
        ]}
      />
      {draft.interval === "none" ? null : <TextField label="Refill to" kind="number" {...amount} />}
      {draft.interval === "monthly" ? <TextField label="Day of the month" kind="number" {...day} /> : null}
    </div>
  );
}
