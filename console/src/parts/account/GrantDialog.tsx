import { useChange } from "../../data/queries.ts";
import { useBound } from "../bound.ts";
import { FormDialog } from "../Dialog.tsx";
import { ExpiryField, expiryOf } from "../ExpiryField.tsx";
import { TextField } from "../fields.tsx";
import { numberIn } from "../limitDrafts.ts";
import type { Owner } from "./owner.ts";

type Props = { owner: Owner; name: string; onClose(): void };

/** The dialog that tops up a quota: it grants units in addition to the limit. */
export function GrantDialog({ owner, name, onClose }: Props) {
  const grant = useChange("quotas.grant", onClose);
  const [draft, field] = useBound({ amount: "", expires: "", reason: "" }, grant.error);
  const amount = numberIn(draft.amount);
  const reason = draft.reason.trim() || undefined;
  return (
    <FormDialog
      title={`Top up ${name}`}
      onClose={onClose}
      submit="Top up"
      busy={grant.isPending}
      error={grant.error}
      fields={["amount", "expires", "reason"]}
      onSubmit={() => grant.mutate({ ...owner, name, amount, reason, ...expiryOf(draft.expires) })}
    >
      <TextField
        label="Units"
        kind="number"
        {...field("amount")}
        hint="Units that expire first are spent first."
      />
      <ExpiryField {...field("expires")} />
      <TextField label="Reason" {...field("reason")} hint="Shown in the ledger." />
    </FormDialog>
  );
}
