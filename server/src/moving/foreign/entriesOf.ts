import type { DocumentRecord } from "../format.ts";
import { DocumentError, type Entry, ended, parseRecord } from "../parseRecord.ts";
import type { Reading } from "./foreignRecords.ts";

/**
 * Validates the records of another product. An invalid record is omitted, with a note. An invalid permission or role is
 * also omitted from the keys and roles that refer to it. The last use of an invalid key is omitted, too. The `line` of
 * an entry is the number of the record.
 */
export async function* entriesOf(
  records: AsyncIterable<DocumentRecord>,
  note: Reading["note"],
): AsyncGenerator<Entry> {
  let line = 0;
  const omitted = new Set<string>();
  for await (const record of records) {
    if (isUseOf(omitted, record)) continue;
    line += 1;
    try {
      yield { ...parseRecord(withoutOmitted(record, omitted, note)), line };
    } catch (error) {
      if (!(error instanceof DocumentError)) throw error;
      if ("id" in record) omitted.add(record.id);
      note(`The ${record.type} ${nameOf(record)} is not imported: ${ended(error.message)}`);
    }
  }
}

function isUseOf(omitted: ReadonlySet<string>, record: DocumentRecord): boolean {
  return record.type === "lastUse" && omitted.has(record.keyId);
}

/** What people recognize a record by: its name or external id, otherwise its id. */
function nameOf(record: DocumentRecord): string {
  if ("name" in record && typeof record.name === "string" && record.name !== "") return record.name;
  if ("externalId" in record) return record.externalId;
  return "id" in record ? record.id : "keyId" in record ? record.keyId : "";
}

const lists = ["permissions", "roles"] as const;

function withoutOmitted(
  record: DocumentRecord,
  omitted: ReadonlySet<string>,
  note: Reading["note"],
): DocumentRecord {
  if (record.type !== "key" && record.type !== "role") return record;
  const kept: { [list in (typeof lists)[number]]?: readonly string[] | undefined } = record;
  const lost = lists.filter((list) => kept[list]?.some((id) => omitted.has(id)));
  if (lost.length === 0) return record;
  note(
    `The ${record.type} ${nameOf(record)} is imported without those of its ${lost.join(" and ")} that are not imported.`,
  );
  const shorter = lost.map((list) => [list, kept[list]?.filter((id) => !omitted.has(id))]);
  return { ...record, ...Object.fromEntries(shorter) };
}
