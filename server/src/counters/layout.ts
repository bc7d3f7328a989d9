/**
 * Where things lie in the 64-byte cells that the memory backend is made of. Numbers are little-endian; a cell's
 * number is 0 where there is none. There are three kinds of cells:
 *
 * - a counter: the fields below, among them the newest entry of its log;
 * - a log: the number of the next cell, then five closed entries. A counter's log cells form a ring, and the
 *   counter knows the last one, whose next is the oldest;
 * - a key: the number of the next cell, then fifteen words of the packed key.
 */
export const CELL_BYTES = 64;

/** float64: the sum of the costs of all entries */
export const USED = 0;
/** float64: the cost of the newest entry */
export const COST = 8;
/** float64: the time of the newest entry's last cost, ms since the epoch */
export const LAST = 16;
/** float32: the limit last asked for; only says how full the counter is */
export const LIMIT = 24;
/** uint32: the hash of the key */
export const HASH = 28;
/** uint32: the next counter of the same bucket */
export const NEXT_COUNTER = 32;
/** uint32: the first cell of the key */
export const KEY = 36;
/** uint32: the log cell of the youngest closed entry */
export const LOG = 40;
/** uint32: ms */
export const DURATION = 44;
/** uint32: the newest entry's number; the closed ones count down from it */
export const ENTRY = 48;
/** uint32: how many takes the counter holds that can still be undone as if they had never been */
export const TOUCH = 52;
/** uint32: ms from the newest entry's first cost to its last */
export const SPAN = 56;
/** uint8: the number of closed entries */
export const CLOSED = 60;
/** uint8: how many places of the oldest log cell are already free */
export const SKIPPED = 61;
/** uint8: 1 while the counter waits to be written to the journal */
export const CHANGED = 62;

/** uint32: the next cell of a log or a key */
export const NEXT_CELL = 0;
export const ENTRIES_PER_CELL = 5;
/** uint32 time (modulo 2³² ms), then float64 cost */
export const ENTRY_BYTES = 12;
export const WORDS_PER_CELL = 15;
/** where the entries or words begin */
export const BODY = 4;
