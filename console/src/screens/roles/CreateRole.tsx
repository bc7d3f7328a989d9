import { useState } from "react";
import { useChange } from "../../data/queries.ts";
import { Button } from "../../parts/Button.tsx";
import { RoleDialog } from "./RoleDialog.tsx";

export function CreateRole() {
  const [open, setOpen] = useState(false);
  const create = useChange("permissions.createRole", () => setOpen(false));
  return (
    <>
      <Button
        kind="primary"
        needs="rbac.*.create_role"
        onClick={() => {
          create.reset();
          setOpen(true);
        }}
      >
        Create a role
      </Button>
      {open ? (
        <RoleDialog
          title="Create a role"
          submit="Create"
          onClose={() => setOpen(false)}
          busy={create.isPending}
          error={create.error}
          onSave={({ name = "", ...rest }) => create.mutate({ name, ...rest })}
        />
      ) : null}
    </>
  );
}
