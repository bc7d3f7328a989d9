import type { z } from "zod";
import type { Db } from "../../storage/schema.ts";
import type { RecordType } from "../format.ts";
import { DocumentError, type Entry, parseRecord } from "../parseRecord.ts";
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
 * Reads a workspace of another server through Unkey's API: permissions, roles, overrides, apis, identities and keys, as
 * records in the order of a document. Errors: `DocumentError` if a call to the other server fails.
 */
export async function* readUnkey(options: UnkeyImport): AsyncGenerator<Entry> {
  const { source, apiIds, namespaces } = options;
  const entriesOf = entryMaker(options);
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
    yield* entriesOf("permission", page);
  }
  for await (const page of readPages(source, "permissions.listRoles", { limit: pageSize }, shownRole)) {
    for (const { id, name, permissions } of page) {
      access.roles.set(name, { id, slugs: permissions.map(({ slug }) => slug) });
    }
    const roles = page.map((role) => ({ ...role, permissions: role.permissions.map(({ id }) => id).sort() }));
    yield* entriesOf("role", roles);
  }
  yield* overridesOf(options, namespaces, entriesOf);
  for (const apiId of apiIds) {
    yield* entriesOf("api", [await readData(source, "apis.getApi", { apiId }, shownApi)]);
  }
  for await (const page of readPages(
    source,
    "identities.listIdentities",
    { limit: pageSize },
    shownIdentity,
  )) {
    const identities = page.map((one) => ({ ...one, ratelimits: limitRecords(one.ratelimits) }));
    yield* entriesOf("identity", identities);
  }
  for (const apiId of apiIds) yield* keysOf(options, apiId, access, entriesOf);
}

type EntriesOf = (
  type: StoredType,
  shown: readonly ({ id: string } & RecordFields)[],
) => AsyncGenerator<Entry>;

async function* overridesOf(
  { source }: UnkeyImport,
  names: readonly string[],
  entriesOf: EntriesOf,
): AsyncGenerator<Entry> {
  const overrides: ({ id: string } & RecordFields)[] = [];
  for (const namespace of names) {
    const body = { namespace, limit: pageSize };
    for await (const page of readPages(source, "ratelimit.listOverrides", body, shownOverride)) {
      overrides.push(...page.map((one) => overrideRecord(one, namespace)));
    }
  }
  const ids = new Map(
    overrides.map(({ namespaceId, namespace }) => [String(namespaceId), String(namespace)]),
  );
  yield* entriesOf(
    "namespace",
    [...ids].map(([id, name]) => ({ id, name })),
  );
  yield* entriesOf(
    "override",
    overrides.map(({ namespace: _, ...override }) => override as { id: string } & RecordFields),
  );
}

/** Unkey's API does not return the id of a namespace, so an id is derived from its name. */
function overrideRecord(
  { overrideId, namespaceId, identifier, limit, duration }: z.output<typeof shownOverride>,
  namespace: string,
) {
  const madeId = `rlns_${Buffer.from(namespace).toString("hex").slice(0, 200)}`;
  return {
    id: overrideId,
    namespaceId: namespaceId ?? madeId,
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
  entriesOf: EntriesOf,
): AsyncGenerator<Entry> {
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
    yield* entriesOf("key", records as ({ id: string } & RecordFields)[]);
    for (const { keyId, lastUsedAt: atMs } of page) {
      if (atMs !== undefined && atMs > 0) yield { ...parseRecord({ type: "lastUse", keyId, atMs }), line: 0 };
    }
  }
}

/**
 * Returns a function that creates valid records. Fields that the API does not return get the stored value, or
 * a default.
 */
function entryMaker({ target, onFlaw }: UnkeyImport): EntriesOf {
  let line = 0;
  return async function* (type, shown) {
    const stored = await storedById(
      target,
      type,
      shown.map(({ id }) => id),
    );
    for (const one of shown) {
      line += 1;
      const fields = { ...stored.get(one.id), ...one };
      try {
        yield { ...parseRecord({ type, ...(type === "key" ? one : fields) }), line };
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
