import { useMutation, useQueryClient } from "@tanstack/react-query";
import { call } from "../../data/api.ts";
import { isHeld, useSession } from "../../data/session.ts";
import { Button } from "../../parts/Button.tsx";
import { ConfirmDialog } from "../../parts/ConfirmDialog.tsx";
import { Fresh } from "../../parts/Fresh.tsx";
import { type RoleChange, RoleDialog } from "./RoleDialog.tsx";
import { type Role, setPermissionsNeeds } from "./role.ts";

/** The dialog that is open, and the role that it is about. */
export type OpenDialog = { role: Role; action: "edit" | "delete" };

export function RoleActions({ role, onOpen }: { role: Role; onOpen(dialog: OpenDialog): void }) {
  return (
    <>
      <Button small needs="rbac.*.update_role" onClick={() => onOpen({ role, action: "edit" })}>
        Edit
      </Button>
      <Button
        small
        kind="danger"
        needs="rbac.*.delete_role"
        onClick={() => onOpen({ role, action: "delete" })}
      >
        Delete
      </Button>
    </>
  );
}

/** The dialogs of a role. They are outside the list, because a change can remove the role from the list. */
export function RoleActionDialog({ role, action, onClose }: OpenDialog & { onClose(): void }) {
  if (action === "edit") return <EditRole id={role.id} onClose={onClose} />;
  return (
    <ConfirmDialog
      title="Delete this role?"
      onClose={onClose}
      submit="Delete"
      name={role.name}
      operation="permissions.deleteRole"
      input={{ role: role.id }}
    >
      <p>Every key with this role loses the permissions that the role gives.</p>
    </ConfirmDialog>
  );
}

function EditRole({ id, onClose }: { id: string; onClose(): void }) {
  const session = useSession();
  const save = useSaveRole(id, onClose);
  return (
    <Fresh operation="permissions.getRole" input={{ role: id }} onClose={onClose}>
      {(role) => (
        <RoleDialog
          title="Edit the role"
          submit="Save"
          role={role}
          hasFixedPermissions={!setPermissionsNeeds.every((one) => isHeld(session, one))}
          onClose={onClose}
          busy={save.isPending}
          error={save.error}
          onSave={save.mutate}
        />
      )}
    </Fresh>
  );
}

/** Saves a role with only the calls that are needed, because the two calls need different permissions. */
function useSaveRole(role: string, onSaved: () => void) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: async ({ permissions, ...texts }: RoleChange) => {
      if (permissions !== undefined) await call("permissions.setRolePermissions", { role, permissions });
      if (texts.name !== undefined || texts.description !== undefined) {
        await call("permissions.updateRole", { role, ...texts });
      }
    },
    onSuccess: onSaved,
    onSettled: () => client.invalidateQueries(), // if the second call fails, the first has changed something
  });
}
