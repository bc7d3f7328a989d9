import type { Data } from "../../data/api.ts";
import { Card } from "../../parts/Page.tsx";
import { Problem } from "../../parts/Problem.tsx";
import { Table } from "../../parts/Table.tsx";
import { usePermissionSources } from "./permissionSources.ts";

/** The key's roles, and its permissions with what gives each. */
export function AccessCard({ value: key }: { value: Data<"keys.getKey"> }) {
  const { permissions = [], roles = [] } = key;
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
        <Sources value={key} permissions={permissions} />
      )}
    </Card>
  );
}

type SourcesProps = { value: Data<"keys.getKey">; permissions: readonly string[] };

function Sources({ value: key, permissions }: SourcesProps) {
  const { data: sources = [], error } = usePermissionSources(key);
  const sourcesOf = (permission: string) =>
    sources
      .filter(({ slug }) => slug === permission)
      .map(({ via }) => (via === "direct" ? "the key itself" : via.replace("role:", "role ")))
      .join(", ");
  return (
    <>
      <Problem error={error} />
      <Table<string>
        caption="Permissions and where they come from"
        rows={permissions}
        keyOf={(slug) => slug}
        columns={[
          { label: "Permission", cell: (slug) => <code>{slug}</code> },
          {
            label: "From",
            cell: (slug) => (
              <span className="soft" dir="auto">
                {sourcesOf(slug)}
              </span>
            ),
          },
        ]}
      />
    </>
  );
}
