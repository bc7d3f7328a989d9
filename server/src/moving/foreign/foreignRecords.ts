import { createHash } from "node:crypto";
import type { ForeignDatabase, ForeignRow } from "../../storage/foreignDatabase.ts";
import type { DocumentRecord } from "../format.ts";
import { DocumentError } from "../parseRecord.ts";

/** What a function that reads another product's keys needs in addition to their source. */
export type Reading = {
  /** the id of the api for the keys; undefined: an api is created for them */
  apiId: string | undefined;
  /** the id of the workspace into which the records are imported */
  workspaceId: string;
  nowMs: number;
  /** called with a sentence for everything that is not imported */
  note(sentence: string): void;
};

export type KeyRecord = Extract<DocumentRecord, { type: "key" }>;

/**
 * Derives a record's id from names of the other product. So a second import finds the same record. The id also depends
 * on the workspace, because ids are unique in the whole database.
 */
export function derivedId(
  { workspaceId }: Pick<Reading, "workspaceId">,
  prefix: string,
  ...names: readonly string[]
): string {
  const digest = createHash("sha256")
    .update(JSON.stringify([workspaceId, prefix, ...names]))
    .digest("hex");
  return `${prefix}_${digest.slice(0, 24)}`;
}

const pageSize = 500;

/**
 * Reads all rows of a table page by page, in the order of the column `by`, whose values are unique. Rows with a null in
 * that column are omitted. Errors: `DocumentError` if the column has numbers that the driver has rounded.
 */
export async function* allRows(
  database: ForeignDatabase,
  { columns, table, by }: { columns: string; table: string; by: string },
): AsyncGenerator<ForeignRow> {
  let page: ForeignRow[] = [];
  do {
    const after = page.map((row) => row[by] as string | number | Uint8Array).slice(-1);
    page = await database.rows(
      `select ${columns} from "${table}" where "${by}" ${after.length === 0 ? "is not null" : "> $1"} order by "${by}" limit ${pageSize}`,
      ...after,
    );
    const last = page.at(-1)?.[by];
    if (Number.isInteger(last) && !Number.isSafeInteger(last)) {
      throw new DocumentError(
        `The column ${by} of the table ${table} has numbers above 2^53, which cannot be read exactly. Write the keys' hashes to a CSV file, and import it with --from csv.`,
      );
    }
    yield* page;
  } while (page.length === pageSize);
}

/** An id as text: a number is written in decimal, bytes in hex. Undefined if the id is empty. */
export function idOf(value: unknown): string | undefined {
  if (typeof value === "number" || typeof value === "bigint") return String(value);
  return value instanceof Uint8Array ? Buffer.from(value).toString("hex") : textOf(value);
}

export function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** The value as a number. It may be text, because drivers return large integers as text. */
export function numberOf(value: unknown): number | undefined {
  if (typeof value === "bigint") return Number(value);
  if (typeof value === "string" && /^-?\d+(\.\d+)?$/.test(value)) return Number(value);
  return typeof value === "number" ? value : undefined;
}

const withoutZone = /^\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d(\.\d+)?)?$/;

/** Unix milliseconds of a date, an ISO text or a number. A text without a zone, as MySQL writes it, is in UTC. */
export function timeOf(value: unknown): number | undefined {
  const text = textOf(value);
  if (text === undefined) {
    const number = value instanceof Date ? value.getTime() : numberOf(value);
    return Number.isNaN(number) ? undefined : number;
  }
  const iso = withoutZone.test(text) ? `${text.replace(" ", "T")}Z` : text;
  const ms = /^\d+$/.test(text) ? Number(text) : Date.parse(iso);
  return Number.isNaN(ms) ? undefined : ms;
}

/**
 * Whether a key's expiry cannot be read. Then adds a note: the key must not be imported, because it would never expire.
 */
export function hasWrongExpiry(key: string, expiry: unknown, note: Reading["note"]): boolean {
  if (expiry === null || expiry === undefined || expiry === "" || timeOf(expiry) !== undefined) return false;
  note(`The key ${key} is not imported: its expiry ${JSON.stringify(expiry)} is not a time.`);
  return true;
}

const set: readonly unknown[] = [true, 1, 1n, "t", "true", "1", "\u0001"];

/** Whether a flag is true. Databases without booleans store 0 and 1, or a bit, which a MySQL dump writes as a byte. */
export function isSet(value: unknown): boolean {
  return set.includes(value);
}

/** The value if it is a JSON object, as text or already parsed; undefined for anything else. */
export function objectOf(value: unknown): Record<string, unknown> | undefined {
  const parsed = typeof value === "string" ? parsedJson(value) : value;
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) return undefined;
  return parsed as Record<string, unknown>;
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const externalIdForm = /^[a-zA-Z0-9_.-]{1,255}$/;

/**
 * The identity for a user of the other product; undefined, with a note, if the user's id is not a valid external id.
 */
export function identityOf(product: string, userId: string, reading: Reading): DocumentRecord | undefined {
  const id = identityIdOf(product, userId, reading);
  if (id !== null) return { type: "identity", id, externalId: userId };
  reading.note(
    `No identity is imported for the user ${userId}, and the user's keys are imported without one: an external id must be 1 to 255 letters, digits, _ . and -.`,
  );
  return undefined;
}

/** The id of the identity that `identityOf` creates for this user. */
export function identityIdOf(product: string, userId: string | undefined, reading: Reading): string | null {
  return userId === undefined || !externalIdForm.test(userId)
    ? null
    : derivedId(reading, "id", product, userId);
}

const longestWindowMs = 2_592_000_000;

/** A list with the rate limit of a key or identity; empty, with a note, if Latchkey cannot have such a limit. */
export function ratelimitsOf(
  owner: { type: "key" | "identity"; id: string },
  {
    name,
    limit,
    durationMs,
    autoApply,
  }: { name: string; limit: number; durationMs: number; autoApply: boolean },
  reading: Reading,
): NonNullable<KeyRecord["ratelimits"]> {
  const isPossible =
    Number.isSafeInteger(limit) && limit >= 1 && durationMs >= 1000 && durationMs <= longestWindowMs;
  if (isPossible)
    return [{ id: derivedId(reading, "rl", owner.id, name), name, limit, durationMs, autoApply }];
  reading.note(
    `The rate limit ${JSON.stringify(name)} of the ${owner.type} ${owner.id} is not imported: it allows ${limit} in ${durationMs} ms, but a limit must be 1 to 2^53 - 1, and its window 1 s to 30 days.`,
  );
  return [];
}
