import { type FileHandle, open, rename, rm, stat } from "node:fs/promises";
import { HEADER, lineOf, MINUTE_MS, readJournal } from "./journalFile.ts";
import { type MemoryCounters, type MemoryOptions, memoryCounters } from "./memory.ts";
import type { CounterRecord } from "./snapshots.ts";

/**
 * The journal is a file in which the memory backend records its counters, so that they survive a
 * restart. Each second, the changed counters are appended. When the file has grown long, a successor
 * with each counter once replaces it.
 */
export type JournalOptions = Omit<MemoryOptions, "recordAboveMs"> & {
  /**
   * the journal; next to it, `<path>.new` is its successor while it is written, and
   * `<path>.damaged-<ms>` was set aside
   */
  path: string;
  /** called with a sentence when counters may not survive a restart; counting continues */
  onProblem: (sentence: string) => void;
};

export type JournaledCounters = MemoryCounters & {
  /**
   * Records the counters that have changed since the last call. Call it every second. Never fails. Does nothing if
   * the previous call has not ended.
   */
  tick(): Promise<void>;
};

type OpenFile = { handle: FileHandle; bytes: number };

/**
 * The next journal while it is written. `wholeBytes` is the length of the records of all counters, without the
 * changes that were appended since.
 */
type Successor = { file: OpenFile; batches: Iterator<CounterRecord[]>; wholeBytes: number };

type Journal = {
  readonly options: JournalOptions;
  readonly counters: MemoryCounters;
  /** the file at `path`; `undefined` after a failure, until a successor replaces it */
  file: OpenFile | undefined;
  /** the length that the file had when it recorded each counter once */
  wholeBytes: number;
  successor: Successor | undefined;
  /** whether the last failure was reported and is not resolved yet */
  failing: boolean;
};

/** A successor is written when the journal is longer than twice `wholeBytes` plus this. */
const SPARE_BYTES = 2 ** 20;
/** how many batches of the successor one tick writes: about 16,000 counters */
const BATCHES_PER_TICK = 64;

/**
 * Creates counters in memory with a journal, and restores those in the journal. Counters of windows longer
 * than a minute survive a restart: after `close` all of them; after a kill, what the last tick has
 * recorded. Counters of shorter windows start empty. Hits from before the start cannot be given back. Only
 * one process at a time may use the file.
 */
export async function journaledCounters(options: JournalOptions): Promise<JournaledCounters> {
  const counters = memoryCounters({ ...options, recordAboveMs: MINUTE_MS });
  const journal: Journal = {
    options,
    counters,
    file: undefined,
    wholeBytes: 0,
    successor: undefined,
    failing: false,
  };
  await bringBack(journal);
  await attempt(journal, () => writeAnew(journal));
  let writing = Promise.resolve();
  let busy = false;
  const tick = async (): Promise<void> => {
    if (busy) return;
    busy = true;
    writing = writeSome(journal);
    await writing;
    busy = false;
  };
  return {
    ...counters,
    tick,
    async close() {
      await writing;
      busy = true;
      await attempt(journal, () => writeChanges(journal));
      if (journal.file === undefined) await attempt(journal, () => writeAnew(journal));
      await attempt(journal, () => closeFiles(journal));
      await counters.close();
    },
  };
}

async function bringBack({ options, counters }: Journal): Promise<void> {
  try {
    const damaged = await restoreFrom(options.path, counters);
    if (damaged > 0) await setAside(options, `is damaged in ${damaged} places`);
  } catch (error) {
    if (codeOf(error) !== "ENOENT") await setAside(options, `cannot be read (${messageOf(error)})`);
  }
}

/** Restores the counters of a journal. Returns how many lines were damaged. */
async function restoreFrom(path: string, counters: MemoryCounters): Promise<number> {
  let damaged = 0;
  for await (const line of readJournal(path)) {
    if (line.kind === "damaged") damaged += 1;
    else for (const record of line.records) counters.restore(record);
  }
  return damaged;
}

async function setAside({ path, nowMs, onProblem }: JournalOptions, flaw: string): Promise<void> {
  const aside = `${path}.damaged-${nowMs()}`;
  const what = `The counters' journal ${path} ${flaw}: limits of windows over a minute may be granted again`;
  try {
    if ((await stat(path)).isFile()) await rename(path, aside);
    onProblem(`${what}. What could be read is in force, the file is now ${aside}.`);
  } catch (error) {
    onProblem(`${what}. What could be read is in force, the file cannot be set aside: ${messageOf(error)}.`);
  }
}

/** Runs a file operation. If it fails, counting continues and the next tick writes what is missing. */
async function attempt(journal: Journal, act: () => Promise<void>): Promise<void> {
  try {
    await act();
    if (journal.file !== undefined && journal.successor === undefined) journal.failing = false;
  } catch (error) {
    await journal.successor?.file.handle.close().catch(() => {});
    journal.successor = undefined;
    if (journal.failing) return;
    journal.failing = true;
    journal.options.onProblem(
      `The counters' journal cannot be written, a restart may forget them: ${messageOf(error)}`,
    );
  }
}

async function writeSome(journal: Journal): Promise<void> {
  await attempt(journal, () => writeChanges(journal));
  await attempt(journal, async () => {
    const { file, wholeBytes, successor } = journal;
    const isDue = file === undefined || file.bytes > 2 * wholeBytes + SPARE_BYTES;
    if (isDue && successor === undefined) await beginSuccessor(journal);
    await continueSuccessor(journal, BATCHES_PER_TICK);
  });
}

async function writeChanges(journal: Journal): Promise<void> {
  for (const records of journal.counters.changed()) {
    if (records.length > 0) await append(journal, lineOf(records));
  }
}

async function closeFiles({ options, file, successor }: Journal): Promise<void> {
  await file?.handle.sync();
  await file?.handle.close();
  if (successor === undefined) return;
  await successor.file.handle.close();
  await rm(successorPath(options));
}

async function writeAnew(journal: Journal): Promise<void> {
  if (journal.successor === undefined) await beginSuccessor(journal);
  await continueSuccessor(journal, Infinity);
}

async function beginSuccessor(journal: Journal): Promise<void> {
  const handle = await open(successorPath(journal.options), "w", 0o600);
  const file = { handle, bytes: 0 };
  journal.successor = { file, batches: journal.counters.all(), wholeBytes: 0 };
  await write(file, HEADER);
}

/** Writes more of the successor. When it is complete, it replaces the journal. */
async function continueSuccessor(journal: Journal, batches: number): Promise<void> {
  const { successor } = journal;
  if (successor === undefined) return;
  for (let left = batches; left > 0; left -= 1) {
    const { value, done } = successor.batches.next();
    if (done === true) return replaceFile(journal, successor);
    if (value.length > 0) successor.wholeBytes += await write(successor.file, lineOf(value));
  }
}

async function replaceFile(journal: Journal, { file, wholeBytes }: Successor): Promise<void> {
  await file.handle.sync();
  const before = journal.file;
  journal.file = undefined;
  await before?.handle.close(); // Windows does not replace an open file
  await rename(successorPath(journal.options), journal.options.path);
  journal.file = file;
  journal.wholeBytes = wholeBytes;
  journal.successor = undefined;
}

/**
 * Appends a line to the journal and its successor. After a failed write, the file may end in a part of a
 * line, so a successor replaces it.
 */
async function append(journal: Journal, line: string): Promise<void> {
  const { file, successor } = journal;
  try {
    if (file !== undefined) await write(file, line);
  } catch (error) {
    journal.file = undefined;
    await file?.handle.close().catch(() => {});
    throw error;
  }
  if (successor !== undefined) await write(successor.file, line);
}

/** Appends text to a file, and returns the number of bytes. */
async function write(file: OpenFile, text: string): Promise<number> {
  const bytes = Buffer.from(text);
  const { bytesWritten } = await file.handle.write(bytes);
  if (bytesWritten < bytes.length)
    throw new Error(`only ${bytesWritten} of ${bytes.length} bytes were written`);
  file.bytes += bytesWritten;
  return bytesWritten;
}

function successorPath({ path }: JournalOptions): string {
  return `${path}.new`;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}
