import { Database } from "bun:sqlite";
import { encodeCursor } from "../server/src/domain/cursor.ts";
import { positionAfter } from "../server/src/domain/eventId.ts";

export type Case = { operation: string; body: object };

const dayMs = 86_400_000;
const namespace = "namespace 0";

/**
 * The calls to measure. Each list operation returns its first page, a page deep in the list, and the first page with
 * each filter and each order. `analytics.getTop` returns the top of the last day.
 */
export function casesOf(path: string): Case[] {
  const places = placesIn(path);
  const { apiId, keyId, endMs, deep } = places;
  const listed = (operation: string, table: string, search: string) =>
    list(operation, {}, deep(table), { search }, { search: "none of them" });
  const day = { start: endMs - dayMs, end: endMs };
  const tops = ["identities", "keys", "tags", "identifiers"].map((of) => ({ of, ...day }));
  const audit = [{}, { order: "desc" }, deep("auditEvents"), { event: "api.create" }, { targetId: keyId }];
  return [
    ...listed("apis.listApis", "apis", "api 1"),
    ...list("apis.listKeys", { apiId }, { apiId, ...deep("keys") }),
    ...list("keys.listKeys", ...keyFilters(places), ...keyOrders(path)),
    ...listed("identities.listIdentities", "identities", "user_9"),
    ...listed("permissions.listPermissions", "permissions", "file9"),
    ...listed("permissions.listRoles", "roles", "role 9"),
    ...listed("ratelimit.listNamespaces", "namespaces", "namespace 9"),
    ...list("ratelimit.listOverrides", { namespace }, { namespace, ...deep("overrides") }),
    ...list("rootKeys.listKeys", {}, deep("rootKeys")),
    ...list("audit.listEvents", ...audit),
    ...list("analytics.listEvents", ...eventFilters(places)),
    ...list("analytics.getTop", ...tops, { of: "identities", outcome: "RATE_LIMITED", ...day }),
  ];
}

function list(operation: string, ...bodies: object[]): Case[] {
  return bodies.map((body) => ({ operation, body }));
}

type Places = ReturnType<typeof placesIn>;

/**
 * Finds what the calls refer to: an api, a key that is used often, the time of the last event, and a cursor deep in
 * each table.
 */
function placesIn(path: string) {
  const database = new Database(path, { readonly: true });
  const idOf = (table: string, part: number) => {
    const [row] = database
      .query<{ id: string }, []>(
        `select "id" from "${table}" order by "id" limit 1
          offset (select cast(count(*) * ${part} as int) from "${table}")`,
      )
      .all();
    return row?.id ?? "";
  };
  const usage = new Database(`${path}-usage`, { readonly: true });
  const [last] = usage.query<{ at: number }, []>(`select max("endMs") as "at" from "usageBlocks"`).all();
  usage.close();
  return {
    apiId: idOf("apis", 0.5),
    keyId: idOf("keys", 0.001),
    endMs: last?.at ?? 0,
    deep: (table: string) => ({ cursor: encodeCursor(idOf(table, 0.9)) }),
  };
}

/** Inputs of `keys.listKeys` with filters. The filters in `wide` match many keys, those in `rare` only a few. */
function keyFilters({ apiId, endMs, deep }: Places): object[] {
  const common = [{}, deep("keys"), { order: "desc" }, { apiId }, { identity: "user_50000" }];
  const rare = [{ enabled: false }, { search: "rare" }, { role: "role 1" }, { permission: "file1.read" }];
  const wide = [{ search: "key 9" }, { role: "role 0" }, { permission: "file0.read" }];
  return [...common, ...rare, ...wide, { expiresBefore: endMs + 10 ** 9 }, { unusedSince: endMs }];
}

function keyOrders(path: string): object[] {
  const used = rowAt(
    `${path}-usage`,
    `select "keyId" as "id", "atMs" as "value" from "lastUses" order by "atMs", "keyId" limit 1 offset 100000`,
  );
  const expiring = rowAt(
    path,
    `select "id", "expiresAtMs" as "value" from "keys" where "expiresAtMs" is not null
      order by "expiresAtMs", "id" limit 1 offset 200000`,
  );
  return [
    { orderBy: "lastUsed" },
    { orderBy: "lastUsed", order: "desc" },
    { orderBy: "lastUsed", cursor: encodeCursor({ by: "lastUsed", ...used }) },
    { orderBy: "expires" },
    { orderBy: "expires", order: "desc" },
    { orderBy: "expires", cursor: encodeCursor({ by: "expires", ...expiring }) },
  ];
}

function rowAt(path: string, sql: string): { id: string; value: number } {
  const database = new Database(path, { readonly: true });
  const [row = { id: "", value: 0 }] = database.query<{ id: string; value: number }, []>(sql).all();
  database.close();
  return row;
}

function eventFilters({ apiId, keyId, endMs }: Places): object[] {
  const half = { cursor: encodeCursor(positionAfter(endMs - dayMs / 2)) };
  const of = [{ keyId }, { identity: "user_5" }, { apiId }, { namespace }, { identifier: "user_7" }];
  const outcomes = [{ outcome: "RATE_LIMITED" }, { outcome: "DISABLED" }];
  const rare = [{ tag: "path=/v1/files/4" }, { requestId: "req_0Ck3vDbnXhq2Tn6Yp1Zs4a" }];
  return [{}, half, { kind: "ratelimit" }, ...of, ...outcomes, ...rare];
}
