import { useChange } from "../../data/queries.ts";
import { isHeld, useSession } from "../../data/session.ts";
import { Problem } from "../../parts/Problem.tsx";
import type { Role } from "./role.ts";

const needs = ["rbac.*.add_permission_to_role", "rbac.*.remove_permission_from_role"];

/** A table with a row for each permission and a column for each role. Ticking a box changes the role at once. */
export function Matrix({ roles }: { roles: readonly Role[] }) {
  const session = useSession();
  const mayChange = needs.every((one) => isHeld(session, one));
  const set = useChange("permissions.setRolePermissions");
  const slugs = [...new Set(roles.flatMap(slugsOf))].sort();
  const toggle = (role: Role, slug: string, on: boolean) => {
    const others = slugsOf(role).filter((one) => one !== slug);
    set.mutate({ role: role.id, permissions: on ? [...others, slug] : others });
  };
  const isChecked = (role: Role, slug: string) => {
    const sent = set.isPending && set.variables.role === role.id ? set.variables.permissions : undefined;
    return (sent ?? slugsOf(role)).includes(slug);
  };
  if (slugs.length === 0) return <p className="soft">No role gives a permission yet.</p>;
  return (
    <>
      <Problem error={set.error} />
      {mayChange ? null : (
        <p className="soft small">To change roles, this session would need {needs.join(" and ")}.</p>
      )}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: with the focus, a wide table can be scrolled from the keyboard */}
      <section className="matrix" aria-label="Roles and permissions" tabIndex={0}>
        <table>
          <thead>
            <tr>
              <th scope="col">Permission</th>
              {roles.map(({ id, name }) => (
                <th key={id} scope="col" dir="auto">
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {slugs.map((slug) => (
              <tr key={slug} data-row="">
                <th scope="row">{slug}</th>
                {roles.map((role) => (
                  <td key={role.id}>
                    <input
                      type="checkbox"
                      aria-label={`${role.name} gives ${slug}`}
                      checked={isChecked(role, slug)}
                      disabled={!mayChange || set.isPending}
                      onChange={(event) => toggle(role, slug, event.target.checked)}
                    />
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </>
  );
}

function slugsOf({ permissions = [] }: Role): string[] {
  return permissions.map(({ slug }) => slug);
}
