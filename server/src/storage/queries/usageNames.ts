import { isIn, prepared } from "../prepared.ts";
import type { Db } from "../schema.ts";

type Ids = { workspaceId: string; ids: readonly string[] };

const identitiesById = prepared((db, { workspaceId, ids }: Ids) =>
  db
    .selectFrom("identities")
    .select(["id", "externalId as name"])
    .where("workspaceId", "=", workspaceId)
    .where(isIn("id", ids))
    .compile(),
);

const namespacesById = prepared((db, { workspaceId, ids }: Ids) =>
  db
    .selectFrom("namespaces")
    .select(["id", "name"])
    .where("workspaceId", "=", workspaceId)
    .where(isIn("id", ids))
    .compile(),
);

const keysByHash = prepared((db, { workspaceId, ids }: Ids) =>
  db
    .selectFrom("keys")
    .select(["hash", "id", "apiId"])
    .where("workspaceId", "=", workspaceId)
    .where(isIn("hash", ids))
    .compile(),
);

const keyById = prepared((db, { workspaceId, id }: { workspaceId: string; id: string }) =>
  db
    .selectFrom("keys")
    .select(["hash", "id", "apiId"])
    .where("workspaceId", "=", workspaceId)
    .where("id", "=", id)
    .compile(),
);

/** The names of records, by the ids of the records, without deleted records. */
type Names = Promise<Map<string, string>>;

async function named(rows: Promise<{ id: string; name: string }[]>): Names {
  return new Map((await rows).map(({ id, name }) => [id, name]));
}

export async function externalIdsOf(db: Db, workspaceId: string, ids: readonly string[]): Names {
  return ids.length === 0 ? new Map() : named(identitiesById(db, { workspaceId, ids }));
}

export async function namespaceNamesOf(db: Db, workspaceId: string, ids: readonly string[]): Names {
  return ids.length === 0 ? new Map() : named(namespacesById(db, { workspaceId, ids }));
}

/** Finds keys by their hashes. Deleted keys are found, too. */
export async function keysWithHashes(db: Db, workspaceId: string, hashes: readonly string[]) {
  const rows = hashes.length === 0 ? [] : await keysByHash(db, { workspaceId, ids: hashes });
  return new Map(rows.map((row) => [row.hash, row]));
}

/** Finds the key with this id, even if it is deleted. */
export async function findEvenDeletedKey(db: Db, workspaceId: string, id: string) {
  return (await keyById(db, { workspaceId, id }))[0];
}
