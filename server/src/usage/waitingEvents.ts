import type { PlainSql, UsageDatabase } from "../storage/engines/usage.ts";
import { type BlockHead, insertBlocks, type Lines, markStart, noteGaps, shares } from "./blocks.ts";

/** A block gets about this many characters. Smaller blocks compress badly, and larger blocks are slow to search. */
export const fullChars = 64 * 1024;
/** If more characters than this wait to be stored, the oldest events are dropped. */
const maxWaitingChars = 16 * 1024 * 1024;

/** Keeps events as lines until they are stored in blocks. */
export function waitingEvents(newId: () => string) {
  const losses = lossRecord();
  const queue = lineQueue(losses.drop);
  let isMarked = false;

  async function insert(sql: PlainSql, all: readonly Lines[]) {
    const [first] = all;
    if (!isMarked && first !== undefined) await markStart(sql, first.startMs);
    await noteGaps(sql, losses.gaps);
    return insertBlocks(sql, all, newId);
  }

  /** Puts events that could not be stored back into the queue. If `isHopeless`, drops them instead. */
  function keep(taken: readonly Lines[], isHopeless: boolean): void {
    if (isHopeless) taken.forEach(losses.drop);
    else queue.putBack(taken);
  }

  return {
    add: queue.add,
    noteGap: losses.noteGap,
    dropped: losses.dropped,
    isWaiting: () => queue.size() > 0 || losses.gaps.size > 0,
    /**
     * Stores all waiting events, and returns the new blocks. Errors: those of the database. After an error, the events
     * wait for the next call. But if the database has rejected a row, all are dropped, because a retry would fail
     * again.
     */
    async store(database: UsageDatabase): Promise<{ lines: Lines; head: BlockHead }[]> {
      const taken = queue.take();
      if (taken.length === 0 && losses.gaps.size === 0) return [];
      try {
        const stored = await database.transaction((tx) => insert(tx, taken));
        isMarked ||= taken.length > 0;
        losses.gaps.clear();
        return stored;
      } catch (error) {
        keep(taken, database.isRowRejection(error));
        throw error;
      }
    },
  };
}

/** A queue of events that drops its oldest events when it has too much text. */
function lineQueue(onDrop: (lines: Lines) => void) {
  let waiting: Lines[] = [];
  let chars = 0;
  /** for each workspace and share, the lines to which the next event is added */
  const open = new Map<string, Lines>();

  function dropOldest(): void {
    while (chars > maxWaitingChars) {
      const oldest = waiting.shift();
      if (oldest === undefined) return;
      chars -= oldest.text.length;
      for (const [name, lines] of open) if (lines === oldest) open.delete(name);
      onDrop(oldest);
    }
  }

  return {
    /** Adds an event. `line` includes the newline at its end. */
    add(workspaceId: string, isUnknown: boolean, atMs: number, line: string): void {
      const share = isUnknown ? shares.unknown : shares.known;
      const name = `${share}${workspaceId}`;
      let lines = open.get(name);
      if (lines === undefined || lines.text.length >= fullChars) {
        lines = { workspaceId, share, startMs: atMs, endMs: atMs, count: 0, text: "" };
        open.set(name, lines);
        waiting.push(lines);
      }
      extend(lines, atMs, line);
      chars += line.length;
      dropOldest();
    },
    size: () => waiting.length,
    take(): Lines[] {
      const taken = waiting;
      waiting = [];
      chars = 0;
      open.clear();
      return taken;
    },
    putBack(taken: readonly Lines[]): void {
      waiting = [...taken, ...waiting];
      chars = waiting.reduce((sum, { text }) => sum + text.length, 0);
      dropOldest();
    },
  };
}

/**
 * Counts events that were lost. For each workspace that has lost events, `gaps` has the time from which its events are
 * complete, until that time is stored.
 */
function lossRecord() {
  const gaps = new Map<string, number>();
  let dropped = 0;

  function noteGap(workspaceId: string, sinceMs: number): void {
    gaps.set(workspaceId, Math.max(sinceMs, gaps.get(workspaceId) ?? 0));
  }

  return {
    gaps,
    noteGap,
    dropped: () => dropped,
    drop({ workspaceId, endMs, count }: Lines): void {
      dropped += count;
      noteGap(workspaceId, endMs + 1);
    },
  };
}

function extend(lines: Lines, atMs: number, line: string): void {
  lines.startMs = Math.min(lines.startMs, atMs);
  lines.endMs = Math.max(lines.endMs, atMs);
  lines.count += 1;
  lines.text += line;
}
