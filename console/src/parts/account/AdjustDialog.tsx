import { useState } from "react";
import { flawAt } from "../../data/errors.ts";
import { useChange } from "../../data/queries.ts";
import { FormDialog } from "../Dialog.tsx";
import { TextField } from "../fields.tsx";
import { numberIn } from "../limitDrafts.ts";
import type { Owner } from "./owner.ts";

type Props = { owner: Owner; name: string; used: number; onClose(): void };

/** Corrects what a quota has used in its current period. */
export function AdjustDialog({ owner, name, used, onClose }: Props) {
  const [next, setNext] = useState(String(used));
  const [reason, setReason] = useState("");
  const adjust = useChange("quotas.adjust", onClose);
  const submit = () =>
    adjust.mutate({
      ...owner,
      name,
      used: numberIn(next),
      ...(reason.trim() === "" ? {} : { reason: reason.trim() }),
    });
  return (
    <FormDialog
      title={`Correct ${name}`}
      onClose={onClose}
      submit="Save"
      busy={adjust.isPending}
      error={adjust.error}
      fields={["used", "reason"]}
      onSubmit={submit}
    >
      <TextField
        label="Used in this period"
        kind="number"
        value={next}
        onChange={setNext}
        error={flawAt(adjust.error, "used")}
      />
      <TextField
        label="Reason"
        value={reason}
        onChange={setReason}
        hint="Shown in the ledger."
        error={flawAt(adjust.error, "reason")}
      />
    </FormDialog>
  );
}
