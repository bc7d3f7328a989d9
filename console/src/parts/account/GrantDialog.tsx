import { useState } from "react";
import { flawAt } from "../../data/errors.ts";
import { useChange } from "../../data/queries.ts";
import { FormDialog } from "../Dialog.tsx";
import { TextField } from "../fields.tsx";
import { numberIn } from "../limitDrafts.ts";
import type { Owner } from "./owner.ts";

type Props = { owner: Owner; name: string; onClose(): void };

/** The dialog that tops up a quota: grants it units in addition to its limit. */
export function GrantDialog({ owner, name, onClose }: Props) {
  const [amount, setAmount] = useState("");
  const [expires, setExpires] = useState("");
  const [reason, setReason] = useState("");
  const grant = useChange("quotas.grant", onClose);
  const submit = () =>
    grant.mutate({
      ...owner,
      name,
      amount: numberIn(amount),
      ...(expires === "" ? {} : { expires: new Date(expires).getTime() }),
      ...(reason.trim() === "" ? {} : { reason: reason.trim() }),
    });
  return (
    <FormDialog
      title={`Top up ${name}`}
      onClose={onClose}
      submit="Top up"
      busy={grant.isPending}
      error={grant.error}
      fields={["amount", "expires", "reason"]}
      onSubmit={submit}
    >
      <TextField
        label="Units"
        kind="number"
        value={amount}
        onChange={setAmount}
        hint="Units that expire first are spent first."
        error={flawAt(grant.error, "amount")}
      />
      <TextField
        label="Expires"
        kind="datetime-local"
        value={expires}
        onChange={setExpires}
        hint="Empty: never. In this browser's time zone."
        error={flawAt(grant.error, "expires")}
      />
      <TextField
        label="Reason"
        value={reason}
        onChange={setReason}
        hint="Shown in the ledger."
        error={flawAt(grant.error, "reason")}
      />
    </FormDialog>
  );
}
