import { useState } from "react";
import { flawAt } from "../../data/errors.ts";
import { useChange, useChoices } from "../../data/queries.ts";
import { ApiField } from "../../parts/ApiField.tsx";
import { Button } from "../../parts/Button.tsx";
import { bound } from "../../parts/bound.ts";
import { FormDialog, SecretDialog } from "../../parts/Dialog.tsx";
import { ExpiryField, expiryOf } from "../../parts/ExpiryField.tsx";
import { SelectField, TextField } from "../../parts/fields.tsx";
import { itemsIn, ListField } from "../../parts/ListField.tsx";
import { isForApi, type Preset, permissionsOf, presets } from "./presets.ts";

type Draft = { name: string; expires: string; preset: Preset; apiId: string; permissions: string };

const empty: Draft = { name: "", expires: "", preset: "verify", apiId: "", permissions: "" };

export function CreateRootKey() {
  const [draft, setDraft] = useState<Draft>();
  const [secret, setSecret] = useState<string>();
  const apis = useChoices("apis.listApis", draft !== undefined);
  const create = useChange("rootKeys.createKey", ({ key }) => {
    setDraft(undefined);
    setSecret(key);
  });
  const apiId = draft?.apiId || (apis.data?.[0]?.id ?? "");
  const start = () => {
    create.reset();
    setDraft(empty);
  };
  return (
    <>
      <Button kind="primary" needs="root_key.*.create_root_key" onClick={start}>
        Create a root key
      </Button>
      {draft === undefined ? null : (
        <FormDialog
          title="Create a root key"
          onClose={() => setDraft(undefined)}
          submit="Create"
          busy={create.isPending}
          error={create.error}
          fields={["name", "expires", "permissions"]}
          onSubmit={() => create.mutate(inputOf({ ...draft, apiId }))}
        >
          <Fields
            draft={{ ...draft, apiId }}
            onChange={(change) => setDraft({ ...draft, ...change })}
            apis={apis}
            error={create.error}
          />
        </FormDialog>
      )}
      {secret === undefined ? null : <SecretDialog secret={secret} onClose={() => setSecret(undefined)} />}
    </>
  );
}

function inputOf({ name, expires, preset, apiId, permissions }: Draft) {
  return {
    permissions: preset === "own" ? itemsIn(permissions) : permissionsOf(preset, apiId),
    ...(name === "" ? {} : { name }),
    ...expiryOf(expires),
  };
}

type FieldsProps = {
  draft: Draft;
  onChange(change: Partial<Draft>): void;
  apis: React.ComponentProps<typeof ApiField>["apis"];
  error: unknown;
};

function Fields({ draft, onChange, apis, error }: FieldsProps) {
  const { preset } = draft;
  const field = bound(draft, onChange, (at) => flawAt(error, at));
  return (
    <>
      <TextField label="Name" {...field("name")} />
      <SelectField
        label="Allowed to"
        {...field("preset")}
        options={presets}
        error={preset === "own" ? undefined : flawAt(error, "permissions")}
      />
      {isForApi(preset) ? <ApiField apis={apis} {...field("apiId")} /> : null}
      {preset === "own" ? (
        <ListField
          label="Permissions"
          {...field("permissions")}
          hint="One on each line, such as api.*.verify_key"
        />
      ) : null}
      <ExpiryField {...field("expires")} />
      {preset === "all" && draft.expires === "" ? (
        <p className="note warn">
          <strong>Every permission, without an expiry</strong>
          Set an expiry, unless this key is for an emergency and is kept offline.
        </p>
      ) : null}
    </>
  );
}
