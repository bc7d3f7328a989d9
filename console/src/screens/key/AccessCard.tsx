import type { Data } from "../../data/api.ts";
import { useOperation } from "../../data/queries.ts";
import { Card } from "../../parts/Page.tsx";
import { Problem } from "../../parts/Problem.tsx";
import { Table } from "../../parts/Table.tsx";

type Source = { slug: string; from: string[] };

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

/** Which of the key's roles give each permission. Reads the first 100 roles of the workspace with one call. */
function Sources({ permissions, roles }: { permissions: readonly string[]; roles: readonly string[] }) {
  const { data, error } = useOperation(
    "permissions.listRoles",
    { limit: 100 },
    { enabled: roles.length > 0 },
  );
  const held = (data?.data ?? []).filter(({ name }) => roles.includes(name));
  const without = sourceWithout(held.length === roles.length, data !== undefined);
  const sources = permissions.map((slug): Source => {
    const from = held.filter((role) => role.permissions?.some((one) => one.slug === slug) === true);
    return { slug, from: from.map(({ name }) => name) };
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
                {from.length === 0 ? without : `role ${from.join(", ")}`}
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

/** Where a permission comes from that none of the roles that were found has. */
function sourceWithout(isComplete: boolean, isLoaded: boolean): string {
  if (isComplete) return "the key itself";
  return isLoaded ? "the key itself, or a role that is not among the first 100" : "";
}
