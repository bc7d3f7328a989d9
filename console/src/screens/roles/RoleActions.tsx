import { useState } from "react";
import { useChange } from "../../data/queries.ts";
import { Button } from "../../parts/Button.tsx";
import { ConfirmDialog } from "../../parts/ConfirmDialog.tsx";
import { type RoleChange, RoleDialog } from "./RoleDialog.tsx";
import type { Role } from "./role.ts";

export function RoleActions({ role }: { role: Role }) {
  const { id, name } = role;
  const [open, setOpen] = useState<"edit" | "delete">();
  const close = () => setOpen(undefined);
  const update = useChange("permissions.updateRole");
  const set = useChange("permissions.setRolePermissions", close);
  /** Calls only what the change needs: the two calls need different permissions. */
  const save = ({ permissions, ...texts }: RoleChange) => {
    const finish = () => (permissions === undefined ? close() : set.mutate({ role: id, permissions }));
    if (texts.name === undefined && texts.description === undefined) finish();
    else update.mutate({ role: id, ...texts }, { onSuccess: finish });
  };
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
          role={role}
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
