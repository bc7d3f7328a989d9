import { bound } from "../bound.ts";
import { CheckField, SelectField, TextField } from "../fields.tsx";
import type { QuotaDraft } from "./quotaDrafts.ts";

type Props = {
  draft: QuotaDraft;
  onChange(change: Partial<QuotaDraft>): void;
  errorAt(field: string): string | undefined;
};

const periods = ["hour", "day", "week", "month", "year"] as const;

export function QuotaFields(props: Props) {
  const { draft, onChange, errorAt } = props;
  const field = bound(draft, onChange, errorAt);
  return (
    <>
      <div className="fields">
        <TextField label="Name" {...field("name")} hint="A quota with a new name starts unused." />
        <TextField label="Units per period" kind="number" {...field("limit")} />
        <TextField label="Every" kind="number" {...field("every")} />
        <SelectField
          label="Period"
          {...field("period")}
          options={periods.map((period) => [period, period] as const)}
        />
        <Beginning {...props} />
        <Beyond {...props} />
        <TextField
          label="Report when this much is used, in percent"
          {...field("thresholds")}
          placeholder="80, 100"
        />
      </div>
      <CheckField
        label="Every verification costs one unit"
        checked={draft.autoApply}
        onChange={(autoApply) => onChange({ autoApply })}
      />
    </>
  );
}

/** The fields for when the periods begin. */
function Beginning({ draft, onChange, errorAt }: Props) {
  const field = bound(draft, onChange, errorAt);
  return (
    <>
      <SelectField
        label="Periods begin"
        {...field("anchor")}
        error={undefined}
        options={[
          ["calendar", "with the calendar"],
          ["first_use", "with the first use"],
          ["instant", "on a billing day"],
        ]}
      />
      {draft.anchor === "instant" ? (
        <TextField
          label="First period begins"
          kind="datetime-local"
          {...field("begins", "anchor")}
          hint="In this browser's time zone."
        />
      ) : null}
      <TextField
        label="Time zone"
        {...field("timeZone")}
        placeholder="Europe/Berlin"
        hint="Empty: the workspace's time zone"
      />
    </>
  );
}

/** The fields that say what happens to unused units at the end of a period, and to requests when no units are left. */
function Beyond({ draft, onChange, errorAt }: Props) {
  const field = bound(draft, onChange, errorAt);
  return (
    <>
      <TextField
        label="Units carried over"
        kind="number"
        {...field("rollover")}
        hint="The most unused units that the next period gets. Empty: none"
      />
      <SelectField
        label="When the limit is used up"
        {...field("overage")}
        error={undefined}
        options={[
          ["refuse", "refuse requests"],
          ["allow", "allow and count more"],
          ["up to", "allow more, up to"],
        ]}
      />
      {draft.overage === "up to" ? (
        <TextField label="Most units used in a period" kind="number" {...field("highest", "overage")} />
      ) : null}
    </>
  );
}
