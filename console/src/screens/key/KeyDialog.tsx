import type { Data } from "../../data/api.ts";
import { useChange } from "../../data/queries.ts";
import { CreditsDialog } from "../../parts/account/CreditsDialog.tsx";
import { Fresh } from "../../parts/Fresh.tsx";
import { LimitsDialog } from "../../parts/LimitsDialog.tsx";
import { MetaDialog } from "../../parts/MetaDialog.tsx";
import { AccessDialog } from "./AccessDialog.tsx";
import { DeleteDialog } from "./DeleteDialog.tsx";
import { DetailsDialog } from "./DetailsDialog.tsx";
import { RerollDialog } from "./RerollDialog.tsx";
import { RevealDialog } from "./RevealDialog.tsx";

type EditKind = "details" | "meta" | "credits" | "limits" | "access";
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
  const dialogs: Record<EditKind, (fresh: Data<"keys.getKey">) => React.ReactNode> = {
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
  };
  return (
    <Fresh operation="keys.getKey" input={{ keyId }} onClose={onClose}>
      {(fresh) => dialogs[kind](fresh)}
    </Fresh>
  );
}
