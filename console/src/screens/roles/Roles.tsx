import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { useFilters } from "../../data/filters.ts";
import { pageInput, useOperation } from "../../data/queries.ts";
import { AsCode } from "../../parts/AsCode.tsx";
import { Loading, Page } from "../../parts/Page.tsx";
import { Problem } from "../../parts/Problem.tsx";
import { SearchField } from "../../parts/SearchField.tsx";
import { Empty, NothingFound, Pages } from "../../parts/Table.tsx";
import { CreateRole } from "./CreateRole.tsx";
import { Matrix } from "./Matrix.tsx";
import { type OpenDialog, RoleActionDialog, RoleActions } from "./RoleActions.tsx";
import type { Role } from "./role.ts";

/** The screen of the roles, with the permissions that each gives. */
export function Roles() {
  const [{ search, after }, change] = useFilters();
  const [dialog, setDialog] = useState<OpenDialog>();
  const input = pageInput({ cursor: after, search });
  const { data, error } = useOperation("permissions.listRoles", input, { keepPrevious: true });
  const roles = data?.data ?? [];
  const cursor = data?.pagination?.cursor;
  return (
    <Page title="Roles" lead="Which role gives which permission." actions={<CreateRole />}>
      <div className="filters">
        <SearchField label="Role" value={search} onChange={(text) => change({ search: text })} />
      </div>
      <Problem error={error} />
      {data === undefined && error === null ? <Loading what="roles" /> : null}
      {data === undefined ? null : (
        <RolesOf
          roles={roles}
          isFiltered={search !== undefined}
          isPart={after !== undefined || cursor !== undefined}
          onClear={() => change({ search: undefined })}
          onOpen={setDialog}
        />
      )}
      {dialog === undefined ? null : <RoleActionDialog {...dialog} onClose={() => setDialog(undefined)} />}
      <Pages cursor={cursor} />
      <AsCode operation="permissions.listRoles" input={input} />
    </Page>
  );
}

/** `isPart`: whether the list has other pages */
type Props = {
  roles: readonly Role[];
  isFiltered: boolean;
  isPart: boolean;
  onClear(): void;
  onOpen(dialog: OpenDialog): void;
};

function RolesOf({ roles, isFiltered, isPart, onClear, onOpen }: Props) {
  if (roles.length > 0) {
    return (
      <>
        <Matrix roles={roles} />
        <ul className="columns">
          {roles.map((role) => (
            <RoleCard key={role.id} role={role} onOpen={onOpen} />
          ))}
        </ul>
      </>
    );
  }
  if (isPart) return <p className="loading">This page has no roles.</p>;
  if (isFiltered) return <NothingFound onClear={onClear} />;
  return (
    <Empty operation="permissions.createRole" input={{ name: "editor", permissions: ["documents.write"] }}>
      No roles yet. This creates the first one:
    </Empty>
  );
}

function RoleCard({ role, onOpen }: { role: Role } & Pick<Props, "onOpen">) {
  return (
    <li className="card">
      <div className="card-head">
        <h2 dir="auto">{role.name}</h2>
        <Link to="/keys" search={{ role: role.name }} className="small">
          Keys with this role
        </Link>
      </div>
      {role.description === undefined ? null : <p className="soft">{role.description}</p>}
      <div className="row">
        <RoleActions role={role} onOpen={onOpen} />
      </div>
    </li>
  );
}
