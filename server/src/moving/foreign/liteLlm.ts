import { parseSha256 } from "../../domain/foreignKeys.ts";
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

const product = "litellm";
const table = "LiteLLM_VerificationToken";
const ownApiId = (reading: Reading) => derivedId(reading, "api", product);
const minuteMs = 60_000;

/** Reads the virtual keys of LiteLLM, which stores the SHA-256 of a key in hex. Each user becomes an identity. */
export async function* readLiteLlm(
  database: ForeignDatabase,
  reading: Reading,
): AsyncGenerator<DocumentRecord> {
  if (reading.apiId === undefined) {
    yield { type: "api", id: ownApiId(reading), name: product };
  }
  const users = { columns: `distinct "user_id"`, table, by: "user_id" };
  for await (const { user_id } of allRows(database, users)) {
    const userId = idOf(user_id);
    const identity = userId === undefined ? undefined : identityOf(product, userId, reading);
    if (identity !== undefined) yield identity;
  }
  for await (const row of allRows(database, { columns: "*", table, by: "token" })) {
    const key = keyOf(row, reading);
    if (key !== undefined) yield key;
  }
}

function keyOf(row: ForeignRow, reading: Reading): KeyRecord | undefined {
  const { apiId, note } = reading;
  const token = textOf(row["token"]) ?? "";
  const shown = textOf(row["key_alias"]) ?? textOf(row["key_name"]) ?? token.slice(0, 8);
  if (hasWrongExpiry(shown, row["expires"], note)) return undefined;
  noteBudgets(row, shown, note);
  const limits = [
    ["requests", row["rpm_limit"], true] as const,
    ["tokens", row["tpm_limit"], false] as const,
  ];
  return {
    type: "key",
    id: derivedId(reading, "key", product, token),
    apiId: apiId ?? ownApiId(reading),
    identityId: identityIdOf(product, idOf(row["user_id"]), reading),
    hash: parseSha256(token) ?? token,
    name: textOf(row["key_alias"])?.slice(0, 255),
    meta: metaOf(row),
    enabled: !isSet(row["blocked"]),
    expiresAtMs: timeOf(row["expires"]),
    createdAtMs: timeOf(row["created_at"]),
    ratelimits: limits.flatMap(([name, value, autoApply]) => {
      const limit = numberOf(value);
      return limit === undefined
        ? []
        : ratelimitsOf({ type: "key", id: token }, { name, limit, durationMs: minuteMs, autoApply }, reading);
    }),
  };
}

/** Columns that limit a key in LiteLLM, but have no equivalent in Latchkey. */
const notCarried = [
  "max_budget",
  "model_max_budget",
  "budget_limits",
  "budget_id",
  "max_parallel_requests",
  "tpd_limit",
];

function noteBudgets(row: ForeignRow, shown: string, note: Reading["note"]): void {
  const isEmpty = (value: unknown) =>
    value === null ||
    value === undefined ||
    value === "{}" ||
    (objectOf(value) && Object.keys(objectOf(value) ?? {}).length === 0);
  const lost = notCarried.filter((name) => !isEmpty(row[name]));
  if (lost.length === 0) return;
  note(
    `The key ${shown} is imported without ${lost.join(", ")}, which Latchkey does not have. Give the key quotas or credits instead. They are whole numbers: count a budget in cents, for example.`,
  );
}

/** The metadata of the imported key: the metadata that it has in LiteLLM, its models and its team. */
function metaOf(row: ForeignRow): Record<string, unknown> | null {
  const models = row["models"];
  const teamId = textOf(row["team_id"]);
  const meta = {
    ...objectOf(row["metadata"]),
    ...(Array.isArray(models) && models.length > 0 ? { models } : {}),
    ...(teamId === undefined ? {} : { team_id: teamId }),
  };
  return Object.keys(meta).length === 0 ? null : meta;
}
