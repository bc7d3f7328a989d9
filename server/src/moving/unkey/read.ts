import type { z } from "zod";
import type { Db } from "../../storage/schema.ts";
import { derivedId } from "../foreign/foreignRecords.ts";
import type { RecordType } from "../format.ts";
import { DocumentError, type Entry, type Parsed, parseRecord } from "../parseRecord.ts";
import { type RecordFields, readRecords, type StoredType } from "../storedRecords.ts";
import { readData, readPages, type UnkeySource } from "./pages.ts";
import { keyRecord, limitRecords, type PermissionsAndRoles } from "./records.ts";
import { shownApi, shownIdentity, shownKey, shownOverride, shownPermission, shownRole } from "./shapes.ts";

export type UnkeyImport = {
  source: UnkeySource;
  /** the workspace to import into; its records keep the values of fields that Unkey's API does not return */
  target: { db: Db; workspaceId: string };
  apiIds: readonly string[];
  /** the names of the rate limit namespaces whose overrides are imported */
  namespaces: readonly string[];
  nowMs: number;
  /** called for a record of the other server that is not valid here, with the reason */
  onFlaw(type: RecordType, id: string, reason: string): void;
};

const pageSize = 100;

/**
 * Reads a workspace of another server through Unkey's API: permissions, roles, overrides, apis, identities and keys
 * with their last uses. A record comes after the records to which it refers. The `line` of an entry is the number of
 * the record. Errors: `DocumentError` if a call to the other server fails.
 */
export async function* readUnkey(options: UnkeyImport): AsyncGenerator<Entry> {
  let line = 0;
  for await (const record of recordsIn(options)) {
    line += 1;
    yield { ...record, line };
  }
}

async function* recordsIn(options: UnkeyImport): AsyncGenerator<Parsed> {
  const { source, apiIds, namespaces } = options;
  const validated = validator(options);
  const access: { permissions: Map<string, string>; roles: Map<string, { id: string; slugs: string[] }> } = {
    permissions: new Map(),
    roles: new Map(),
  };
  for await (const page of readPages(
    source,
    "permissions.listPermissions",
    { limit: pageSize },
    shownPermission,
  )) {
    for (const { id, slug } of page) access.permissions.set(slug, id);
    yield* validated("permission", page);
  }
  for await (const page of readPages(source, "permissions.listRoles", { limit: pageSize }, shownRole)) {
    for (const { id, name, permissions } of page) {
      access.roles.set(name, { id, slugs: permissions.map(({ slug }) => slug) });
    }
    const roles = page.map((role) => ({ ...role, permissions: role.permissions.map(({ id }) => id).sort() }));
    yield* validated("role", roles);
  }
  yield* overridesOf(options, namespaces, validated);
  for (const apiId of apiIds) {
    yield* validated("api", [await readData(source, "apis.getApi", { apiId }, shownApi)]);
  }
  for await (const page of readPages(
    source,
    "identities.listIdentities",
    { limit: pageSize },
    shownIdentity,
  )) {
    const identities = page.map((one) => ({ ...one, ratelimits: limitRecords(one.ratelimits) }));
    yield* validated("identity", identities);
  }
  for (const apiId of apiIds) yield* keysOf(options, apiId, access, validated);
}

type Validated = (
  type: StoredType,
  shown: readonly ({ id: string } & RecordFields)[],
) => AsyncGenerator<Parsed>;

async function* overridesOf(
  { source, target }: UnkeyImport,
  names: readonly string[],
  validated: Validated,
): AsyncGenerator<Parsed> {
  const overrides: ({ id: string } & RecordFields)[] = [];
  for (const namespace of names) {
    const body = { namespace, limit: pageSize };
    for await (const page of readPages(source, "ratelimit.listOverrides", body, shownOverride)) {
      overrides.push(...page.map((one) => overrideRecord(one, namespace, target)));
    }
  }
  const ids = new Map(
    overrides.map(({ namespaceId, namespace }) => [String(namespaceId), String(namespace)]),
  );
  yield* validated(
    "namespace",
    [...ids].map(([id, name]) => ({ id, name })),
  );
  yield* validated(
    "override",
    overrides.map(({ namespace: _, ...override }) => override as { id: string } & RecordFields),
  );
}

/** Unkey's API does not return the id of a namespace, so the id is derived from the name. */
function overrideRecord(
  { overrideId, namespaceId, identifier, limit, duration }: z.output<typeof shownOverride>,
  namespace: string,
  target: UnkeyImport["target"],
) {
  return {
    id: overrideId,
    namespaceId: namespaceId ?? derivedId(target, "rlns", "unkey", namespace),
    namespace,
    identifier,
    limit,
    durationMs: duration,
  };
}

async function* keysOf(
  options: UnkeyImport,
  apiId: string,
  access: PermissionsAndRoles,
  validated: Validated,
): AsyncGenerator<Parsed> {
  const { source, target, nowMs } = options;
  const body = { apiId, limit: pageSize };
  for await (const page of readPages(source, "apis.listKeys", body, shownKey)) {
    const stored = await storedById(
      target,
      "key",
      page.map(({ keyId }) => keyId),
    );
    const records = page.map((shown) =>
      keyRecord(shown, access, { apiId, stored: stored.get(shown.keyId), nowMs }),
    );
    const valid = new Set<string>();
    for await (const key of validated("key", records as ({ id: string } & RecordFields)[])) {
      if (key.type === "key") valid.add(key.fields.id);
      yield key;
    }
    for (const { keyId, lastUsedAt: atMs } of page) {
      if (valid.has(keyId) && atMs !== undefined && atMs > 0)
        yield parseRecord({ type: "lastUse", keyId, atMs });
    }
  }
}

/**
 * Returns a function that makes valid records from what the API returned. Fields that the API does not return get the
 * stored value, or a default.
 */
function validator({ target, onFlaw }: UnkeyImport): Validated {
  return async function* (type, shown) {
    const stored = await storedById(
      target,
      type,
      shown.map(({ id }) => id),
    );
    for (const one of shown) {
      const fields = { ...stored.get(one.id), ...one };
      try {
        yield parseRecord({ type, ...(type === "key" ? one : fields) });
      } catch (error) {
        if (!(error instanceof DocumentError)) throw error;
        onFlaw(type, one.id, error.message);
      }
    }
  };
}

async function storedById(
  { db, workspaceId }: UnkeyImport["target"],
  type: StoredType,
  ids: readonly string[],
): Promise<Map<string, RecordFields>> {
  if (ids.length === 0) return new Map();
  const rows = await readRecords(db, workspaceId, type, { ids });
  return new Map(rows.flatMap((row) => ("fields" in row ? [[row.id, row.fields] as const] : [])));
}
