import { waitingStates } from "../storage/queries/keys/waiting.ts";
import { type StoredType, textIn, type Written } from "./storedRecords.ts";
import { storedIn } from "./tables.ts";

/** A field of a record that names another one. */
export type Reference = { field: string; table: string; id: string };

/** The fields that name other records, and the tables of those. */
const targets: Partial<Record<StoredType, readonly (readonly [field: string, table: string])[]>> = {
  role: [["permissions", "permissions"]],
  override: [["namespaceId", "namespaces"]],
  key: [
    ["apiId", "apis"],
    ["identityId", "identities"],
    ["pendingMigrationId", "keyMigrations"],
    ["permissions", "permissions"],
    ["roles", "roles"],
  ],
};

/** The fields of this type that name other records, whether those must exist or not. */
export function referringFields(type: StoredType): readonly string[] {
  return fieldsByType[type] ?? [];
}

const fieldsByType: Partial<Record<StoredType, readonly string[]>> = {
  ...Object.fromEntries(
    Object.entries(targets).map(([type, fields]) => [type, fields.map(([field]) => field)]),
  ),
  hold: ["keyId", "identityId"],
};

/** The field of this type that names the owner of a balance: an identity, or the `subjectId` of a key. */
export const ownerFields: Partial<Record<StoredType, string>> = {
  key: "subjectId",
  hold: "subjectId",
  movement: "ownerId",
};

/** Whether records may name records of this type. */
export function isReferenced(type: StoredType): boolean {
  return referencedTables.has(storedIn[type].table);
}

const referencedTables = new Set(
  Object.values(targets).flatMap((fields) => fields.map(([, table]) => table)),
);

/** What must exist for this record; some keys wait without a migration. Holds and movements may outlive their owners. */
export function referencesOf(type: StoredType, fields: Written): Reference[] {
  const found: Reference[] = [];
  for (const [field, table] of targets[type] ?? []) {
    const value = (fields[field] ?? []) as string | readonly string[];
    if (typeof value === "string") {
      if (!waitingStates.has(value)) found.push({ field, table, id: value });
    } else for (const id of value) found.push({ field, table, id });
  }
  return found;
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
    { column: "hash", isReferenced: true },
    { column: "migratedFrom", isReferenced: true },
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
