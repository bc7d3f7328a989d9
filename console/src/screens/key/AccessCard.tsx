import type { Data } from "../../data/api.ts";
import { Card } from "../../parts/Page.tsx";
import { Problem } from "../../parts/Problem.tsx";
import { Table } from "../../parts/Table.tsx";
import { useRolesNamed } from "./grants.ts";

/** `from`: what gives the permission; undefined as long as the key's roles are not known */
type Source = { slug: string; from: string | undefined };

/**
 * The key's permissions. For each, says which of the key's roles give it, or that the key has it directly. The API does
 * not tell whether the key also has a role's permission directly.
 */
export function AccessCard({ value: { permissions = [], roles = [] } }: { value: Data<"keys.getKey"> }) {
  return (
    <Card title="Permissions">
      {roles.length === 0 ? null : (
        <p className="row">
          <span className="soft">Roles</span>
          <span className="tags">
            {roles.map((role) => (
              <span key={role} className="tag" dir="auto">
                {role}
              </span>
            ))}
          </span>
        </p>
      )}
      {permissions.length === 0 ? (
        <p className="soft">No permissions.</p>
      ) : (
        <Sources permissions={permissions} roles={roles} />
      )}
    </Card>
  );
}

/** Which of the key's roles give each permission. */
function Sources({ permissions, roles }: { permissions: readonly string[]; roles: readonly string[] }) {
  const { data: held, error } = useRolesNamed(roles);
  const sources = permissions.map((slug): Source => {
    const from = held?.filter(({ slugs }) => slugs.includes(slug)).map(({ name }) => name);
    return { slug, from: from?.length === 0 ? "the key itself" : from && `role ${from.join(", ")}` };
  });
  return (
    <>
      <Problem error={error} />
      <Table<Source>
        caption="Permissions and where they come from"
        rows={sources}
        keyOf={({ slug }) => slug}
        columns={[
          { label: "Permission", cell: ({ slug }) => <code>{slug}</code> },
          {
            label: "From",
            cell: ({ from }) => (
              <span className="soft" dir="auto">
                {from}
              </span>
            ),
          },
        ]}
      />
      {roles.length === 0 ? null : (
        <p className="soft small">The key itself may also have permissions that its roles give.</p>
      )}
    </>
  );
}
