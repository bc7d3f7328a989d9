import { type FileHandle, open, rename, rm, stat } from "node:fs/promises";
import { HEADER, lineOf, MINUTE_MS, readJournal } from "./journalFile.ts";
import { type MemoryCounters, type MemoryOptions, memoryCounters } from "./memory.ts";
import type { CounterRecord } from "./snapshots.ts";

/**
 * The journal is a file in which the memory backend records its counters, so that they survive a restart. Each second,
 * the counters that have changed are appended. When the file has become long, it is replaced by a new file, its
 * successor, which has each counter only once.
 */
export type JournalOptions = Omit<MemoryOptions, "recordAboveMs"> & {
  /**
   * the path of the journal. A successor is written to `<path>.new`, and replaces the journal when it is complete. A
   * damaged journal is renamed to `<path>.damaged-<ms>`.
   */
  path: string;
  /** Called with a message when this start has lost counters, or a later start may lose some. Counting goes on. */
  onProblem: (message: string) => void;
};

export type JournaledCounters = MemoryCounters & {
  /**
   * Appends to the journal the counters that have changed since the previous call. Call it every second. Never throws.
   * Does nothing while the previous call is still writing.
   */
  tick(): Promise<void>;
};

type OpenFile = { handle: FileHandle; bytes: number };

/**
 * A new journal that is being written. `batches` yields all counters. `wholeBytes` is the length of the lines that were
 * written from `batches`; changes that `append` has added meanwhile are not included.
 */
type Successor = { file: OpenFile; batches: Iterator<CounterRecord[]>; wholeBytes: number };

type Journal = {
  readonly options: JournalOptions;
  readonly counters: MemoryCounters;
  /** the file at `path`; `undefined` after a failure, until a successor replaces it */
  file: OpenFile | undefined;
  /** the length in bytes that the file had when it was new and had each counter only once */
  wholeBytes: number;
  successor: Successor | undefined;
  /** whether writing fails; `onProblem` was called then, and is not called again until the journal is complete again */
  failing: boolean;
};

/** When the journal is longer than twice `wholeBytes` plus this many bytes, a successor is written. */
const SPARE_BYTES = 2 ** 20;
/** how many batches one tick writes to the successor; together they have about 16,000 counters */
const BATCHES_PER_TICK = 64;

/**
 * Creates counters in memory with a journal, and restores the counters that are in the journal. After a restart,
 * windows longer than a minute continue: after `close` with everything they counted, after a kill with what the last
 * tick has recorded. Shorter windows start empty. Hits from before the restart cannot be given back. Only one process
 * at a time may use the file.
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
    if (damaged > 0) await setAside(options, `is damaged in ${damaged} ${damaged === 1 ? "line" : "lines"}`);
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
  const what = `The journal of the rate limit counters, ${path}, ${flaw}. Counters that could be read still count; other limits with a duration above a minute may be granted again.`;
  try {
    if (!(await stat(path)).isFile()) return onProblem(`${what} It is not a file: move it away.`);
    await rename(path, aside);
    onProblem(`${what} The file was renamed to ${aside}.`);
  } catch (error) {
    onProblem(`${what} The file could not be renamed to ${aside}: ${messageOf(error)}.`);
  }
}

/** Writes to the journal. If that fails, counting goes on, and the next tick writes what is missing. */
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
      `The journal of the rate limit counters, ${journal.options.path}, cannot be written: ${messageOf(error)}. Check the free space and the permissions of its folder. Until the journal can be written, a restart forgets what the counters counted.`,
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

/**
 * Writes up to `batches` batches to the successor. When all counters are written, the successor replaces the journal.
 */
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
 * Appends a line to the journal and its successor. If writing to the journal fails, it may end in an incomplete line.
 * So nothing more is appended to this file, and a successor replaces it.
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

/** Appends text to a file, and returns the length of the text in bytes. */
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
