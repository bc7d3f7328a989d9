import type { PlainSql, UsageDatabase } from "../storage/engines/usage.ts";
import { type BlockHead, deleteBlocks, insertBlocks, type Lines, readTexts, type Share } from "./blocks.ts";
import { ownCopy } from "./lines.ts";
import { fullChars } from "./waitingEvents.ts";

/** A list of small blocks is merged into one block when it has this many blocks, or `fullChars` characters. */
const blocksPerMerge = 16;

type Stored = { workspaceId: string; share: Share; head: BlockHead; chars: number };

/**
 * Merges small blocks that this process has stored, because many small blocks compress badly and are slow to search.
 */
export function blockMerger(newId: () => string) {
  /**
   * The small blocks of each workspace and share, in two lists. The first list has the smallest blocks. When these are
   * merged, the merged block usually belongs to the second list.
   */
  const small = new Map<string, [Stored[], Stored[]]>();

  function remember({ workspaceId, share, text }: Lines, head: BlockHead): void {
    const chars = text.length;
    if (chars >= fullChars / 2) return;
    const name = `${share}${workspaceId}`;
    const sizes = small.get(name) ?? [[], []];
    sizes[chars < fullChars / blocksPerMerge ? 0 : 1].push({
      workspaceId: ownCopy(workspaceId),
      share,
      head,
      chars,
    });
    small.set(name, sizes);
  }

  return {
    remember,
    /**
     * Merges the blocks of each list that has enough of them. Errors: those of the database. The blocks of that list
     * then stay separate forever.
     */
    async merge(database: UsageDatabase): Promise<void> {
      for (const blocks of [...small.values()].flat()) {
        const chars = blocks.reduce((sum, block) => sum + block.chars, 0);
        if (blocks.length < blocksPerMerge && chars < fullChars) continue;
        const merged = blocks.splice(0);
        const stored = await database.transaction((tx) => mergeBlocks(tx, merged, newId));
        if (stored !== undefined) remember(stored.lines, stored.head);
      }
    },
  };
}

async function mergeBlocks(sql: PlainSql, merged: readonly Stored[], newId: () => string) {
  const [first] = merged;
  if (first === undefined) return undefined;
  const { workspaceId, share } = first;
  const texts = await readTexts(
    sql,
    workspaceId,
    merged.map(({ head }) => head.id),
  );
  const heads = merged.map(({ head }) => head).filter(({ id }) => texts.has(id));
  if (heads.length === 0) return undefined;
  await deleteBlocks(sql, workspaceId, [...texts.keys()]);
  const [stored] = await insertBlocks(sql, [linesOf(workspaceId, share, heads, [...texts.values()])], newId);
  return stored;
}

function linesOf(
  workspaceId: string,
  share: Share,
  heads: readonly BlockHead[],
  texts: readonly string[],
): Lines {
  return {
    workspaceId,
    share,
    startMs: Math.min(...heads.map(({ startMs }) => startMs)),
    endMs: Math.max(...heads.map(({ endMs }) => endMs)),
    count: heads.reduce((sum, { count }) => sum + count, 0),
    text: texts.join(""),
  };
}
