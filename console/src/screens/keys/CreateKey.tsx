import { useState } from "react";
import type { Data, Input } from "../../data/api.ts";
import { flawAt } from "../../data/errors.ts";
import { useChange, useChoices } from "../../data/queries.ts";
import { ApiField } from "../../parts/ApiField.tsx";
import { creditsOf } from "../../parts/account/CreditsField.tsx";
import { Button } from "../../parts/Button.tsx";
import { bound } from "../../parts/bound.ts";
import { FormDialog, SecretDialog } from "../../parts/Dialog.tsx";
import { expiryOf } from "../../parts/ExpiryField.tsx";
import { TextField } from "../../parts/fields.tsx";
import { readObject } from "../../parts/jsonText.ts";
import { itemsIn } from "../../parts/ListField.tsx";
import { limitsOf } from "../../parts/limitDrafts.ts";
import { type KeyDraft, newDraft } from "./keyDraft.ts";
import { MoreKeyFields } from "./MoreKeyFields.tsx";

type Made = Data<"keys.createKey"> & { isRecoverable: boolean };

type Props = { apiId?: string | undefined; externalId?: string };

/** The dialog that creates a key, with every field that a key can have. It shows the new key once. */
export function CreateKey({ apiId, externalId }: Props) {
  const [isOpen, setOpen] = useState(false);
  const [made, setMade] = useState<Made>();
  return (
    <>
      <Button kind="primary" needs="api.<id>.create_key" onClick={() => setOpen(true)}>
        Create a key
      </Button>
      {isOpen ? (
        <CreateKeyDialog
          first={newDraft(apiId, externalId)}
          onClose={() => setOpen(false)}
          onCreated={(key) => {
            setOpen(false);
            setMade(key);
          }}
        />
      ) : null}
      {made === undefined ? null : (
        <SecretDialog
          secret={made.key}
          again={
            made.isRecoverable ? "The key is recoverable, so it can be shown again on its page." : undefined
          }
          warnings={made.warnings}
          onClose={() => setMade(undefined)}
        />
      )}
    </>
  );
}

type DialogProps = { first: KeyDraft; onClose(): void; onCreated(made: Made): void };

/** the inputs whose fields are always visible; the dialog itself shows errors about the other inputs */
const fields = ["apiId", "name", "externalId", "prefix", "expires", "credits"];

function CreateKeyDialog({ first, onClose, onCreated }: DialogProps) {
  const [draft, setDraft] = useState(first);
  const [isMore, setMore] = useState(false);
  const apis = useChoices("apis.listApis");
  const create = useChange("keys.createKey", (made) =>
    onCreated({ ...made, isRecoverable: draft.recoverable }),
  );
  const apiId = draft.apiId === "" ? (apis.data?.[0]?.id ?? "") : draft.apiId;
  const set = (change: Partial<KeyDraft>) => setDraft({ ...draft, ...change });
  const submit = () => {
    const input = inputOf({ ...draft, apiId });
    if (input === undefined) setMore(true);
    else create.mutate(input);
  };
  return (
    <FormDialog
      title="Create a key"
      wide
      onClose={onClose}
      submit="Create"
      busy={create.isPending}
      error={create.error}
      fields={fields}
      onSubmit={submit}
    >
      <FirstFields draft={{ ...draft, apiId }} onChange={set} apis={apis} error={create.error} />
      <MoreKeyFields draft={draft} onChange={set} error={create.error} isMore={isMore} onMore={setMore} />
    </FormDialog>
  );
}

type FieldsProps = {
  draft: KeyDraft;
  onChange(change: Partial<KeyDraft>): void;
  apis: React.ComponentProps<typeof ApiField>["apis"];
  error: unknown;
};

function FirstFields({ draft, onChange, apis, error }: FieldsProps) {
  const field = bound(draft, onChange, (at) => flawAt(error, at));
  return (
    <div className="fields">
      <ApiField apis={apis} {...field("apiId")} />
      <TextField label="Name" {...field("name")} />
      <TextField label="Owner's external id" {...field("externalId")} />
    </div>
  );
}

/** Returns the input, or `undefined` if the meta is not a JSON object. The field for the meta then says so. */
function inputOf(draft: KeyDraft): Input<"keys.createKey"> | undefined {
  const meta = readObject(draft.meta);
  if ("flaw" in meta) return undefined;
  const fields: [string, unknown][] = [
    ["name", draft.name],
    ["externalId", draft.externalId],
    ["prefix", draft.prefix],
    ["meta", Object.keys(meta.value).length === 0 ? "" : meta.value],
  ];
  return {
    apiId: draft.apiId,
    enabled: draft.enabled,
    recoverable: draft.recoverable,
    credits: creditsOf(draft.credits),
    roles: [...draft.roles],
    permissions: itemsIn(draft.permissions),
    ratelimits: limitsOf(draft.limits),
    ...expiryOf(draft.expires),
    ...Object.fromEntries(fields.filter(([, value]) => value !== "")),
  };
}
