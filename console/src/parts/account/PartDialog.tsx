import type { Input } from "../../data/api.ts";
import { LimitsDialog } from "../LimitsDialog.tsx";
import type { limitsOf } from "../limitDrafts.ts";
import { MetaDialog } from "../MetaDialog.tsx";
import { CreditsDialog } from "./CreditsDialog.tsx";
import type { Credits } from "./CreditsField.tsx";

export type Part = "meta" | "limits" | "credits";

type Props = {
  part: Part;
  value: { meta?: object; ratelimits?: ReturnType<typeof limitsOf>; credits?: Credits };
  onClose(): void;
  busy: boolean;
  error: unknown;
  onSave(change: Pick<Input<"identities.updateIdentity">, "meta" | "ratelimits" | "credits">): void;
};

/** The dialog that edits a part that keys and identities have in common. */
export function PartDialog({ part, value, onSave, ...dialog }: Props) {
  const { meta, ratelimits = [], credits } = value;
  if (part === "meta")
    return <MetaDialog {...dialog} meta={meta} onSave={(next) => onSave({ meta: next })} />;
  if (part === "credits") {
    return <CreditsDialog {...dialog} credits={credits} onSave={(next) => onSave({ credits: next })} />;
  }
  return <LimitsDialog {...dialog} ratelimits={ratelimits} onSave={(next) => onSave({ ratelimits: next })} />;
}
