import type { PlainSql } from "../storage/engines/usage.ts";
import type { Db } from "../storage/schema.ts";
import { formatVersion, type Header, recordTypes } from "./format.ts";
import { readRecords, type StoredType } from "./storedRecords.ts";
import { readLastUses, readUsage } from "./usageRecords.ts";

/** What to export, and the database to read it from. */
export type ExportSource = {
  /** a snapshot, which shows all records at the same moment */
  db: Db;
  /** where usage is stored; undefined: the document has no usage */
  usage: PlainSql | undefined;
  workspace: Header["workspace"];
  /** the fingerprint of the server's recovery key; undefined if it has none */
  recoveryKey: string | undefined;
  rootKeys: boolean;
  audit: boolean;
  nowMs: number;
  /** called with a sentence for each record that cannot be exported */
  warn(sentence: string): void;
};

const pageSize = 500;

/** Yields the lines of a document, without line ends. */
export async function* exportDocument(source: ExportSource): AsyncGenerator<string> {
  const { db, workspace, usage } = source;
  yield JSON.stringify(await headerOf(source));
  let records = 0;
  for (const type of recordTypes) {
    if (type === "rootKey" && !source.rootKeys) continue;
    if (type === "auditEvent" && !source.audit) continue;
    const lines =
      type === "usage" || type === "lastUse"
        ? usageLines(usage, workspace.id, type)
        : linesOf(db, workspace.id, type, source.warn);
    for await (const line of lines) {
      yield line;
      records += 1;
    }
  }
  yield JSON.stringify({ type: "end", records });
}

async function headerOf({ db, workspace, recoveryKey, nowMs }: ExportSource): Promise<Header> {
  const sealed = await db
    .selectFrom("keys")
    .select("id")
    .where("workspaceId", "=", workspace.id)
    .where("sealed", "is not", null)
    .where("deletedAtMs", "is", null)
    .limit(1)
    .execute();
  return {
    format: "latchkey",
    version: formatVersion,
    createdAtMs: nowMs,
    workspace,
    recoveryKey: sealed.length === 0 ? null : (recoveryKey ?? "unknown"),
  };
}

async function* linesOf(
  db: Db,
  workspaceId: string,
  type: StoredType,
  warn: ExportSource["warn"],
): AsyncGenerator<string> {
  let afterId = "";
  for (;;) {
    const page = await readRecords(db, workspaceId, type, { afterId, limit: pageSize });
    for (const record of page) {
      if ("flaw" in record) warn(`The ${type} ${record.id} is not exported: ${record.flaw}.`);
      else yield JSON.stringify({ type, ...record.fields });
    }
    const last = page.at(-1);
    if (last === undefined || page.length < pageSize) return;
    afterId = last.id;
  }
}

async function* usageLines(
  usage: PlainSql | undefined,
  workspaceId: string,
  type: "usage" | "lastUse",
): AsyncGenerator<string> {
  if (usage === undefined) return;
  const records = type === "usage" ? readUsage(usage, workspaceId) : readLastUses(usage, workspaceId);
  for await (const fields of records) yield JSON.stringify({ type, ...fields });
}
