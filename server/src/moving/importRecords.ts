import type { IdPrefix } from "../domain/ids.ts";
import { schemeOf } from "../domain/oldHashes.ts";
import type { Engine } from "../storage/engine.ts";
import type { UsageDatabase } from "../storage/engines/usage.ts";
import { insertAuditEvents } from "../storage/queries/audit.ts";
import type { Tx } from "../storage/schema.ts";
import type { RecordType } from "./format.ts";
import { importLastUses, importUsage, type UnstoredUsage } from "./importUsage.ts";
import { judgeBatch, type Known, type Outcome, type Rules } from "./judgeBatch.ts";
import type { Entry } from "./parseRecord.ts";
import type { StoredType } from "./storedRecords.ts";
import { timedWriter } from "./timedWriter.ts";

export type ImportTarget = {
  engine: Engine;
  workspaceId: string;
  /** where usage is stored */
  usage: UsageDatabase;
  newId(prefix: IdPrefix): string;
  now(): number;
  /** a clock that never goes back. Default: `performance.now()` */
  monotonicMs?(): number;
  /** who imports, for the audit trail, such as `latchkey import` */
  actorId: string;
};

export type ImportOptions = Rules & {
  /** whether to import root keys too */
  rootKeys: boolean;
  /** called after each batch with the line of its last record */
  onProgress?(line: number): void;
};

export type Counts = Record<Outcome["kind"], number>;

export type Refusal = { line: number; type: RecordType; id: string; reason: string };

/** What an import has done so far. */
export type Report = {
  counts: Partial<Record<RecordType, Counts>>;
  /** the first 100 records that were refused, or that exist with other fields and were kept */
  refusals: Refusal[];
  /** how many written keys have an HMAC as hash: the server needs the HMAC's secret to verify them */
  hmacs: number;
  /** the line of the last record */
  lastLine: number;
};

const mostListed = 100;
/**
 * The import reads up to this many records before it begins a transaction. So a transaction never waits for the
 * document.
 */
const mostAtOnce = 512;
/**
 * After each transaction, the import pauses for this share of the transaction's duration, so that a server can write.
 */
const pausePart = 0.25;

/**
 * Imports records in short transactions. If the import is interrupted, every record is either imported completely or
 * not at all, and another run imports the rest. Records that exist already are kept unless `replace` is set. A record
 * that cannot be imported is counted and listed in the report, and the import continues. Errors: `StorageError`, and
 * the errors of `entries`. After an error, `report` says what was imported before it.
 */
export async function importRecords(
  target: ImportTarget,
  entries: AsyncIterable<Entry>,
  options: ImportOptions,
  report: Report = emptyReport(),
): Promise<Report> {
  const run = openRun(target, options, report);
  let batch: Entry[] = [];
  for await (const entry of entries) {
    const [first] = batch;
    if (first !== undefined && (first.type !== entry.type || batch.length >= mostAtOnce)) {
      await run.batch(batch);
      batch = [];
    }
    batch.push(entry);
  }
  if (batch.length > 0) await run.batch(batch);
  return report;
}

export function emptyReport(): Report {
  return { counts: {}, refusals: [], hmacs: 0, lastLine: 0 };
}

function openRun(target: ImportTarget, options: ImportOptions, report: Report) {
  const known: Known = {
    aliases: new Map(),
    owners: new Map(),
    keptOwners: new Set(),
    created: new Set(),
    apis: new Map(),
    starts: new Map(),
  };
  const unstored: UnstoredUsage = { lastUses: new Map(), kindAndDay: "", counts: new Map() };
  const write = timedWriter(target.monotonicMs ?? (() => performance.now()));
  let hasAudited = false;

  async function writeStored(batch: readonly Entry[]): Promise<Outcome[]> {
    const { engine, workspaceId } = target;
    const type = batch[0]?.type as StoredType;
    const context = { engine: engine.name, workspaceId, type, ...options, known, nowMs: target.now() };
    if (options.dryRun) return (await judgeBatch(engine.slow, context, batch)).outcomes;
    const all: Outcome[] = [];
    while (all.length < batch.length) {
      let audited = hasAudited;
      const { outcomes, heldMs } = await engine.transaction(async (tx) => {
        const written = await write(tx, context, batch.slice(all.length));
        audited = hasAudited;
        if (!hasAudited && written.outcomes.some(isChange)) {
          await audit(tx, target);
          audited = true;
        }
        await engine.recordChanges(tx, written.changedIds);
        return written;
      });
      hasAudited = audited;
      all.push(...outcomes);
      await new Promise((resolve) => setTimeout(resolve, heldMs * pausePart));
    }
    return all;
  }

  return {
    async batch(batch: readonly Entry[]): Promise<void> {
      const type = batch[0]?.type;
      const outcomes =
        type === "usage" || type === "lastUse"
          ? await writeUsage(target, batch, known, options.dryRun ? unstored : undefined)
          : type === "rootKey" && !options.rootKeys
            ? batch.map((): Outcome => ({ kind: "omitted" }))
            : await writeStored(batch);
      for (const [index, entry] of batch.entries()) note(report, entry, outcomes[index]);
      options.onProgress?.(report.lastLine);
    },
  };
}

function isChange({ kind }: Outcome): boolean {
  return kind === "created" || kind === "changed";
}

/**
 * Adds the audit event of an import, in the transaction of the import's first change. An import that changes nothing,
 * or only usage, has no event.
 */
async function audit(tx: Tx, { workspaceId, newId, now, actorId }: ImportTarget): Promise<void> {
  await insertAuditEvents(tx, [
    {
      id: newId("log"),
      workspaceId,
      atMs: now(),
      requestId: newId("req"),
      actorId,
      event: "workspace.import",
      targetId: workspaceId,
      fields: [],
      remoteAddress: undefined,
      userAgent: undefined,
      via: undefined,
    },
  ]);
}

/** Writes usage. A dry run passes `unstored`, and writes nothing. */
async function writeUsage(
  { usage, workspaceId }: ImportTarget,
  batch: readonly Entry[],
  { aliases }: Known,
  unstored: UnstoredUsage | undefined,
): Promise<Outcome[]> {
  const current = (id: string) => aliases.get(id) ?? id;
  const lastUses = batch.flatMap(({ type, fields }) =>
    type === "lastUse" ? { ...fields, keyId: current(fields.keyId) } : [],
  );
  if (lastUses.length > 0) return importLastUses(usage, workspaceId, lastUses, unstored);
  const counts = batch.flatMap(({ type, fields }) => {
    if (type !== "usage") return [];
    return fields.subjectId === undefined ? fields : { ...fields, subjectId: current(fields.subjectId) };
  });
  return importUsage(usage, workspaceId, counts, unstored);
}

function isHmac(hash: string): boolean {
  return schemeOf(hash)?.startsWith("hmac") === true;
}

function note(report: Report, { type, fields, line }: Entry, outcome: Outcome | undefined): void {
  if (outcome === undefined) return;
  report.lastLine = line;
  const counts = report.counts[type] ?? {
    created: 0,
    changed: 0,
    unchanged: 0,
    kept: 0,
    refused: 0,
    omitted: 0,
  };
  counts[outcome.kind] += 1;
  if (type === "key" && isChange(outcome) && isHmac(fields.hash)) report.hmacs += 1;
  report.counts[type] = counts;
  if (!("reason" in outcome) || report.refusals.length >= mostListed) return;
  const id = "id" in fields ? fields.id : "";
  report.refusals.push({ line, type, id, reason: outcome.reason });
}
