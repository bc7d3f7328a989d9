import type { ForeignDatabase, ForeignRow } from "../../storage/foreignDatabase.ts";
import type { DocumentRecord } from "../format.ts";
import {
  allRows,
  derivedId,
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
import type { WantedTable } from "./mysqlDump/stageDump.ts";

const product = "better-auth";
const table = "apikey";

/** The table and columns that the import reads from a MySQL dump of better-auth. */
export const betterAuthTables: readonly WantedTable[] = [
  {
    table,
    needed: [
      "id",
      "configId",
      "referenceId",
      "key",
      "enabled",
      "expiresAt",
      "remaining",
      "refillInterval",
      "refillAmount",
      "rateLimitEnabled",
      "rateLimitTimeWindow",
      "rateLimitMax",
      "permissions",
    ],
    optional: ["name", "start", "prefix", "lastRefillAt", "createdAt", "updatedAt", "metadata"],
  },
];

/**
 * Reads the keys of better-auth's api-key plugin (1.7) from SQLite, PostgreSQL or a MySQL dump. The plugin hashes keys
 * as Latchkey does. Each configuration of the plugin becomes an api, each user or organization an identity, and each
 * action on a resource a permission.
 */
export async function* readBetterAuth(
  database: ForeignDatabase,
  reading: Reading,
): AsyncGenerator<DocumentRecord> {
  yield* permissionsAndApis(database, reading);
  const columns = `distinct "referenceId"`;
  for await (const { referenceId } of allRows(database, { columns, table, by: "referenceId" })) {
    const userId = idOf(referenceId);
    const identity = userId === undefined ? undefined : identityOf(product, userId, reading);
    if (identity !== undefined) yield identity;
  }
  for await (const row of allRows(database, { columns: "*", table, by: "id" })) {
    const key = keyOf(row, reading);
    if (key !== undefined) yield key;
  }
}

async function* permissionsAndApis(
  database: ForeignDatabase,
  reading: Reading,
): AsyncGenerator<DocumentRecord> {
  const { apiId: givenApiId } = reading;
  const stored = await database.rows(`select distinct "permissions" from "${table}"`);
  for (const slug of new Set(stored.flatMap(({ permissions }) => slugsOf(permissions)))) {
    yield { type: "permission", id: permissionId(slug, reading), slug, name: slug };
  }
  if (givenApiId !== undefined) return;
  for (const { configId } of await database.rows(`select distinct "configId" from "${table}"`)) {
    const name = `${product} ${textOf(configId) ?? ""}`.trim();
    yield { type: "api", id: apiId(configId, reading), name };
  }
}

const apiId = (configId: unknown, reading: Reading) =>
  derivedId(reading, "api", product, textOf(configId) ?? "");
const permissionId = (slug: string, reading: Reading) => derivedId(reading, "perm", product, slug);

/** The permissions of a better-auth key: `{"files":["read"]}` becomes `files.read`. */
function slugsOf(permissions: unknown): string[] {
  return Object.entries(objectOf(permissions) ?? {}).flatMap(([resource, actions]) =>
    (Array.isArray(actions) ? actions : []).map((action) => `${resource}.${action}`),
  );
}

function keyOf(row: ForeignRow, reading: Reading): KeyRecord | undefined {
  const { apiId: givenApiId, note } = reading;
  const name = textOf(row["name"]);
  const sourceId = idOf(row["id"]) ?? "";
  if (hasWrongExpiry(sourceId, row["expiresAt"], note)) return undefined;
  return {
    type: "key",
    id: derivedId(reading, "key", product, sourceId),
    apiId: givenApiId ?? apiId(row["configId"], reading),
    identityId: identityIdOf(product, idOf(row["referenceId"]), reading),
    hash: textOf(row["key"]) ?? "",
    start: textOf(row["start"]) ?? "",
    prefix: textOf(row["prefix"])?.replace(/_$/, ""),
    name: name?.slice(0, 255),
    meta: objectOf(row["metadata"]),
    enabled: row["enabled"] === null || isSet(row["enabled"]), // to the plugin, null means enabled
    expiresAtMs: timeOf(row["expiresAt"]),
    createdAtMs: timeOf(row["createdAt"]),
    updatedAtMs: timeOf(row["updatedAt"]),
    ratelimits: limitsOf(row, sourceId, reading),
    permissions: slugsOf(row["permissions"]).map((slug) => permissionId(slug, reading)),
    balance: balanceOf(row, sourceId, note),
  };
}

function limitsOf(row: ForeignRow, sourceId: string, reading: Reading) {
  if (!isSet(row["rateLimitEnabled"])) return [];
  const limit = numberOf(row["rateLimitMax"]) ?? 0;
  const durationMs = numberOf(row["rateLimitTimeWindow"]) ?? 0;
  return ratelimitsOf(
    { type: "key", id: sourceId },
    { name: "requests", limit, durationMs, autoApply: true },
    reading,
  );
}

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

/**
 * The credits of a key. Credits that the plugin refills after an interval become a quota. Its period begins with the
 * first use, and its current period has the units that are left.
 */
function balanceOf(row: ForeignRow, sourceId: string, note: Reading["note"]): KeyRecord["balance"] {
  const remaining = numberOf(row["remaining"]);
  const refill = numberOf(row["refillAmount"]);
  const intervalMs = numberOf(row["refillInterval"]);
  if (remaining === undefined) return null;
  if (refill === undefined || intervalMs === undefined) return { remaining };
  const period = periodOf(intervalMs);
  if (period === undefined) {
    note(
      `The key ${sourceId} is imported with ${remaining} credits but without its refill every ${intervalMs} ms: Latchkey can refill after 1 to 23 whole hours or 1 to 366 whole days.`,
    );
    return { remaining };
  }
  const startMs = timeOf(row["lastRefillAt"]) ?? timeOf(row["createdAt"]) ?? 0;
  const used = Math.max(0, refill - remaining);
  return {
    quotas: [
      {
        name: "credits",
        limit: refill,
        ...period,
        timeZone: "UTC",
        anchor: "first_use",
        autoApply: true,
        used,
        period: used === 0 ? null : { startMs, endMs: startMs + intervalMs },
      },
    ],
  };
}

function periodOf(intervalMs: number): { unit: "hour" | "day"; every: number } | undefined {
  if (intervalMs <= 0 || intervalMs % hourMs !== 0) return undefined;
  if (intervalMs < dayMs) return { unit: "hour", every: intervalMs / hourMs };
  if (intervalMs % dayMs !== 0 || intervalMs > 366 * dayMs) return undefined;
  return { unit: "day", every: intervalMs / dayMs };
}
