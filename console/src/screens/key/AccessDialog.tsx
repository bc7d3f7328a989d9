import { useState } from "react";
import type { Data, Input } from "../../data/api.ts";
import { flawAt } from "../../data/errors.ts";
import { FormDialog } from "../../parts/Dialog.tsx";
import { itemsIn, ListField } from "../../parts/ListField.tsx";
import { Loading } from "../../parts/Page.tsx";
import { Problem } from "../../parts/Problem.tsx";
import { RolesField } from "../../parts/RolesField.tsx";
import { useOwnPermissions } from "./permissionSources.ts";

type Props = {
  value: Data<"keys.getKey">;
  onClose(): void;
  busy: boolean;
  error: unknown;
  onSave(input: Input<"keys.updateKey">): void;
};

/**
 * The dialog that edits a key's access: roles are chosen from a list, permissions of the key itself are typed. The
 * dialog sends only what the user has changed.
 */
export function AccessDialog({ value: key, onSave, error, ...dialog }: Props) {
  const [roles, setRoles] = useState<readonly string[]>();
  const [permissions, setPermissions] = useState<string>();
  const save = () =>
    onSave({
      keyId: key.keyId,
      roles: roles && [...roles],
      permissions: permissions === undefined ? undefined : itemsIn(permissions),
    });
  return (
    <FormDialog
      {...dialog}
      title="Edit roles and permissions"
      submit="Save"
      error={error}
      fields={["permissions"]}
      onSubmit={save}
    >
      <RolesField roles={roles ?? key.roles ?? []} onChange={setRoles} />
      <OwnPermissions value={key} typed={permissions} onChange={setPermissions} error={error} />
    </FormDialog>
  );
}

type OwnProps = {
  value: Data<"keys.getKey">;
  /** what the user has typed; undefined: nothing yet */
  typed: string | undefined;
  onChange(typed: string): void;
  error: unknown;
};

/**
 * The field of the key's own permissions. `keys.getKey` returns them together with the permissions of the key's roles.
 * The field is shown only when the own permissions are known. Otherwise the permissions of a role would be saved as the
 * key's own.
 */
function OwnPermissions({ value: key, typed, onChange, error }: OwnProps) {
  const { data: own, error: unread } = useOwnPermissions(key);
  if (own === undefined && unread === null) return <Loading what="the permissions of the key itself" />;
  if (own === undefined) {
    return (
      <>
        <Problem error={unread} />
        <p className="soft">The permissions of the key itself cannot be edited now. They stay unchanged.</p>
      </>
    );
  }
  return (
    <ListField
      label="Permissions of the key itself"
      value={typed ?? own.join("\n")}
      onChange={onChange}
      hint="One on each line. Permissions that do not exist yet are created. Permissions that only a role gives are not listed."
      error={flawAt(error, "permissions")}
    />
  );
}
