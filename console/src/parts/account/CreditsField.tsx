import type { Data } from "../../data/api.ts";
import { flawAt } from "../../data/errors.ts";
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

/** Returns the credits that the form describes, or `undefined` if they are unlimited. */
export function creditsOf({ remaining, interval, amount, day }: CreditsDraft) {
  if (remaining.trim() === "") return undefined;
  const left = { remaining: numberIn(remaining) };
  if (interval === "none") return left;
  const monthly = interval === "monthly" ? { refillDay: numberIn(day) } : {};
  return { ...left, refill: { interval, amount: numberIn(amount), ...monthly } };
}

type Props = { draft: CreditsDraft; onChange(draft: CreditsDraft): void; error: unknown };

export function CreditsField({ draft, onChange, error }: Props) {
  const set = (change: Partial<CreditsDraft>) => onChange({ ...draft, ...change });
  return (
    <div className="fields">
      <TextField
        label="Credits left"
        kind="number"
        value={draft.remaining}
        onChange={(remaining) => set({ remaining })}
        hint="Empty: unlimited"
        error={flawAt(error, "credits.remaining")}
      />
      <SelectField
        label="Refill"
        value={draft.interval}
        onChange={(interval) => set({ interval: interval as Interval })}
        options={[
          ["none", "none"],
          ["daily", "daily"],
          ["monthly", "monthly"],
        ]}
      />
      {draft.interval === "none" ? null : (
        <TextField
          label="Refill to"
          kind="number"
          value={draft.amount}
          onChange={(amount) => set({ amount })}
          error={flawAt(error, "credits.refill")}
        />
      )}
      {draft.interval === "monthly" ? (
        <TextField
          label="Day of the month"
          kind="number"
          value={draft.day}
          onChange={(day) => set({ day })}
        />
      ) : null}
    </div>
  );
}
