import { prepared } from "../prepared.ts";
import type { Db, Tx } from "../schema.ts";
import { parseStored } from "../storedJson.ts";

/**
 * A verification that the upstream server and this server decided differently. It contains no secrets and no data of
 * users.
 */
export type DifferenceExample = {
  atMs: number;
  requestId: string;
  keyId: string | undefined;
  /** what this server decided: a code or a number of credits, depending on the kind of the difference */
  own: string | number | undefined;
  upstream: string | number | undefined;
};

const examplesKept = 10;

/** Adds to the count of differences of one kind, and stores the latest examples of this kind. */
export async function addDifferences(
  tx: Tx,
  workspaceId: string,
  kind: string,
  added: { count: number; examples: readonly DifferenceExample[] },
): Promise<void> {
  await insertRow(tx, { workspaceId, kind });
  const [row] = await addCount(tx, { workspaceId, kind, count: added.count });
  const examples = [...parseExamples(row?.examples ?? "[]"), ...added.examples].slice(-examplesKept);
  await setExamples(tx, { workspaceId, kind, examples: JSON.stringify(examples) });
}

type OfKind = { workspaceId: string; kind: string };

const insertRow = prepared((db, { workspaceId, kind }: OfKind) =>
  db
    .insertInto("upstreamDifferences")
    .values({ workspaceId, kind, count: 0, examples: "[]" })
    .onConflict((conflict) => conflict.doNothing())
    .compile(),
);

const addCount = prepared((db, { workspaceId, kind, count }: OfKind & { count: number }) =>
  db
    .updateTable("upstreamDifferences")
    .set((eb) => ({ count: eb("count", "+", count) }))
    .where("workspaceId", "=", workspaceId)
    .where("kind", "=", kind)
    .returning("examples")
    .compile(),
);

const setExamples = prepared((db, { workspaceId, kind, examples }: OfKind & { examples: string }) =>
  db
    .updateTable("upstreamDifferences")
    .set({ examples })
    .where("workspaceId", "=", workspaceId)
    .where("kind", "=", kind)
    .compile(),
);

/** Lists how verdicts of this server and the upstream differed, by kind of difference, the most frequent kind first. */
export async function listDifferences(
  db: Db,
  workspaceId: string,
): Promise<{ kind: string; count: number; examples: DifferenceExample[] }[]> {
  const rows = await selectDifferences(db, { workspaceId });
  return rows
    .map(({ kind, count, examples }) => ({ kind, count, examples: parseExamples(examples) }))
    .sort((one, other) => other.count - one.count);
}

const selectDifferences = prepared((db, { workspaceId }: { workspaceId: string }) =>
  db
    .selectFrom("upstreamDifferences")
    .select(["kind", "count", "examples"])
    .where("workspaceId", "=", workspaceId)
    .orderBy("kind")
    .compile(),
);

function parseExamples(text: string): DifferenceExample[] {
  const parsed = parseStored(text);
  return Array.isArray(parsed) ? (parsed as DifferenceExample[]) : [];
}
