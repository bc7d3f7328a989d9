import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import type { Data } from "../../data/api.ts";
import { useChange } from "../../data/queries.ts";
import { CreditsDialog } from "../../parts/account/CreditsDialog.tsx";
import { Button } from "../../parts/Button.tsx";
import { ConfirmDialog } from "../../parts/ConfirmDialog.tsx";
import { Fresh } from "../../parts/Fresh.tsx";
import { LimitsDialog } from "../../parts/LimitsDialog.tsx";
import { MetaDialog } from "../../parts/MetaDialog.tsx";

type Open = "meta" | "limits" | "credits" | "delete";

type Identity = Data<"identities.getIdentity">;

export function IdentityActions({ identity: { id } }: { identity: Identity }) {
  const [open, setOpen] = useState<Open>();
  const needs = `identity.${id}.update_identity`;
  const update = useChange("identities.updateIdentity", () => setOpen(undefined));
  const show = (what: Open) => {
    update.reset();
    setOpen(what);
  };
  const dialog = { onClose: () => setOpen(undefined), busy: update.isPending, error: update.error };
  const dialogs: Record<Open, (fresh: Identity) => React.ReactNode> = {
    meta: ({ meta }) => (
      <MetaDialog {...dialog} meta={meta} onSave={(next) => update.mutate({ identity: id, meta: next })} />
    ),
    limits: ({ ratelimits }) => (
      <LimitsDialog
        {...dialog}
        ratelimits={ratelimits}
        onSave={(next) => update.mutate({ identity: id, ratelimits: next })}
      />
    ),
    credits: ({ credits }) => (
      <CreditsDialog
        {...dialog}
        credits={credits}
        onSave={(next) => update.mutate({ identity: id, credits: next })}
      />
    ),
    delete: (fresh) => <DeleteDialog value={fresh} onClose={dialog.onClose} />,
  };
  return (
    <>
      <Button needs={needs} onClick={() => show("meta")}>
        Edit meta
      </Button>
      <Button needs={needs} onClick={() => show("limits")}>
        Edit limits
      </Button>
      <Button needs={needs} onClick={() => show("credits")}>
        Edit credits
      </Button>
      <Button needs={`identity.${id}.delete_identity`} kind="danger" onClick={() => show("delete")}>
        Delete
      </Button>
      {open === undefined ? null : (
        <Fresh
          key={open}
          operation="identities.getIdentity"
          input={{ identity: id }}
          onClose={dialog.onClose}
        >
          {(fresh) => dialogs[open](fresh)}
        </Fresh>
      )}
    </>
  );
}

function DeleteDialog({ value: { id, externalId }, onClose }: { value: Identity; onClose(): void }) {
  const navigate = useNavigate();
  return (
    <ConfirmDialog
      title="Delete this identity?"
      onClose={onClose}
      submit="Delete"
      name={externalId}
      operation="identities.deleteIdentity"
      input={{ identity: id }}
      onDone={() => void navigate({ to: "/identities" })}
    >
      <p>
        Its keys stay, without an owner and without the limits, credits and quotas that they shared. A key
        without credits of its own is then unlimited.
      </p>
    </ConfirmDialog>
  );
}
