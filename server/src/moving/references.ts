import { waitingStates } from "../storage/queries/keys/waiting.ts";
import { type RecordFields, type StoredType, textIn } from "./storedRecords.ts";
import { storedIn } from "./tables.ts";

/** A field of a record that has the id of another record. */
export type Reference = { field: string; table: string; id: string };

/** For each type, the fields that have ids of other records, and the tables of those records. */
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

/** The fields of a type that have ids of other records, also of records that may no longer exist. */
export function referringFields(type: StoredType): readonly string[] {
  return fieldsByType[type] ?? [];
}

const fieldsByType: Partial<Record<StoredType, readonly string[]>> = {
  ...Object.fromEntries(
    Object.entries(targets).map(([type, fields]) => [type, fields.map(([field]) => field)]),
  ),
  hold: ["keyId", "identityId"],
};

/** For each type, the field that names the owner of a balance: the id of an identity, or the `subjectId` of a key. */
export const ownerFields: Partial<Record<StoredType, string>> = {
  key: "subjectId",
  hold: "subjectId",
  movement: "ownerId",
};

/** Whether other records can refer to records of this type. */
export function isReferenced(type: StoredType): boolean {
  return referencedTables.has(storedIn[type].table);
}

const referencedTables = new Set(
  Object.values(targets).flatMap((fields) => fields.map(([, table]) => table)),
);

/**
 * The references of a record to records that must exist. The special values `oldHash` and `upstream` are not
 * references. The key or identity of a hold or a movement need not exist, because it may have been deleted.
 */
export function referencesOf(type: StoredType, fields: RecordFields): Reference[] {
  const found: Reference[] = [];
  for (const [field, table] of targets[type] ?? []) {
    const value = (fields[field] ?? []) as string | readonly string[];
    if (typeof value === "string") {
      if (!waitingStates.has(value)) found.push({ field, table, id: value });
    } else for (const id of value) found.push({ field, table, id });
  }
  return found;
}

/**
 * A column whose values are unique in the workspace. With `within`, they are unique only among rows with the same value
 * in the column `within`. `isReferenced`: whether other records can refer to the record.
 */
type Unique = { column: string; isReferenced: boolean; within?: string };

/** The unique columns of each type. The hash of a root key must be unique in the whole database. */
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

/** The values of a record that must be unique, each with its column. */
export function uniqueTextsOf(type: StoredType, fields: RecordFields): { unique: Unique; text: string }[] {
  return (uniqueColumns[type] ?? []).flatMap((unique) => {
    const value = fields[unique.column];
    if (typeof value !== "string") return [];
    return { unique, text: uniqueText(unique, textIn(fields, unique.within ?? ""), value) };
  });
}

export function uniqueText({ column }: Unique, within: string, value: string): string {
  return `${column} ${within} ${value}`;
}
