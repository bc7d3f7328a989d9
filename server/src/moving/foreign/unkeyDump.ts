import { nextRefillAt, scheduleOf } from "../../domain/credits.ts";
import { parseSha256 } from "../../domain/foreignKeys.ts";
import type { ForeignRow, ScratchDatabase } from "../../storage/foreignDatabase.ts";
import { algorithms } from "../../storage/queries/keys/migrations.ts";
import type { DocumentRecord } from "../format.ts";
import { DocumentError } from "../parseRecord.ts";
import { prefixOf } from "../unkey/records.ts";
import {
  allRows,
  hasWrongExpiry,
  identityIdOf,
  identityOf,
  idOf,
  isSet,
  type KeyRecord,
  numberOf,
  objectOf,
  type Reading,
  ratelimitsOf,
  textOf,
  timeOf,
} from "./foreignRecords.ts";
import { unkeyViews } from "./unkeyTables.ts";

const product = "unkey";

/**
 * Chooses which workspace of a self-hosted Unkey is imported, and creates views of its records. It is the workspace
 * `wanted` or, if that is undefined, the only workspace with apis. `scratch` must have the tables in `unkeyTables`.
 * Errors: `DocumentError` if there is no such workspace, or if `wanted` is undefined and several workspaces have apis.
 */
export async function chooseWorkspace(scratch: ScratchDatabase, wanted: string | undefined): Promise<void> {
  scratch.create("chosen", ["id"]);
  scratch.insert("chosen", [[await chosenWorkspace(scratch, wanted)]]);
  for (const statement of unkeyViews) scratch.run(statement);
}

/** Reads the records of the chosen workspace. The records keep their ids. */
export async function* readUnkeyDump(
  scratch: ScratchDatabase,
  reading: Reading,
): AsyncGenerator<DocumentRecord> {
  for (const { view, columns = "*", by, recordsOf } of steps) {
    for await (const row of allRows(scratch, { columns, table: view, by })) {
      yield* recordsOf(row, reading);
    }
  }
  await noteRest(scratch, reading);
}

async function chosenWorkspace(scratch: ScratchDatabase, wanted: string | undefined): Promise<string> {
  const all = await scratch.rows(
    `select "id", "name" from "workspaces" w where coalesce("deleted_at_m", "deleted_at") is null
     and exists (select 1 from "apis" a where a."workspace_id" = w."id") order by "id" limit 1000`,
  );
  const ids = all.map(({ id }) => String(id));
  const [only] = ids;
  if (wanted === undefined && only !== undefined && ids.length === 1) return only;
  if (wanted !== undefined && ids.includes(wanted)) return wanted;
  if (only === undefined) {
    throw new DocumentError(
      "The dump has no workspace with an api, so there is nothing to import. Dump the whole database of Unkey.",
    );
  }
  const list = all.map(({ id, name }) => `${String(id)} (${textOf(name) ?? "no name"})`).join(", ");
  throw new DocumentError(
    `${wanted === undefined ? "The dump has several workspaces" : `The dump has no workspace ${wanted} with an api`}. Name one with --from-workspace: ${list}.`,
  );
}

type Step = {
  view: string;
  /** the columns to read. Default: all */
  columns?: string;
  /** the view's unique column */
  by: string;
  recordsOf(row: ForeignRow, reading: Reading): Iterable<DocumentRecord>;
};

/** The views to read, in the order in which a document has their records. */
const steps: readonly Step[] = [
  { view: "livePermissions", by: "id", recordsOf: (row) => [permissionOf(row)] },
  { view: "liveRoles", by: "id", recordsOf: (row) => [roleOf(row)] },
  { view: "liveNamespaces", by: "id", recordsOf: (row) => [{ type: "namespace", ...named(row) }] },
  { view: "liveOverrides", by: "id", recordsOf: (row) => [overrideOf(row)] },
  { view: "liveApis", by: "id", recordsOf: (row, reading) => [apiOf(row, reading)] },
  { view: "liveIdentities", by: "id", recordsOf: (row, reading) => [identityRecordOf(row, reading)] },
  {
    view: "owners",
    by: "owner_id",
    recordsOf: (row, reading) => [identityOf(product, idOf(row["owner_id"]) ?? "", reading) ?? []].flat(),
  },
  { view: "liveMigrations", by: "id", recordsOf: migrationsOf },
  { view: "liveKeys", by: "id", recordsOf: keyRecordsOf },
  {
    view: "liveKeys",
    columns: `"id", "hash", "pending_migration_id", "algorithm", "expires", "last_used_at"`,
    by: "id",
    recordsOf: lastUsesOf,
  },
];

const createdAtOf = (row: ForeignRow) => timeOf(row["created_at_m"]) || timeOf(row["created_at"]);

const named = (row: ForeignRow) => ({
  id: String(row["id"]),
  name: String(row["name"]),
  createdAtMs: createdAtOf(row),
});

const permissionOf = (row: ForeignRow): DocumentRecord => ({
  type: "permission",
  ...named(row),
  slug: textOf(row["slug"]) ?? String(row["name"]),
  description: textOf(row["description"]),
});

const roleOf = (row: ForeignRow): DocumentRecord => ({
  type: "role",
  ...named(row),
  description: textOf(row["description"]),
  permissions: idsOf(row["permissions"]),
});

const overrideOf = (row: ForeignRow): DocumentRecord => ({
  type: "override",
  id: String(row["id"]),
  namespaceId: String(row["namespace_id"]),
  identifier: String(row["identifier"]),
  limit: Number(row["limit"]),
  durationMs: Number(row["duration"]),
  createdAtMs: createdAtOf(row),
  updatedAtMs: timeOf(row["updated_at_m"]),
});

function apiOf(row: ForeignRow, reading: Reading): DocumentRecord {
  const addresses = (textOf(row["ip_whitelist"]) ?? "").split(",").map((entry) => entry.trim());
  const ipAllowList = addresses.filter((entry) => entry !== "");
  return {
    type: "api",
    ...named(row),
    deleteProtection: isSet(row["delete_protection"]),
    ...defaultsOf(row, reading),
    keyspaceId: idOf(row["key_auth_id"]),
    ipAllowList: ipAllowList.length === 0 ? null : ipAllowList,
  };
}

/**
 * The api's defaults for new keys. A default that Latchkey does not allow is omitted, so that the api can be imported.
 */
function defaultsOf(row: ForeignRow, { note }: Reading) {
  const prefix = textOf(row["default_prefix"]);
  const bytes = numberOf(row["default_bytes"]);
  const hasPrefix = prefix !== undefined && /^\w{1,16}$/.test(prefix);
  const hasBytes = bytes !== undefined && bytes >= 16 && bytes <= 255;
  const lost = [
    ...(prefix === undefined || hasPrefix
      ? []
      : [`its default prefix ${JSON.stringify(prefix)} (allowed: 1 to 16 letters, digits and _)`]),
    ...(bytes === undefined || hasBytes
      ? []
      : [`its default key length of ${bytes} bytes (allowed: 16 to 255)`]),
  ];
  if (lost.length > 0) note(`The api ${String(row["id"])} is imported without ${lost.join(" and ")}.`);
  return {
    defaultPrefix: hasPrefix ? prefix : undefined,
    defaultByteLength: hasBytes ? bytes : undefined,
  };
}

function identityRecordOf(row: ForeignRow, reading: Reading): DocumentRecord {
  const id = String(row["id"]);
  return {
    type: "identity",
    id,
    externalId: String(row["external_id"]),
    meta: metaOf("identity", row, reading) ?? {},
    createdAtMs: createdAtOf(row),
    updatedAtMs: timeOf(row["updated_at"]),
    ratelimits: limitsOf({ type: "identity", id }, row["ratelimits"], reading),
    balance: balanceOf(creditsOf(row), reading),
  };
}

function migrationsOf(row: ForeignRow): DocumentRecord[] {
  const algorithm = algorithmOf(row);
  if (algorithm === undefined) return [];
  return [{ type: "migration", id: String(row["id"]), algorithm }];
}

const algorithmOf = (row: ForeignRow) => algorithms.find((one) => one === row["algorithm"]);

function* keyRecordsOf(row: ForeignRow, reading: Reading): Generator<DocumentRecord> {
  const id = String(row["id"]);
  const hash = hashOf(row, reading.note);
  if (hash === undefined) return;
  const start = String(row["start"]);
  yield {
    type: "key",
    id,
    apiId: String(row["api_id"]),
    identityId: idOf(row["identity"]) ?? identityIdOf(product, ownerOf(row), reading),
    hash,
    start,
    prefix: prefixOf(start),
    name: textOf(row["name"])?.slice(0, 255),
    meta: metaOf("key", row, reading),
    enabled: isSet(row["enabled"]),
    expiresAtMs: timeOf(row["expires"]),
    createdAtMs: createdAtOf(row),
    updatedAtMs: timeOf(row["updated_at_m"]),
    // a key with the algorithm sha256 has the same hash in Latchkey, so it need not wait for a verification
    pendingMigrationId: algorithmOf(row) === "sha256" ? undefined : idOf(row["pending_migration_id"]),
    ratelimits: [
      ...limitsOf({ type: "key", id }, row["ratelimits"], reading),
      ...oldLimitOf(id, row, reading),
    ],
    permissions: idsOf(row["permissions"]),
    roles: idsOf(row["roles"]),
    balance: balanceOf(creditsOf(row), reading),
  };
}

/** The key's hash; undefined, with a note, if the key cannot be imported. */
function hashOf(row: ForeignRow, note: Reading["note"]): string | undefined {
  const id = String(row["id"]);
  const migration = idOf(row["pending_migration_id"]);
  const hash = parseSha256(String(row["hash"]));
  if (hash === undefined || (migration !== undefined && algorithmOf(row) === undefined)) {
    const why =
      hash === undefined
        ? "is not a SHA-256"
        : `needs the Unkey migration ${migration}, whose algorithm Latchkey does not know`;
    note(`The key ${id} is not imported: its hash ${why}.`);
    return undefined;
  }
  return hasWrongExpiry(id, row["expires"], note) ? undefined : hash;
}

/**
 * When a key was last used. These records come after the records of all keys, because a batch of an import has only
 * records of one type: with mixed records, every batch would have a single record.
 */
function lastUsesOf(row: ForeignRow): DocumentRecord[] {
  const atMs = timeOf(row["last_used_at"]) ?? 0;
  const isImported = hashOf(row, () => {}) !== undefined;
  return atMs > 0 && isImported ? [{ type: "lastUse", keyId: String(row["id"]), atMs }] : [];
}

/** The external id of the owner of a key that has no identity. */
const ownerOf = (row: ForeignRow) => (row["identity_id"] === null ? idOf(row["owner_id"]) : undefined);

const idsOf = (list: unknown) => (JSON.parse(String(list)) as unknown[]).map(String).sort();

function metaOf(what: string, row: ForeignRow, { note }: Reading): Record<string, unknown> | undefined {
  const text = textOf(row["meta"]);
  const meta = objectOf(text);
  if (meta === undefined && text !== undefined && text !== "null") {
    note(`The ${what} ${String(row["id"])} is imported without its metadata, which is not a JSON object.`);
  }
  return meta;
}

type StoredLimit = { id: unknown; name: string; limit: unknown; duration: unknown; autoApply: unknown };

function limitsOf(
  owner: Parameters<typeof ratelimitsOf>[0],
  list: unknown,
  reading: Reading,
): NonNullable<KeyRecord["ratelimits"]> {
  return (JSON.parse(String(list)) as StoredLimit[]).flatMap(({ id, name, limit, duration, autoApply }) =>
    ratelimitsOf(
      owner,
      {
        name,
        limit: numberOf(limit) ?? 0,
        durationMs: numberOf(duration) ?? 0,
        autoApply: isSet(autoApply),
      },
      reading,
    ).map((one) => ({ ...one, id: String(id) })),
  );
}

/** The limit in the key's own columns, which older versions of Unkey apply to every verification. */
function oldLimitOf(id: string, row: ForeignRow, reading: Reading): NonNullable<KeyRecord["ratelimits"]> {
  const limit = numberOf(row["ratelimit_limit"]);
  const durationMs = numberOf(row["ratelimit_duration"]);
  const others = JSON.parse(String(row["ratelimits"])) as StoredLimit[];
  if (limit === undefined || durationMs === undefined || others.some(({ name }) => name === "default"))
    return [];
  return ratelimitsOf({ type: "key", id }, { name: "default", limit, durationMs, autoApply: true }, reading);
}

type StoredCredits = { remaining: unknown; amount: unknown; day: unknown; refilledAt: unknown };

/**
 * The credits of a key or identity: from the table of newer versions, or from the key's own columns if the key has no
 * row there.
 */
function creditsOf(row: ForeignRow): StoredCredits {
  const own = objectOf(row["credits"]);
  if (own !== undefined) return own as StoredCredits;
  return {
    remaining: row["remaining_requests"],
    amount: row["refill_amount"],
    day: row["refill_day"] ?? (row["refill_interval"] === "monthly" ? 1 : null),
    refilledAt: row["last_refill_at"],
  };
}

function balanceOf(credits: StoredCredits, { nowMs }: Reading): KeyRecord["balance"] {
  const remaining = numberOf(credits.remaining);
  const refillAmount = numberOf(credits.amount);
  if (remaining === undefined) return null;
  const balance = { remaining: Math.max(0, remaining) };
  if (refillAmount === undefined) return balance;
  const refillDay = numberOf(credits.day);
  const lastMs = Math.min(timeOf(credits.refilledAt) ?? nowMs, nowMs);
  return { ...balance, refillAmount, refillDay, nextRefillAtMs: nextRefillAt(scheduleOf(refillDay), lastMs) };
}

/** Adds notes about records in the dump that are not imported. */
async function noteRest(scratch: ScratchDatabase, { note }: Reading): Promise<void> {
  const kinds = [
    [
      `from "keys" k where k."for_workspace_id" = (select "id" from "chosen")
       and coalesce(k."deleted_at_m", k."deleted_at") is null`,
      (count: number) =>
        `Root keys are not imported (${count}): create new ones with latchkey root-key create.`,
    ],
    [
      `from "encrypted_keys" where "key_id" in (select "id" from "everyKey")`,
      (count: number) =>
        `Recoverable keys are imported as not recoverable, because only Unkey can decrypt them (${count}).`,
    ],
    [
      `from "everyKey" where "key_auth_id" not in (select "key_auth_id" from "liveApis" where "key_auth_id" is not null)`,
      (count: number) => `Keys of apis that are deleted in Unkey are not imported (${count}).`,
    ],
    [
      `from "keys" k where k."workspace_id" = (select "id" from "chosen")
       and coalesce(k."deleted_at_m", k."deleted_at") = 0`,
      (count: number) =>
        `Keys whose deletion time is 0 are not imported, because Unkey treats them as deleted (${count}).`,
    ],
    [
      `from "everyKey" where "environment" <> ''`,
      (count: number) => `Keys are imported without the label in their column environment (${count}).`,
    ],
  ] as const;
  for (const [from, sentenceFor] of kinds) {
    const [row] = await scratch.rows(`select count(*) "count" ${from}`);
    const count = Number(row?.["count"]);
    if (count > 0) note(sentenceFor(count));
  }
}
