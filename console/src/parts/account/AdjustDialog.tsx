import { useChange } from "../../data/queries.ts";
import { number } from "../../data/time.ts";
import { useBound } from "../bound.ts";
import { FormDialog } from "../Dialog.tsx";
import { TextField } from "../fields.tsx";
import { numberIn } from "../limitDrafts.ts";
import type { Owner } from "./owner.ts";

type Props = { owner: Owner; name: string; used: number; onClose(): void };

/**
 * The dialog that corrects what a quota has used in its current period. The field begins empty, because requests use
 * more units while the dialog is open. If the field began with the number that the page has loaded, saving it would
 * undo that use.
 */
export function AdjustDialog({ owner, name, used, onClose }: Props) {
  const adjust = useChange("quotas.adjust", onClose);
  const [draft, field] = useBound({ used: "", reason: "" }, adjust.error);
  const reason = draft.reason.trim() || undefined;
  return (
    <FormDialog
      title={`Correct the use of ${name}`}
      onClose={onClose}
      submit="Save"
      busy={adjust.isPending}
      error={adjust.error}
      fields={["used", "reason"]}
      onSubmit={() => adjust.mutate({ ...owner, name, used: numberIn(draft.used), reason })}
    >
      <TextField
        label="Used in this period"
        kind="number"
        {...field("used")}
        hint={`Now ${number(used)}. What you type replaces this number.`}
      />
      <TextField label="Reason" {...field("reason")} hint="Shown in the ledger." />
    </FormDialog>
  );
}
