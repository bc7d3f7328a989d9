import { addressName, openBulk } from "../storage/engines/bulk.ts";
import { openStorage } from "../storage/open.ts";
import { CopyError } from "./copyError.ts";
import { type CounterTask, copyCounters, isCopied, readerOf } from "./counters.ts";
import { findMarker } from "./marker.ts";

/**
 * Copies the counters once more, after everything was copied and the source's servers have stopped. Fails if the target
 * has counted hits since the copy, because they would be lost. With `replace`, replaces these counters, too. Errors:
 * `CopyError`; `StorageError` if a server runs on a SQLite target.
 */
export async function copyCountersAgain(task: CounterTask, replace: boolean): Promise<string> {
  if (task.source.redisUrl !== undefined && task.source.redisUrl === task.target.redisUrl) {
    return copyCounters(task);
  }
  const { database } = task.target;
  // Opens a SQLite target as a server does, which fails if a server already runs on the target. Such a server has its
  // counters in memory, and would overwrite the copied counters.
  const claim = database.kind === "file" ? await openTarget(task) : undefined;
  try {
    if (!replace) await refuseNewer(task);
    return await copyCounters(task);
  } finally {
    await claim?.close();
  }
}

function openTarget({ target, nowMs }: CounterTask) {
  return openStorage(target.database, { serving: true, mustExist: true, connections: 1, monotonicMs: nowMs });
}

/**
 * Errors: `CopyError` if the target has counted hits since the copy, or if it has counters and is not a copy of
 * the source.
 */
async function refuseNewer(task: CounterTask): Promise<void> {
  const copiedAtMs = await copiedAt(task);
  let newer = 0;
  let newestMs = 0;
  for await (const batch of readerOf(task.target, task.maxBytes, task.nowMs) ?? []) {
    for (const { entries } of batch.filter(isCopied)) {
      const lastMs = Math.max(...entries.map((entry) => entry.lastMs));
      if (lastMs > copiedAtMs) newer += 1;
      newestMs = Math.max(newestMs, lastMs);
    }
  }
  if (newer === 0) return;
  const since =
    copiedAtMs === Number.NEGATIVE_INFINITY
      ? "although this database was not copied to it"
      : "since this database was copied to it";
  throw new CopyError(
    `The target has counted hits ${since}. A copy would replace ${newer} of its counters, and their hits would be forgotten. The latest hit was at ${new Date(newestMs).toISOString()}. Do not copy the counters, or replace them with --replace-counters.`,
  );
}

/**
 * When the source was last copied to this target, by the source's clock. -Infinity if the source was never copied to
 * this target, or accepts writes again.
 */
async function copiedAt({ source, target }: CounterTask): Promise<number> {
  const db = await openBulk(source.database);
  try {
    const hasMarkers = (await db.tables()).includes("copies"); // a database of an older version lacks this table
    const marker = hasMarkers ? await findMarker(db, "source") : undefined;
    const isHere = marker?.state === "done" && marker.other === addressName(target.database);
    return isHere ? marker.leaseUntilMs : Number.NEGATIVE_INFINITY;
  } finally {
    await db.close();
  }
}
