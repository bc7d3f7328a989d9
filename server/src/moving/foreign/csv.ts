import type { z } from "zod";
import { closest } from "../../domain/closest.ts";
import { parseForeignHash, schemeOf } from "../../domain/oldHashes.ts";
import { permissionSlug } from "../../operations/shared/permissions.ts";
import { text } from "../../operations/shared/values.ts";
import { underOldHash } from "../../storage/queries/keys/waiting.ts";
import type { DocumentRecord } from "../format.ts";
import { DocumentError } from "../parseRecord.ts";
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

/** Separates the permissions, or the roles, of a key. The name of a permission never contains it. */
const listSeparator = ";";

type Column = (typeof columns)[number];
type Line = { number: number; values: Partial<Record<Column, string>> };

/**
 * Reads keys from a CSV file with a header. It reads the file twice: once for the permissions, roles and users, which
 * must be imported before the keys, and once for the keys.
 * Errors: `DocumentError` if the header has unknown columns or lacks `hash`, or if a quote is not closed.
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
    for (const slug of parsed?.permissions ?? []) named.permissions.add(slug);
    for (const name of parsed?.roles ?? []) named.roles.add(name);
    if (values.externalId !== undefined) named.externalIds.add(values.externalId);
  }
  return named;
}

const permissionId = (slug: string, reading: Reading) => derivedId(reading, "perm", product, slug);
const roleId = (name: string, reading: Reading) => derivedId(reading, "role", product, name);

function keyOf({ number, values }: Line, reading: Reading): DocumentRecord | undefined {
  const { apiId, note } = reading;
  const read = parseForeignHash(values.hash ?? "", values.algorithm);
  const parsed = parsedValues(values);
  if ("flaw" in read || parsed === undefined) {
    note(`Line ${number} is not imported: ${"flaw" in read ? read.flaw : wrongValues}.`);
    return undefined;
  }
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

const wrongValues =
  "one of its values is invalid. credits must be a whole number, meta a JSON object, createdAt and expires ISO times or Unix milliseconds, and permissions and roles lists of names, separated by ;";

/** Converts the values of a line to fields of a key; undefined if one of them is invalid. */
function parsedValues(values: Line["values"]) {
  const { credits, meta, createdAt, expires, enabled, permissions, roles } = values;
  const given = [
    [credits, credits !== undefined && /^\d{1,15}$/.test(credits) ? Number(credits) : undefined],
    [meta, objectOf(meta)],
    [createdAt, timeOf(createdAt)],
    [expires, timeOf(expires)],
    [permissions, listOf(permissions, permissionSlug)],
    [roles, listOf(roles, roleName)],
  ];
  if (given.some(([text, value]) => text !== undefined && value === undefined)) return undefined;
  return {
    balance: credits === undefined ? null : { remaining: Number(credits) },
    meta: objectOf(meta),
    createdAtMs: timeOf(createdAt),
    expiresAtMs: timeOf(expires),
    enabled: enabled === undefined || isSet(enabled.toLowerCase()),
    permissions: listOf(permissions, permissionSlug) ?? [],
    roles: listOf(roles, roleName) ?? [],
  };
}

const roleName = text(1, 128);

/** The names in a list; undefined if one of them is not a valid name. */
function listOf(list: string | undefined, name: z.ZodType<string>): string[] | undefined {
  const names = (list ?? "").split(listSeparator).map((one) => one.trim());
  const unique = [...new Set(names.filter((one) => one !== ""))];
  return unique.every((one) => name.safeParse(one).success) ? unique : undefined;
}

/** The lines after the header. Empty values are omitted. */
async function* linesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Line> {
  let header: Column[] | undefined;
  let number = 0;
  for await (const cells of csvRows(chunks)) {
    number += 1;
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

const longestRow = 1024 * 1024;

/**
 * Splits a CSV file (RFC 4180) into rows. A quoted value may contain commas, line ends, and quotes that are doubled.
 */
async function* csvRows(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string[]> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let text = "";
  for await (const chunk of chunks) {
    text += decode(() => decoder.decode(chunk, { stream: true }));
    let end = rowEnd(text);
    let start = 0;
    while (end !== -1) {
      yield cellsOf(text.slice(start, end));
      start = end + 1;
      end = rowEnd(text, start);
    }
    text = text.slice(start);
    if (text.length > longestRow) {
      throw new DocumentError(
        "A row is longer than 1 MiB, or one of its quotes is not closed. Correct the file.",
      );
    }
  }
  text += decode(() => decoder.decode());
  if (text !== "") yield cellsOf(text);
}

function decode(work: () => string): string {
  try {
    return work();
  } catch {
    throw new DocumentError("The file is not UTF-8. Convert it to UTF-8.");
  }
}

/** The position of the end of the row that begins at `start`; -1 if the text does not contain all of it. */
function rowEnd(text: string, start = 0): number {
  let isQuoted = false;
  for (let at = start; at < text.length; at += 1) {
    const character = text[at];
    if (character === '"') isQuoted = !isQuoted;
    else if (character === "\n" && !isQuoted) return at;
  }
  return -1;
}

function cellsOf(row: string): string[] {
  const text = row.endsWith("\r") ? row.slice(0, -1) : row;
  const cells: string[] = [];
  let cell = "";
  let isQuoted = false;
  for (let at = 0; at < text.length; at += 1) {
    const character = text.charAt(at);
    if (character === '"' && isQuoted && text[at + 1] === '"') {
      cell += '"';
      at += 1;
    } else if (character === '"') isQuoted = !isQuoted;
    else if (character === "," && !isQuoted) {
      cells.push(cell);
      cell = "";
    } else cell += character;
  }
  if (isQuoted) throw new DocumentError("A quote in the last row is not closed. Correct the file.");
  return [...cells, cell];
}
