import { useState } from "react";
import { flawAt } from "../../data/errors.ts";
import { bound } from "../../parts/bound.ts";
import { FormDialog } from "../../parts/Dialog.tsx";
import { TextField } from "../../parts/fields.tsx";
import { itemsIn, ListField } from "../../parts/ListField.tsx";
import { type Role, setPermissionsNeeds } from "./role.ts";

/** What the user has changed. Members that are undefined stay unchanged. */
export type RoleChange = {
  name: string | undefined;
  description: string | undefined;
  permissions: string[] | undefined;
};

type Props = {
  title: string;
  submit: string;
  /** the role to edit; omitted to create a role */
  role?: Partial<Role>;
  /** whether the permissions are only shown, because the session may not change them */
  hasFixedPermissions?: boolean;
  onClose(): void;
  busy: boolean;
  error: unknown;
  onSave(change: RoleChange): void;
};

type Draft = { name: string; description: string; permissions: string };

function draftOf({ name = "", description = "", permissions = [] }: Partial<Role>): Draft {
  return { name, description, permissions: permissions.map(({ slug }) => slug).join("\n") };
}

/** The dialog that creates or edits a role. */
export function RoleDialog({ role = {}, hasFixedPermissions, onSave, error, ...dialog }: Props) {
  const [typed, setTyped] = useState<Partial<Draft>>({});
  const field = bound(
    { ...draftOf(role), ...typed },
    (change) => setTyped({ ...typed, ...change }),
    (at) => flawAt(error, at),
  );
  const { name, description, permissions } = typed;
  const slugs = permissions === undefined ? undefined : itemsIn(permissions);
  return (
    <FormDialog
      {...dialog}
      error={error}
      fields={["name", "description", "permissions"]}
      onSubmit={() => onSave({ name, description, permissions: slugs })}
    >
      <TextField label="Name" {...field("name")} />
      <TextField label="Description" {...field("description")} />
      {hasFixedPermissions === true ? (
        <FixedPermissions role={role} />
      ) : (
        <ListField
          label="Permissions"
          {...field("permissions")}
          hint="One on each line. Permissions that do not exist yet are created."
        />
      )}
    </FormDialog>
  );
}

function FixedPermissions({ role: { permissions = [] } }: { role: Partial<Role> }) {
  return (
    <p>
      Permissions: {permissions.length === 0 ? "none" : permissions.map(({ slug }) => slug).join(", ")}.{" "}
      <span className="soft small">
        To change them, this session would need {setPermissionsNeeds.join(" and ")}.
      </span>
    </p>
  );
}
