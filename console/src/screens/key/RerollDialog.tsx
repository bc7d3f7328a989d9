import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { useChange } from "../../data/queries.ts";
import { FormDialog, SecretDialog } from "../../parts/Dialog.tsx";
import { SelectField } from "../../parts/fields.tsx";
import { overlaps } from "../../parts/overlaps.ts";

const options = [...overlaps, ["0", "ends at once"]] as const;

/** The dialog that replaces a key by a new key with the same settings. The old key can stay valid for a while. */
export function RerollDialog({ keyId, onClose }: { keyId: string; onClose(): void }) {
  const navigate = useNavigate();
  const [expiration, setExpiration] = useState<string>(overlaps[0][0]);
  const [made, setMade] = useState<{ keyId: string; key: string }>();
  const reroll = useChange("keys.rerollKey", setMade);
  if (made !== undefined) {
    const leave = () => {
      onClose();
      void navigate({ to: "/keys/$keyId", params: { keyId: made.keyId } });
    };
    const again = "The server can show this key again only if the old one was created as recoverable.";
    return <SecretDialog secret={made.key} again={again} onClose={leave} />;
  }
  return (
    <FormDialog
      title="Reroll this key"
      onClose={onClose}
      submit="Create the new key"
      busy={reroll.isPending}
      error={reroll.error}
      onSubmit={() => reroll.mutate({ keyId, expiration: Number(expiration) })}
    >
      <p className="soft">The new key has the same owner, limits, credits, roles and permissions.</p>
      <SelectField label="The old key" value={expiration} onChange={setExpiration} options={options} />
    </FormDialog>
  );
}
