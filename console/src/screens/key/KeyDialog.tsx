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

export type KeyDialogKind =
  | "details"
  | "meta"
  | "credits"
  | "limits"
  | "access"
  | "reroll"
  | "reveal"
  | "delete";

type Props = {
  keyId: string;
  kind: KeyDialogKind;
  onClose(): void;
  /** Called after a change with the server's warnings about it, if there are any. */
  onSaved(warnings: string[] | undefined): void;
};

/** One of the dialogs of a key. */
export function KeyDialog({ keyId, kind, onClose, onSaved }: Props) {
  const change = useChange("keys.updateKey", ({ warnings }) => {
    onClose();
    onSaved(warnings);
  });
  const dialog = { onClose, busy: change.isPending, error: change.error };
  const dialogs: Record<KeyDialogKind, (fresh: Data<"keys.getKey">) => React.ReactNode> = {
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
    reroll: () => <RerollDialog keyId={keyId} onClose={onClose} />,
    reveal: () => <RevealDialog keyId={keyId} onClose={onClose} />,
    delete: (fresh) => <DeleteDialog value={fresh} onClose={onClose} />,
  };
  return (
    <Fresh operation="keys.getKey" input={{ keyId }} onClose={onClose}>
      {(fresh) => dialogs[kind](fresh)}
    </Fresh>
  );
}
