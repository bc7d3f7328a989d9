import { createHash } from "node:crypto";
import type { ForeignDatabase, ForeignRow } from "../../storage/foreignDatabase.ts";
import type { DocumentRecord } from "../format.ts";
import { DocumentError, type Entry, parseRecord } from "../parseRecord.ts";

/** What a reader needs besides its source. */
export type Reading = {
  /** the api for the keys; undefined: one that the reader creates */
  apiId: string | undefined;
  nowMs: number;
  /** called with a sentence for everything that is not carried over */
  note(sentence: string): void;
};

export type KeyRecord = Extract<DocumentRecord, { type: "key" }>;

/** The same id for the same thing at every run, so that an import can be repeated. */
export function derivedId(prefix: string, ...names: readonly string[]): string {
  const digest = createHash("sha256")
    .update(JSON.stringify([prefix, ...names]))
    .digest("hex");
  return `${prefix}_${digest.slice(0, 24)}`;
}

/** The records as they are imported. `line` is the number of the record. What is invalid is noted and left out. */
export async function* entriesOf(
  records: AsyncIterable<DocumentRecord>,
  note: Reading["note"],
): AsyncGenerator<Entry> {
  let line = 0;
  for await (const record of records) {
    line += 1;
    try {
      yield { ...parseRecord(record), line };
    } catch (error) {
      if (!(error instanceof DocumentError)) throw error;
      note(
        `The ${record.type} ${"name" in record ? (record.name ?? "") : ""} is not imported: ${error.message}.`,
      );
    }
  }
}

const pageSize = 500;

/** All rows of a table, in the order of a text column whose values are unique. */
export async function* allRows(
  database: ForeignDatabase,
  { columns, table, by }: { columns: string; table: string; by: string },
): AsyncGenerator<ForeignRow> {
  let after = "";
  for (;;) {
    const page = await database.rows(
      `select ${columns} from "${table}" where "${by}" > $1 order by "${by}" limit ${pageSize}`,
      after,
    );
    yield* page;
    const last = page.at(-1);
    if (last === undefined || page.length < pageSize) return;
    after = textOf(last[by]) ?? "";
  }
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
  if (value instanceof Date) return value.getTime();
  if (typeof value === "number") return value;
  const text = textOf(value);
  if (text === undefined) return undefined;
  const iso = withoutZone.test(text) ? `${text.replace(" ", "T")}Z` : text;
  const ms = /^\d+$/.test(text) ? Number(text) : Date.parse(iso);
  return Number.isNaN(ms) ? undefined : ms;
}

/** Whether a flag is set; databases without booleans have 0 and 1. */
export function isSet(value: unknown): boolean {
  return value === true || value === 1 || value === "t" || value === "true" || value === "1";
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
export function identityOf(
  product: string,
  userId: string,
  { nowMs, note }: Reading,
): DocumentRecord | undefined {
  if (externalIdForm.test(userId)) {
    return { type: "identity", id: derivedId("id", product, userId), externalId: userId, createdAtMs: nowMs };
  }
  note(
    `The user ${userId} gets no identity, and its keys belong to none: an external id has 1 to 255 letters, digits, _ . and -.`,
  );
  return undefined;
}

/** The id that `identityOf` gives the identity of this user. */
export function identityIdOf(product: string, userId: string | undefined): string | null {
  return userId === undefined || !externalIdForm.test(userId) ? null : derivedId("id", product, userId);
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
  note: Reading["note"],
): NonNullable<KeyRecord["ratelimits"]> {
  const isPossible =
    Number.isInteger(limit) && limit >= 1 && durationMs >= 1000 && durationMs <= longestWindowMs;
  if (isPossible) return [{ id: derivedId("rl", key, name), name, limit, durationMs, autoApply }];
  note(
    `The key ${key} is imported without its limit of ${limit} in ${durationMs} ms: a window lasts from 1 s to 30 days.`,
  );
  return [];
}
