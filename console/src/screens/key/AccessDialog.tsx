import { useState } from "react";
import type { Data, Input } from "../../data/api.ts";
import { flawAt } from "../../data/errors.ts";
import { useOperation } from "../../data/queries.ts";
import { FormDialog } from "../../parts/Dialog.tsx";
import { itemsIn, ListField } from "../../parts/ListField.tsx";
import { RolesField } from "../../parts/RolesField.tsx";

type Props = {
  value: Data<"keys.getKey">;
  onClose(): void;
  busy: boolean;
  error: unknown;
  onSave(input: Input<"keys.updateKey">): void;
};

/** The dialog that edits a key's access: roles are chosen from a list, permissions of the key itself are typed. */
export function AccessDialog({ value: key, onSave, error, ...dialog }: Props) {
  const { data } = useOperation("permissions.listRoles", { limit: 100 });
  const known = data?.data ?? [];
  const [roles, setRoles] = useState<readonly string[]>(key.roles ?? []);
  const byRoles = new Set(
    known
      .filter(({ name }) => key.roles?.includes(name))
      .flatMap((role) => role.permissions?.map(({ slug }) => slug) ?? []),
  );
  const direct = (key.permissions ?? []).filter((slug) => !byRoles.has(slug)).join("\n");
  const [permissions, setPermissions] = useState<string>();
  const changed = permissions === undefined ? {} : { permissions: itemsIn(permissions) };
  return (
    <FormDialog
      {...dialog}
      title="Edit roles and permissions"
      open
      submit="Save"
      error={error}
      fields={["roles", "permissions"]}
      onSubmit={() => onSave({ keyId: key.keyId, roles: [...roles], ...changed })}
    >
      <RolesField roles={roles} onChange={setRoles} />
      <ListField
        label="Permissions of the key itself"
        value={permissions ?? direct}
        onChange={setPermissions}
        hint="One on each line. Permissions that do not exist yet are created. Permissions that a role gives are not listed. If the key itself also has one of them, a change here removes it."
        error={flawAt(error, "permissions")}
      />
    </FormDialog>
  );
}
