import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import type { Data } from "../../data/api.ts";
import { useChange } from "../../data/queries.ts";
import { type Part, PartDialog } from "../../parts/account/PartDialog.tsx";
import { Button } from "../../parts/Button.tsx";
import { ConfirmDialog } from "../../parts/ConfirmDialog.tsx";
import { Fresh } from "../../parts/Fresh.tsx";

type Open = Part | "delete";

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
          {(fresh) =>
            open === "delete" ? (
              <DeleteDialog value={fresh} onClose={dialog.onClose} />
            ) : (
              <PartDialog
                {...dialog}
                part={open}
                value={fresh}
                onSave={(next) => update.mutate({ identity: id, ...next })}
              />
            )
          }
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
