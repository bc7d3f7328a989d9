import { createHash } from "node:crypto";
import type { ForeignDatabase, ForeignRow } from "../../storage/foreignDatabase.ts";
import type { DocumentRecord } from "../format.ts";
import { DocumentError } from "../parseRecord.ts";

/** What a reader needs besides its source. */
export type Reading = {
  /** the api for the keys; undefined: one that the reader creates */
  apiId: string | undefined;
  /** the workspace that the records are imported into */
  workspaceId: string;
  nowMs: number;
  /** called with a sentence for everything that is not carried over */
  note(sentence: string): void;
};

export type KeyRecord = Extract<DocumentRecord, { type: "key" }>;

/**
 * The same id for the same thing at every run, so that an import can be repeated. Each workspace has its own, since ids
 * are unique in the whole database.
 */
export function derivedId({ workspaceId }: Reading, prefix: string, ...names: readonly string[]): string {
  const digest = createHash("sha256")
    .update(JSON.stringify([workspaceId, prefix, ...names]))
    .digest("hex");
  return `${prefix}_${digest.slice(0, 24)}`;
}

const pageSize = 500;

/**
 * All rows of a table, in the order of a column whose values are unique, of any type; none for a null in it.
 * Errors: `DocumentError` for numbers that the driver has rounded.
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
        `The column ${by} of the table ${table} has numbers above 2^53, which cannot be read exactly. Write the hashes into a CSV file.`,
      );
    }
    yield* page;
  } while (page.length === pageSize);
}

/** An id as text: a number in decimal, bytes in hex. Undefined if it is empty. */
export function idOf(value: unknown): string | undefined {
  if (typeof value === "number" || typeof value === "bigint") return String(value);
  return value instanceof Uint8Array ? Buffer.from(value).toString("hex") : textOf(value);
}

export function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** A number, or text that is one, since drivers return large integers as text. */
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
 * Whether a key has a time of expiry that cannot be read. Such a key is not imported, since it would never expire; a note
 * says so.
 */
export function hasWrongExpiry(key: string, expiry: unknown, note: Reading["note"]): boolean {
  if (expiry === null || expiry === undefined || expiry === "" || timeOf(expiry) !== undefined) return false;
  note(`The key ${key} is not imported: its expiry ${JSON.stringify(expiry)} is not a time.`);
  return true;
}

const set: readonly unknown[] = [true, 1, 1n, "t", "true", "1", "\u0001"];

/** Whether a flag is set; databases without booleans have 0 and 1, or a bit, which a dump has as a byte. */
export function isSet(value: unknown): boolean {
  return set.includes(value);
}

/** A JSON object, which some databases return parsed; undefined for anything else. */
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

/** The identity of a user of the other product; undefined, with a note, if its id cannot be an external id. */
export function identityOf(product: string, userId: string, reading: Reading): DocumentRecord | undefined {
  const { nowMs: createdAtMs, note } = reading;
  const id = identityIdOf(product, userId, reading);
  if (id !== null) return { type: "identity", id, externalId: userId, createdAtMs };
  note(
    `The user ${userId} gets no identity, and its keys belong to none: an external id has 1 to 255 letters, digits, _ . and -.`,
  );
  return undefined;
}

/** The id that `identityOf` gives the identity of this user. */
export function identityIdOf(product: string, userId: string | undefined, reading: Reading): string | null {
  return userId === undefined || !externalIdForm.test(userId)
    ? null
    : derivedId(reading, "id", product, userId);
}

const longestWindowMs = 2_592_000_000;

/** A rate limit of a key; empty, with a note, if this server has no such limit. */
export function ratelimitsOf(
  key: string,
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
  if (isPossible) return [{ id: derivedId(reading, "rl", key, name), name, limit, durationMs, autoApply }];
  reading.note(
    `The key ${key} is imported without its limit of ${limit} in ${durationMs} ms: a window lasts from 1 s to 30 days${limit > Number.MAX_SAFE_INTEGER ? ", and a limit is below 2^53" : ""}.`,
  );
  return [];
}
