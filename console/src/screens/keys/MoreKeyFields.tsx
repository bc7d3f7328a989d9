import { flawAt } from "../../data/errors.ts";
import { CreditsField } from "../../parts/account/CreditsField.tsx";
import { CheckField, TextField } from "../../parts/fields.tsx";
import { JsonField } from "../../parts/JsonField.tsx";
import { LimitsField } from "../../parts/LimitsField.tsx";
import { ListField } from "../../parts/ListField.tsx";
import { RolesField } from "../../parts/RolesField.tsx";
import type { KeyDraft } from "./keyDraft.ts";

type Props = { draft: KeyDraft; onChange(change: Partial<KeyDraft>): void; error: unknown };

/** The fields of a new key, except for its api, name and owner. */
export function MoreKeyFields({ draft, onChange, error }: Props) {
  return (
    <>
      <div className="fields">
        <TextField
          label="Prefix"
          value={draft.prefix}
          onChange={(prefix) => onChange({ prefix })}
          placeholder="prod"
          error={flawAt(error, "prefix")}
        />
        <TextField
          label="Expires"
          kind="datetime-local"
          value={draft.expires}
          onChange={(expires) => onChange({ expires })}
          error={flawAt(error, "expires")}
        />
      </div>
      <CreditsField draft={draft.credits} onChange={(credits) => onChange({ credits })} error={error} />
      <CheckField label="Enabled" checked={draft.enabled} onChange={(enabled) => onChange({ enabled })} />
      <CheckField
        label="Recoverable"
        hint="the server keeps the key encrypted, so that it can be shown again"
        checked={draft.recoverable}
        onChange={(recoverable) => onChange({ recoverable })}
      />
      <details className="more">
        <summary>Roles, permissions, limits and meta</summary>
        <div className="form">
          <RolesField roles={draft.roles} onChange={(roles) => onChange({ roles })} />
          <ListField
            label="Permissions"
            value={draft.permissions}
            onChange={(permissions) => onChange({ permissions })}
            error={flawAt(error, "permissions")}
          />
          <LimitsField drafts={draft.limits} onChange={(limits) => onChange({ limits })} error={error} />
          <JsonField
            label="Meta"
            value={draft.meta}
            onChange={(meta) => onChange({ meta })}
            error={flawAt(error, "meta")}
          />
        </div>
      </details>
    </>
  );
}
