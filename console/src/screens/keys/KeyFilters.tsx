import { useFilters } from "../../data/filters.ts";
import { useChoices } from "../../data/queries.ts";
import { SelectField } from "../../parts/fields.tsx";
import { SearchField } from "../../parts/SearchField.tsx";

export const keyFilterNames = [
  "search",
  "apiId",
  "identity",
  "role",
  "enabled",
  "expiring",
  "unused",
] as const;

const choices = [
  {
    name: "enabled",
    label: "State",
    options: [
      ["", "all"],
      ["yes", "enabled"],
      ["no", "disabled"],
    ],
  },
  {
    name: "expiring",
    label: "Expiring",
    options: [
      ["", "any time"],
      ["7", "in 7 days"],
      ["30", "in 30 days"],
    ],
  },
  {
    name: "unused",
    label: "Unused",
    options: [
      ["", "or used"],
      ["90", "for 90 days"],
    ],
  },
  {
    name: "sort",
    label: "Order",
    options: [
      ["", "newest first"],
      ["used", "most recently used first"],
      ["expires", "soonest expiry first"],
    ],
  },
] as const;

export function KeyFilters() {
  const [filters, change] = useFilters();
  const apis = useChoices("apis.listApis");
  const roles = useChoices("permissions.listRoles");
  const choose = (name: string) => ({
    value: filters[name] ?? "",
    onChange: (value: string) => change({ [name]: value }),
  });
  const type = (name: string) => ({
    value: filters[name],
    onChange: (text: string | undefined) => change({ [name]: text }),
  });
  return (
    <div className="filters">
      <SearchField label="Name or start of the key" {...type("search")} />
      <SearchField label="Owner" {...type("identity")} />
      {apis.data !== undefined || apis.error === null ? (
        <SelectField
          label="API"
          {...choose("apiId")}
          options={[["", "all"], ...(apis.data ?? []).map(({ id, name }) => [id, name] as const)]}
        />
      ) : (
        <SearchField label="API id" {...type("apiId")} />
      )}
      {roles.data !== undefined || roles.error === null ? (
        <SelectField
          label="Role"
          {...choose("role")}
          options={[["", "all"], ...(roles.data ?? []).map(({ name }) => [name, name] as const)]}
        />
      ) : (
        <SearchField label="Role" {...type("role")} />
      )}
      {choices.map(({ name, label, options }) => (
        <SelectField key={name} label={label} {...choose(name)} options={options} />
      ))}
    </div>
  );
}
