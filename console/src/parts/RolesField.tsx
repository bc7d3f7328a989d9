import { useState } from "react";
import { useChoices } from "../data/queries.ts";
import { CheckField } from "./fields.tsx";
import { Problem } from "./Problem.tsx";

type Props = { roles: readonly string[]; onChange(roles: string[]): void };

/** A field for choosing among the roles of the workspace. */
export function RolesField({ roles, onChange }: Props) {
  const { data, error } = useChoices("permissions.listRoles");
  const [first] = useState(roles); // shown even if the list cannot be read, so that a removed role can be put back
  const names = [...new Set([...(data ?? []).map(({ name }) => name), ...first, ...roles])];
  const toggle = (name: string, on: boolean) =>
    onChange(on ? [...roles, name] : roles.filter((one) => one !== name));
  return (
    <fieldset className="field">
      <legend>Roles</legend>
      <Problem error={error} />
      {data?.length === 0 ? <p className="soft">There are no roles.</p> : null}
      {names.map((name) => (
        <CheckField
          key={name}
          label={name}
          checked={roles.includes(name)}
          onChange={(on) => toggle(name, on)}
        />
      ))}
    </fieldset>
  );
}
