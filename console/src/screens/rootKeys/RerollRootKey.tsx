import { useState } from "react";
import { useChange } from "../../data/queries.ts";
import { useSession } from "../../data/session.ts";
import { minuteMs } from "../../data/time.ts";
import { FormDialog, SecretDialog } from "../../parts/Dialog.tsx";
import { SelectField } from "../../parts/fields.tsx";
import { overlaps } from "../../parts/overlaps.ts";

const oneMinute = [String(minuteMs), "1 minute"] as const;

/**
 * The dialog that replaces a root key by a new root key with the same permissions. The old root key can stay valid for
 * a while. If this session uses it, it stays valid for at least an hour: the session ends with it, and the user must be
 * able to store the new root key before that.
 */
export function RerollRootKey({ keyId, onClose }: { keyId: string; onClose(): void }) {
  const isOwn = keyId === useSession().rootKeyId;
  const options = isOwn ? overlaps : [...overlaps, oneMinute];
  const [expiration, setExpiration] = useState<string>(overlaps[0][0]);
  const [secret, setSecret] = useState<string>();
  const reroll = useChange("rootKeys.rerollKey", ({ key }) => setSecret(key));
  if (secret !== undefined) return <SecretDialog secret={secret} onClose={onClose} />;
  return (
    <FormDialog
      title="Reroll this root key"
      onClose={onClose}
      submit="Create the new root key"
      busy={reroll.isPending}
      error={reroll.error}
      onSubmit={() => reroll.mutate({ keyId, expiration: Number(expiration) })}
    >
      <p className="soft">
        The new root key has the same permissions. Sessions that were started with the old root key end when
        that key does.
      </p>
      <SelectField label="The old root key" value={expiration} onChange={setExpiration} options={options} />
    </FormDialog>
  );
}
