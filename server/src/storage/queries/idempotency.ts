import { prepared } from "../prepared.ts";
import type { Db, Tx } from "../schema.ts";

/**
 * How long responses are kept, in milliseconds. A response that was created more than this time in the future was
 * stored while a clock was wrong.
 */
const keptMs = 24 * 60 * 60 * 1000;

/**
 * The response to the first request with an Idempotency-Key. `response` is encrypted. It is empty while the first
 * request is in progress. `bodyHash` is the hash of the request's body.
 */
export type StoredResponse = { bodyHash: string; response: string };

const storedColumns = ["bodyHash", "answer as response"] as const;

export type Claim = { id: string; workspaceId: string; bodyHash: string; nowMs: number };

/**
 * Claims an id for a request. Returns `undefined` if this is the first request with the id; otherwise returns the
 * response that the first request has stored.
 */
export async function claimIdempotency(tx: Tx, claim: Claim): Promise<StoredResponse | undefined> {
  const { id, workspaceId, bodyHash, nowMs } = claim;
  await deleteExpired(tx, { workspaceId, id, ...keptSpan(nowMs) });
  const [inserted] = await insertUnlessTaken(tx, { workspaceId, id, bodyHash, nowMs });
  if (inserted !== undefined) return undefined;
  const [stored] = await selectStored(tx, { workspaceId, id });
  if (stored === undefined)
    throw new Error("The stored response was deleted while it was read: repeat the request.");
  return stored;
}

type Id = { workspaceId: string; id: string };
/**
 * A response is valid if its `createdAtMs` is within this span. An earlier response has expired. A later response was
 * stored while a clock was wrong. Such a response is invalid, because it could otherwise stay valid for years.
 */
type Span = { fromMs: number; toMs: number };

function keptSpan(nowMs: number): Span {
  return { fromMs: nowMs - keptMs, toMs: nowMs + keptMs };
}

const deleteExpired = prepared((db, { workspaceId, id, fromMs, toMs }: Id & Span) =>
  db
    .deleteFrom("idempotency")
    .where("workspaceId", "=", workspaceId)
    .where("id", "=", id)
    .where((eb) => eb.or([eb("createdAtMs", "<=", fromMs), eb("createdAtMs", ">", toMs)]))
    .compile(),
);

const insertUnlessTaken = prepared((db, { workspaceId, id, bodyHash, nowMs }: Claim) =>
  db
    .insertInto("idempotency")
    .values({ id, workspaceId, bodyHash, answer: "", createdAtMs: nowMs })
    .onConflict((conflict) => conflict.column("id").doNothing())
    .returning("id")
    .compile(),
);

const selectStored = prepared((db, { workspaceId, id }: Id) =>
  db
    .selectFrom("idempotency")
    .select(storedColumns)
    .where("workspaceId", "=", workspaceId)
    .where("id", "=", id)
    .compile(),
);

/** Returns the response to the request with this id that has succeeded within the last day, if there is one. */
export async function findIdempotentResponse(
  db: Db,
  { id, workspaceId, nowMs }: Omit<Claim, "bodyHash">,
): Promise<StoredResponse | undefined> {
  return (await selectKept(db, { workspaceId, id, ...keptSpan(nowMs) }))[0];
}

const selectKept = prepared((db, { workspaceId, id, fromMs, toMs }: Id & Span) =>
  db
    .selectFrom("idempotency")
    .select(storedColumns)
    .where("workspaceId", "=", workspaceId)
    .where("id", "=", id)
    .where("createdAtMs", ">", fromMs)
    .where("createdAtMs", "<=", toMs)
    .compile(),
);

export async function setIdempotentResponse(
  tx: Tx,
  workspaceId: string,
  id: string,
  response: string,
): Promise<void> {
  await setResponse(tx, { workspaceId, id, response });
}

const setResponse = prepared((db, { workspaceId, id, response }: Id & { response: string }) =>
  db
    .updateTable("idempotency")
    .set({ answer: response })
    .where("workspaceId", "=", workspaceId)
    .where("id", "=", id)
    .compile(),
);

/** Deletes at most `limit` responses that are no longer valid, in all workspaces. Returns how many it deleted. */
export async function deleteOldResponses(tx: Tx, nowMs: number, limit: number): Promise<number> {
  const old = tx
    .selectFrom("idempotency")
    .select("id")
    .where((eb) => eb.or([eb("createdAtMs", "<=", nowMs - keptMs), eb("createdAtMs", ">", nowMs + keptMs)]))
    .orderBy("createdAtMs")
    .limit(limit);
  const rows = await tx.deleteFrom("idempotency").where("id", "in", old).returning("id").execute();
  return rows.length;
}
