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
  return (
    <>
      <div className="fields">
        <TextField
          label="Name"
          value={draft.name}
          onChange={(name) => onChange({ name })}
          error={errorAt("name")}
        />
        <TextField
          label="Units per period"
          kind="number"
          value={draft.limit}
          onChange={(limit) => onChange({ limit })}
          error={errorAt("limit")}
        />
        <TextField
          label="Every"
          kind="number"
          value={draft.every}
          onChange={(every) => onChange({ every })}
          error={errorAt("every")}
        />
        <SelectField
          label="Period"
          value={draft.period}
          onChange={(period) => onChange({ period: period as QuotaDraft["period"] })}
          options={periods.map((period) => [period, period] as const)}
        />
        <Beginning {...props} />
        <Beyond {...props} />
        <TextField
          label="Report when this much is used, in percent"
          value={draft.thresholds}
          onChange={(thresholds) => onChange({ thresholds })}
          placeholder="80, 100"
          error={errorAt("thresholds")}
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
  return (
    <>
      <SelectField
        label="Periods begin"
        value={draft.anchor}
        onChange={(anchor) => onChange({ anchor: anchor as QuotaDraft["anchor"] })}
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
          value={draft.begins}
          onChange={(begins) => onChange({ begins })}
          hint="In this browser's time zone."
          error={errorAt("anchor")}
        />
      ) : null}
      <TextField
        label="Time zone"
        value={draft.timeZone}
        onChange={(timeZone) => onChange({ timeZone })}
        placeholder="Europe/Berlin"
        hint="Empty: the workspace's time zone"
        error={errorAt("timeZone")}
      />
    </>
  );
}

/** The fields that say what happens to unused units at the end of a period, and to requests when no units are left. */
function Beyond({ draft, onChange, errorAt }: Props) {
  return (
    <>
      <TextField
        label="Units carried over"
        kind="number"
        value={draft.rollover}
        onChange={(rollover) => onChange({ rollover })}
        hint="The most unused units that the next period gets. Empty: none"
        error={errorAt("rollover")}
      />
      <SelectField
        label="When the limit is used up"
        value={draft.overage}
        onChange={(overage) => onChange({ overage: overage as QuotaDraft["overage"] })}
        options={[
          ["refuse", "refuse requests"],
          ["allow", "allow and count more"],
          ["up to", "allow more, up to"],
        ]}
      />
      {draft.overage === "up to" ? (
        <TextField
          label="Most units used in a period"
          kind="number"
          value={draft.highest}
          onChange={(highest) => onChange({ highest })}
          error={errorAt("overage")}
        />
      ) : null}
    </>
  );
}
