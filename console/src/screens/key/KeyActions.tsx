import { useState } from "react";
import type { Data } from "../../data/api.ts";
import { useChange } from "../../data/queries.ts";
import { ActionMenu } from "../../parts/ActionMenu.tsx";
import { CreditsDialog } from "../../parts/account/CreditsDialog.tsx";
import { Button } from "../../parts/Button.tsx";
import { ChangeButton } from "../../parts/ChangeButton.tsx";
import { Fresh } from "../../parts/Fresh.tsx";
import { LimitsDialog } from "../../parts/LimitsDialog.tsx";
import { MetaDialog } from "../../parts/MetaDialog.tsx";
import { AccessDialog } from "./AccessDialog.tsx";
import { DeleteDialog } from "./DeleteDialog.tsx";
import { DetailsDialog } from "./DetailsDialog.tsx";
import { RerollDialog } from "./RerollDialog.tsx";
import { RevealDialog } from "./RevealDialog.tsx";

type Open = "details" | "meta" | "credits" | "limits" | "access" | "reroll" | "reveal" | "delete";

const update = "api.<id>.update_key";

type Key = Data<"keys.getKey">;

export function KeyActions({ value: key }: { value: Key }) {
  const { keyId } = key;
  const [open, setOpen] = useState<Open>();
  const close = () => setOpen(undefined);
  const change = useChange("keys.updateKey", close);
  const show = (what: Open) => () => {
    change.reset();
    setOpen(what);
  };
  const dialog = { onClose: close, busy: change.isPending, error: change.error };
  const dialogs: Record<Open, (fresh: Key) => React.ReactNode> = {
    details: (fresh) => <DetailsDialog {...dialog} value={fresh} onSave={change.mutate} />,
    meta: ({ meta }) => (
      <MetaDialog {...dialog} meta={meta} onSave={(next) => change.mutate({ keyId, meta: next })} />
    ),
    credits: ({ credits }) => (
      <CreditsDialog
        {...dialog}
        credits={credits}
        onSave={(next) => change.mutate({ keyId, credits: next })}
      />
    ),
    limits: ({ ratelimits = [] }) => (
      <LimitsDialog
        {...dialog}
        ratelimits={ratelimits}
        onSave={(next) => change.mutate({ keyId, ratelimits: next })}
      />
    ),
    access: (fresh) => <AccessDialog {...dialog} value={fresh} onSave={change.mutate} />,
    reroll: () => <RerollDialog keyId={keyId} onClose={close} />,
    reveal: () => <RevealDialog keyId={keyId} onClose={close} />,
    delete: (fresh) => <DeleteDialog value={fresh} onClose={close} />,
  };
  return (
    <>
      <ChangeButton needs={update} operation="keys.updateKey" input={{ keyId, enabled: !key.enabled }}>
        {key.enabled ? "Disable" : "Enable"}
      </ChangeButton>
      <Button needs="api.<id>.create_key" onClick={show("reroll")}>
        Reroll
      </Button>
      <ActionMenu
        label="More"
        actions={[
          { label: "Edit name, owner and expiry", needs: update, onSelect: show("details") },
          { label: "Edit meta", needs: update, onSelect: show("meta") },
          { label: "Edit limits", needs: update, onSelect: show("limits") },
          { label: "Edit credits", needs: update, onSelect: show("credits") },
          { label: "Edit roles and permissions", needs: update, onSelect: show("access") },
          { label: "Reveal the key", needs: "api.<id>.decrypt_key", onSelect: show("reveal") },
          { label: "Delete", needs: "api.<id>.delete_key", isDangerous: true, onSelect: show("delete") },
        ]}
      />
      {open === undefined ? null : (
        <Fresh key={open} operation="keys.getKey" input={{ keyId }} onClose={close}>
          {(fresh) => dialogs[open](fresh)}
        </Fresh>
      )}
    </>
  );
}
