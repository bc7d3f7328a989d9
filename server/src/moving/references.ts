import { fromUpstream } from "../storage/queries/keys/waiting.ts";
import { type StoredType, textIn, type Written } from "./storedRecords.ts";

/** A field of a record that names another one. */
export type Reference = { field: string; table: string; id: string };

const targets: Partial<Record<StoredType, Readonly<Record<string, string>>>> = {
  role: { permissions: "permissions" },
  override: { namespaceId: "namespaces" },
  key: {
    apiId: "apis",
    identityId: "identities",
    pendingMigrationId: "keyMigrations",
    permissions: "permissions",
    roles: "roles",
  },
};

/** What must exist for this record; a key that waits for the upstream server waits for no migration. Holds and movements may outlive their owners. */
export function referencesOf(type: StoredType, fields: Written): Reference[] {
  return Object.entries(targets[type] ?? {}).flatMap(([field, table]) => {
    const value = fields[field] ?? [];
    const ids = (Array.isArray(value) ? value : [value]) as string[];
    return ids.filter((id) => id !== fromUpstream).map((id) => ({ field, table, id }));
  });
}

/** `isReferenced`: whether other records name it. `within`: the column with the id of what it must be unique in. */
type Unique = { column: string; isReferenced: boolean; within?: string };

/** What must be unique in a workspace; of root keys, in the database. */
export const uniqueColumns: Readonly<Partial<Record<StoredType, readonly Unique[]>>> = {
  permission: [{ column: "slug", isReferenced: true }],
  role: [{ column: "name", isReferenced: true }],
  api: [{ column: "keyspaceId", isReferenced: false }],
  namespace: [{ column: "name", isReferenced: true }],
  override: [{ column: "identifier", isReferenced: false, within: "namespaceId" }],
  identity: [{ column: "externalId", isReferenced: true }],
  key: [
    { column: "hash", isReferenced: false },
    { column: "migratedFrom", isReferenced: false },
  ],
  rootKey: [{ column: "hash", isReferenced: false }],
};

/** The unique texts of a record, each with its column. */
export function uniqueTextsOf(type: StoredType, fields: Written): { unique: Unique; text: string }[] {
  return (uniqueColumns[type] ?? []).flatMap((unique) => {
    const value = fields[unique.column];
    if (typeof value !== "string") return [];
    return { unique, text: uniqueText(unique, textIn(fields, unique.within ?? ""), value) };
  });
}

export function uniqueText({ column }: Unique, within: string, value: string): string {
  return `${column} ${within} ${value}`;
}
