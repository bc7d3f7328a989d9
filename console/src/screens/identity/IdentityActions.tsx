import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import type { Data } from "../../data/api.ts";
import { useChange } from "../../data/queries.ts";
import { CreditsDialog } from "../../parts/account/CreditsDialog.tsx";
import { Button } from "../../parts/Button.tsx";
import { ConfirmDialog } from "../../parts/ConfirmDialog.tsx";
import { LimitsDialog } from "../../parts/LimitsDialog.tsx";
import { MetaDialog } from "../../parts/MetaDialog.tsx";

type Open = "meta" | "limits" | "credits" | "delete";

export function IdentityActions({ identity }: { identity: Data<"identities.getIdentity"> }) {
  const { id, meta, ratelimits, credits, externalId } = identity;
  const [open, setOpen] = useState<Open>();
  const navigate = useNavigate();
  const update = useChange("identities.updateIdentity", () => setOpen(undefined));
  const show = (what: Open) => {
    update.reset();
    setOpen(what);
  };
  const dialog = { onClose: () => setOpen(undefined), busy: update.isPending, error: update.error };
  return (
    <>
      <Button needs="identity.*.update_identity" onClick={() => show("meta")}>
        Edit meta
      </Button>
      <Button needs="identity.*.update_identity" onClick={() => show("limits")}>
        Edit limits
      </Button>
      <Button needs="identity.*.update_identity" onClick={() => show("credits")}>
        Edit credits
      </Button>
      <Button needs="identity.*.delete_identity" kind="danger" onClick={() => show("delete")}>
        Delete
      </Button>
      {open === "meta" ? (
        <MetaDialog {...dialog} meta={meta} onSave={(next) => update.mutate({ identity: id, meta: next })} />
      ) : null}
      {open === "limits" ? (
        <LimitsDialog
          {...dialog}
          ratelimits={ratelimits}
          onSave={(next) => update.mutate({ identity: id, ratelimits: next })}
        />
      ) : null}
      {open === "credits" ? (
        <CreditsDialog
          {...dialog}
          credits={credits}
          onSave={(next) => update.mutate({ identity: id, credits: next })}
        />
      ) : null}
      {open === "delete" ? (
        <ConfirmDialog
          title="Delete this identity?"
          onClose={dialog.onClose}
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
      ) : null}
    </>
  );
}
