import { useMutation, useQueryClient } from "@tanstack/react-query";
import { call } from "../../data/api.ts";
import { isHeld, useSession } from "../../data/session.ts";
import { Problem } from "../../parts/Problem.tsx";
import { type Role, setPermissionsNeeds } from "./role.ts";

/** A table with a row for each permission and a column for each role. Ticking a box changes the role at once. */
export function Matrix({ roles }: { roles: readonly Role[] }) {
  const session = useSession();
  const mayChange = setPermissionsNeeds.every((one) => isHeld(session, one));
  const set = useToggle();
  const slugs = [...new Set(roles.flatMap(slugsOf))].sort();
  const isChecked = (role: Role, slug: string) => {
    const sent = set.isPending && set.variables.roleId === role.id && set.variables.slug === slug;
    return sent ? set.variables.isGiven : slugsOf(role).includes(slug);
  };
  if (slugs.length === 0) return <p className="soft">No role gives a permission yet.</p>;
  return (
    <>
      <Problem error={set.error} />
      {mayChange ? null : (
        <p className="soft small">
          To change roles, this session would need {setPermissionsNeeds.join(" and ")}.
        </p>
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
                      disabled={!mayChange}
                      aria-disabled={set.isPending} // unlike with `disabled`, the keyboard focus stays on the box
                      onChange={({ target }) => {
                        if (!set.isPending) set.mutate({ roleId: role.id, slug, isGiven: target.checked });
                      }}
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

type Toggle = { roleId: string; slug: string; isGiven: boolean };

/**
 * Gives one permission to a role, or takes it from the role. Reads the role before it sets all permissions of the role,
 * so that it keeps what another operator has changed since the page was loaded.
 */
function useToggle() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: async ({ roleId, slug, isGiven }: Toggle) => {
      const { data } = await call("permissions.getRole", { role: roleId });
      const others = slugsOf(data).filter((one) => one !== slug);
      const permissions = isGiven ? [...others, slug] : others;
      await call("permissions.setRolePermissions", { role: roleId, permissions });
    },
    onSuccess: () => client.invalidateQueries(),
  });
}

function slugsOf({ permissions = [] }: Role): string[] {
  return permissions.map(({ slug }) => slug);
}
