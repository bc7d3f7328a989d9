import type { Data } from "../../data/api.ts";
import { useChange } from "../../data/queries.ts";
import { type Part, PartDialog } from "../../parts/account/PartDialog.tsx";
import { Fresh } from "../../parts/Fresh.tsx";
import { AccessDialog } from "./AccessDialog.tsx";
import { DeleteDialog } from "./DeleteDialog.tsx";
import { DetailsDialog } from "./DetailsDialog.tsx";
import { RerollDialog } from "./RerollDialog.tsx";
import { RevealDialog } from "./RevealDialog.tsx";

type EditKind = Part | "details" | "access";
export type KeyDialogKind = EditKind | "reroll" | "reveal" | "delete";

type Props = {
  value: Data<"keys.getKey">;
  kind: KeyDialogKind;
  onClose(): void;
  /** Called after a change with the server's warnings about it, if there are any. */
  onSaved(warnings: string[] | undefined): void;
};

/** One of the dialogs of a key. */
export function KeyDialog({ kind, ...dialog }: Props) {
  const { value: key, onClose } = dialog;
  if (kind === "reroll") return <RerollDialog keyId={key.keyId} onClose={onClose} />;
  if (kind === "reveal") return <RevealDialog keyId={key.keyId} onClose={onClose} />;
  if (kind === "delete") return <DeleteDialog value={key} onClose={onClose} />;
  return <EditDialog {...dialog} kind={kind} />;
}

function EditDialog({ value: { keyId }, kind, onClose, onSaved }: Props & { kind: EditKind }) {
  const change = useChange("keys.updateKey", ({ warnings }) => {
    onClose();
    onSaved(warnings);
  });
  const dialog = { onClose, busy: change.isPending, error: change.error };
  return (
    <Fresh operation="keys.getKey" input={{ keyId }} onClose={onClose}>
      {(fresh) => {
        if (kind === "details") return <DetailsDialog {...dialog} value={fresh} onSave={change.mutate} />;
        if (kind === "access") return <AccessDialog {...dialog} value={fresh} onSave={change.mutate} />;
        return (
          <PartDialog
            {...dialog}
            part={kind}
            value={fresh}
            onSave={(next) => change.mutate({ keyId, ...next })}
          />
        );
      }}
    </Fresh>
  );
}
