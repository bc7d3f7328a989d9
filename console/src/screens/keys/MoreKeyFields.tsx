import { flawAt } from "../../data/errors.ts";
import { CreditsField } from "../../parts/account/CreditsField.tsx";
import { bound } from "../../parts/bound.ts";
import { ExpiryField } from "../../parts/ExpiryField.tsx";
import { CheckField, TextField } from "../../parts/fields.tsx";
import { JsonField } from "../../parts/JsonField.tsx";
import { LimitsField } from "../../parts/LimitsField.tsx";
import { ListField } from "../../parts/ListField.tsx";
import { RolesField } from "../../parts/RolesField.tsx";
import type { KeyDraft } from "./keyDraft.ts";

type Props = {
  draft: KeyDraft;
  onChange(change: Partial<KeyDraft>): void;
  error: unknown;
  /** whether the fields that are rarely needed are visible */
  isMore: boolean;
  onMore(isMore: boolean): void;
};

/** The fields of a new key, except for its api, name and owner. */
export function MoreKeyFields({ draft, onChange, error, isMore, onMore }: Props) {
  const field = bound(draft, onChange, (at) => flawAt(error, at));
  return (
    <>
      <div className="fields">
        <TextField label="Prefix" {...field("prefix")} placeholder="prod" />
        <ExpiryField {...field("expires")} />
      </div>
      <CreditsField draft={draft.credits} onChange={(credits) => onChange({ credits })} error={error} />
      <CheckField label="Enabled" checked={draft.enabled} onChange={(enabled) => onChange({ enabled })} />
      <CheckField
        label="Recoverable"
        hint="the server keeps the key encrypted, so that it can be shown again"
        checked={draft.recoverable}
        onChange={(recoverable) => onChange({ recoverable })}
      />
      <details className="more" open={isMore} onToggle={(event) => onMore(event.currentTarget.open)}>
        <summary>Roles, permissions, limits and meta</summary>
        <div className="form">
          <RolesField roles={draft.roles} onChange={(roles) => onChange({ roles })} />
          <ListField label="Permissions" {...field("permissions")} />
          <LimitsField drafts={draft.limits} onChange={(limits) => onChange({ limits })} error={error} />
          <JsonField label="Meta" {...field("meta")} />
        </div>
      </details>
    </>
  );
}
