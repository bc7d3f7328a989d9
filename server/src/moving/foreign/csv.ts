import type { z } from "zod";
import { closest } from "../../domain/closest.ts";
import { parseForeignHash, schemeOf } from "../../domain/oldHashes.ts";
import { permissionSlug } from "../../operations/shared/permissions.ts";
import { text } from "../../operations/shared/values.ts";
import { underOldHash } from "../../storage/queries/keys/waiting.ts";
import type { DocumentRecord } from "../format.ts";
import { DocumentError } from "../parseRecord.ts";
import { csvRows } from "./csvRows.ts";
import {
  derivedId,
  identityIdOf,
  identityOf,
  isSet,
  objectOf,
  type Reading,
  timeOf,
} from "./foreignRecords.ts";

const product = "csv";
const ownApiId = (reading: Reading) => derivedId(reading, "api", product);
const columns = [
  "hash",
  "algorithm",
  "name",
  "externalId",
  "prefix",
  "start",
  "enabled",
  "expires",
  "credits",
  "meta",
  "createdAt",
  "permissions",
  "roles",
] as const;

/** Separates the permissions, or the roles, of a key. A permission never contains this character. */
const listSeparator = ";";

type Column = (typeof columns)[number];
/** A row of the file. `number` is the number of the row's first line. */
type Line = { number: number; values: Partial<Record<Column, string>> };

/**
 * Reads keys from a CSV file with a header. The file is read twice: once for the permissions, roles and users, which
 * must be imported before the keys, and once for the keys.
 * Errors: `DocumentError` if the header has unknown columns or lacks `hash`, if a row has more or fewer values than the
 * header, or if a quote is not closed.
 */
export async function* readCsv(
  open: () => AsyncIterable<Uint8Array>,
  reading: Reading,
): AsyncGenerator<DocumentRecord> {
  const named = await namesIn(open());
  for (const slug of named.permissions) {
    yield { type: "permission", id: permissionId(slug, reading), slug, name: slug };
  }
  for (const name of named.roles) yield { type: "role", id: roleId(name, reading), name };
  if (reading.apiId === undefined) {
    yield { type: "api", id: ownApiId(reading), name: "from CSV" };
  }
  for (const externalId of named.externalIds) {
    const identity = identityOf(product, externalId, reading);
    if (identity !== undefined) yield identity;
  }
  for await (const line of linesOf(open())) {
    const key = keyOf(line, reading);
    if (key !== undefined) yield key;
  }
}

async function namesIn(chunks: AsyncIterable<Uint8Array>) {
  const named = {
    permissions: new Set<string>(),
    roles: new Set<string>(),
    externalIds: new Set<string>(),
  };
  for await (const { values } of linesOf(chunks)) {
    const parsed = parsedValues(values);
    if (!("flaw" in parsed)) {
      for (const slug of parsed.permissions) named.permissions.add(slug);
      for (const name of parsed.roles) named.roles.add(name);
    }
    if (values.externalId !== undefined) named.externalIds.add(values.externalId);
  }
  return named;
}

const permissionId = (slug: string, reading: Reading) => derivedId(reading, "perm", product, slug);
const roleId = (name: string, reading: Reading) => derivedId(reading, "role", product, name);

function keyOf({ number, values }: Line, reading: Reading): DocumentRecord | undefined {
  const { apiId } = reading;
  const refuse = (flaw: string) => {
    reading.note(`Line ${number} is not imported: ${flaw}.`);
    return undefined;
  };
  const read = parseForeignHash(values.hash ?? "", values.algorithm);
  if ("flaw" in read) return refuse(read.flaw);
  const parsed = parsedValues(values);
  if ("flaw" in parsed) return refuse(parsed.flaw);
  const { hash } = read;
  return {
    type: "key",
    id: derivedId(reading, "key", product, hash),
    apiId: apiId ?? ownApiId(reading),
    identityId: identityIdOf(product, values.externalId, reading),
    hash,
    pendingMigrationId: schemeOf(hash) === undefined ? null : underOldHash,
    name: values.name,
    prefix: values.prefix,
    start: values.start,
    ...parsed,
    permissions: parsed.permissions.map((slug) => permissionId(slug, reading)),
    roles: parsed.roles.map((name) => roleId(name, reading)),
  };
}

const roleName = text(1, 128);
const credits = (given: string) => (/^\d{1,15}$/.test(given) ? Number(given) : undefined);
const flag = (given: string) =>
  /^(true|false|t|f|1|0)$/i.test(given) ? isSet(given.toLowerCase()) : undefined;

type KeyFields = {
  balance: { remaining: number } | null;
  meta: Record<string, unknown> | undefined;
  createdAtMs: number | undefined;
  expiresAtMs: number | undefined;
  enabled: boolean;
  permissions: string[];
  roles: string[];
};

/** Converts the values of a line to fields of a key. If values are invalid, `flaw` says what they must be. */
function parsedValues(values: Line["values"]): KeyFields | { flaw: string } {
  const flaws: string[] = [];
  function read<T>(column: Column, parse: (given: string) => T | undefined, form: string): T | undefined {
    const given = values[column];
    const value = given === undefined ? undefined : parse(given);
    if (given !== undefined && value === undefined) flaws.push(`its ${column} must be ${form}`);
    return value;
  }
  const time = "an ISO time or Unix milliseconds";
  const remaining = read("credits", credits, "a whole number of at most 15 digits");
  const fields = {
    balance: remaining === undefined ? null : { remaining },
    meta: read("meta", objectOf, "a JSON object"),
    createdAtMs: read("createdAt", timeOf, time),
    expiresAtMs: read("expires", timeOf, time),
    enabled: read("enabled", flag, "true or false") ?? true,
    permissions:
      read("permissions", listOf(permissionSlug), "slugs such as documents.read, separated by ;") ?? [],
    roles: read("roles", listOf(roleName), "names of 1 to 128 characters, separated by ;") ?? [],
  };
  return flaws.length > 0 ? { flaw: flaws.join(", and ") } : fields;
}

/** Returns a function that reads the names in a list. The function returns undefined if a name is not valid. */
function listOf(name: z.ZodType<string>): (list: string) => string[] | undefined {
  return (list) => {
    const names = list.split(listSeparator).map((one) => one.trim());
    const unique = [...new Set(names.filter((one) => one !== ""))];
    return unique.every((one) => name.safeParse(one).success) ? unique : undefined;
  };
}

/** The lines after the header. Empty values are omitted. */
async function* linesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Line> {
  let header: Column[] | undefined;
  for await (const { line: number, cells } of csvRows(chunks)) {
    if (header === undefined) {
      header = headerOf(cells);
      continue;
    }
    if (cells.length === 1 && cells[0] === "") continue;
    if (cells.length !== header.length) {
      throw new DocumentError(
        `Line ${number} has ${cells.length} values, but the header has ${header.length}. Correct the line.`,
      );
    }
    const named = header.map((name, index) => [name, cells[index]] as const);
    yield { number, values: Object.fromEntries(named.filter(([, value]) => value !== "")) };
  }
}

function headerOf(cells: readonly string[]): Column[] {
  return cells.map((cell) => {
    const column = columns.find((name) => name === cell);
    if (column !== undefined && cells.includes("hash") && new Set(cells).size === cells.length) return column;
    const near = closest(cell, columns);
    throw new DocumentError(
      `Line 1: the header must name each column once, and must have the column hash; ${near === undefined || near === cell ? `allowed columns: ${columns.join(", ")}` : `instead of ${cell}, use ${near}`}.`,
    );
  });
}
