import { useState } from "react";
import { useChange } from "../../data/queries.ts";
import { Button } from "../../parts/Button.tsx";
import { ConfirmDialog } from "../../parts/ConfirmDialog.tsx";
import { RoleDialog, type RoleFields } from "./RoleDialog.tsx";
import type { Role } from "./role.ts";

export function RoleActions({ role: { id, name, description = "", permissions = [] } }: { role: Role }) {
  const [open, setOpen] = useState<"edit" | "delete">();
  const close = () => setOpen(undefined);
  const update = useChange("permissions.updateRole");
  const set = useChange("permissions.setRolePermissions", close);
  const save = (fields: RoleFields) =>
    update.mutate(
      { role: id, name: fields.name, description: fields.description },
      { onSuccess: () => set.mutate({ role: id, permissions: fields.permissions }) },
    );
  return (
    <>
      <Button
        small
        needs="rbac.*.update_role"
        onClick={() => {
          update.reset();
          set.reset();
          setOpen("edit");
        }}
      >
        Edit
      </Button>
      <Button small kind="danger" needs="rbac.*.delete_role" onClick={() => setOpen("delete")}>
        Delete
      </Button>
      {open === "edit" ? (
        <RoleDialog
          title="Edit the role"
          submit="Save"
          value={{ name, description, permissions: permissions.map(({ slug }) => slug) }}
          onClose={close}
          busy={update.isPending || set.isPending}
          error={update.error ?? set.error}
          onSave={save}
        />
      ) : null}
      {open === "delete" ? (
        <ConfirmDialog
          title="Delete this role?"
          onClose={close}
          submit="Delete"
          name={name}
          operation="permissions.deleteRole"
          input={{ role: id }}
        >
          <p>Every key with this role loses the permissions that the role gives.</p>
        </ConfirmDialog>
      ) : null}
    </>
  );
}
