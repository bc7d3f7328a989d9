import type { Database } from "bun:sqlite";
import { nextTurn } from "../../domain/nextTurn.ts";
import { StorageError } from "../engine.ts";
import type { Tx } from "../schema.ts";
import type { SqlValue } from "./dialects.ts";
import type { Changes } from "./sqliteChanges.ts";
import { storageError } from "./sqliteErrors.ts";
import { insideTransactions, retryWhileBusy, type SerialQueue } from "./sqliteTransaction.ts";

/**
 * A group of transactions that share a commit starts no further transaction after this time, because the caller of the
 * first transaction waits for the whole group.
 */
const groupMs = 5;
/**
 * A group that has written this many characters starts no further transaction. Otherwise the write-ahead log could grow
 * by too much at once.
 */
export const groupCharacters = 1024 * 1024;

type GroupOptions = {
  writer: Database;
  /** runs a statement on `writer`, the only connection of this process that writes records */
  execute: (sql: string, values: readonly SqlValue[]) => unknown[];
  /** the queue of everything that uses `writer`: it runs one group at a time, and nothing else meanwhile */
  queue: SerialQueue;
  /** keeps the write-ahead log small: `makeRoom` is called before each group, `grew` after it */
  log: { makeRoom(): Promise<void>; grew(): void };
  commits: {
    /** Checks that commits are still possible. Errors: `StorageError` if a flush has failed. */
    refuseAfterFailure(): void;
    /** Flushes what was committed. Resolves when that is durable. */
    flush(): Promise<void>;
  };
  /** begins and commits the transaction of each group */
  changes: Pick<Changes, "begin" | "commit">;
};

/**
 * A guarded group runs each of its transactions in a savepoint, in which SQLite copies each page before the page
 * changes. This takes a third of the time of a small transaction, so a group runs without savepoints at first. If a
 * transaction fails, the group is rolled back and runs again, guarded. This is the number of groups that are guarded
 * from then on.
 */
const guardedAfterFailure = 20;

/** A member of a group: a transaction whose caller waits. It is committed only when the whole group is committed. */
type Member = {
  /**
   * Runs the work inside the group's transaction. If `isGuarded`, the work has a savepoint, and a failure undoes only
   * this work. Returns false if the work failed without a savepoint: the group must then be rolled back. Errors: those
   * of the work, if SQLite has rolled back the whole group.
   */
  run(isGuarded: boolean): Promise<boolean>;
  /** Returns whether the member's work succeeded. If the work failed, the group is committed without it. */
  hasSucceeded(): boolean;
  /** Returns the outcome to the caller. Call it once the group is durable. */
  settle(): void;
  reject(error: unknown): void;
};

/**
 * Commits transactions in groups. The transactions that arrive while a group runs and is flushed form the next group.
 * A group needs only one commit and one flush, which take longer than the statements of a small transaction. If a
 * transaction fails, the others are not affected: the group runs again, with a savepoint for each transaction. If a
 * group cannot be committed, each of its transactions runs again in a group of its own.
 */
export function groupCommits(options: GroupOptions) {
  const size = { characters: 0 };
  const guarded = { groups: 0 };
  const inside = insideTransactions(options.writer, (sql, values) => {
    for (const value of values) if (typeof value === "string") size.characters += value.length;
    return options.execute(sql, values);
  });
  let waiting: Member[] = [];
  let running: Promise<void> | undefined;

  async function commitAll(): Promise<void> {
    // waits for requests that have arrived at the same time, so that they share a group
    await nextTurn();
    while (waiting.length > 0) {
      const members = waiting;
      waiting = [];
      const remaining = await commitGroup({ ...options, size, guarded }, members).catch((error: unknown) => {
        for (const member of members) member.reject(unknownOutcome(error));
        return [];
      });
      waiting = [...remaining, ...waiting];
    }
    running = undefined;
  }

  return {
    transaction<T>(work: (tx: Tx) => Promise<T>): Promise<T> {
      return new Promise((resolve, reject) => {
        waiting.push(memberOf(options.writer, () => inside(work), resolve, reject));
        running ??= commitAll();
      });
    },
    /** Resolves when no transaction waits or runs. */
    idle: async () => running,
  };
}

/**
 * The error for the callers of a group that failed in an unexpected way, such as by an exception in `log.grew`. If they
 * got no error, they would wait forever, and so would all later transactions.
 */
function unknownOutcome(cause: unknown): StorageError {
  const message = "A commit did not end as it should, so the change may or may not have been stored.";
  return new StorageError("lost", message, cause);
}

/**
 * The options, and two numbers that change. `size` counts the characters in the parameters of all statements that have
 * run so far. `guarded` is how many of the next groups are guarded.
 */
type Groups = GroupOptions & { size: { characters: number }; guarded: { groups: number } };

/** Runs and commits as many of these members as one group may have, and returns the remaining members. */
async function commitGroup(groups: Groups, members: readonly Member[]): Promise<readonly Member[]> {
  const { queue, log, commits } = groups;
  let ran: readonly Member[];
  try {
    commits.refuseAfterFailure();
    ran = await queue(async () => {
      await log.makeRoom();
      return (await inOneTransaction(groups, members)) ?? (await inOneTransaction(groups, members)) ?? [];
    });
  } catch (error) {
    const isBusy = error instanceof StorageError && error.reason === "busy";
    for (const member of members) {
      if (isBusy || members.length === 1) member.reject(storageError(error));
      else await commitGroup(groups, [member]);
    }
    return [];
  } finally {
    log.grew();
  }
  await acknowledge(ran, commits);
  return members.slice(ran.length);
}

/**
 * Runs members in one transaction until the group is full, commits, and returns the members that ran. Returns
 * `undefined` if a member failed without a savepoint after others had run: nothing was committed, and the next groups
 * are guarded.
 */
async function inOneTransaction(
  groups: Groups,
  members: readonly Member[],
): Promise<readonly Member[] | undefined> {
  const { writer, guarded, changes } = groups;
  const isGuarded = guarded.groups > 0;
  if (isGuarded) guarded.groups -= 1;
  await retryWhileBusy(changes.begin);
  try {
    const { ran, hasFailed } = await runMembers(groups, members, isGuarded);
    if (hasFailed) writer.run("rollback");
    else changes.commit();
    if (!hasFailed || ran === 1) return members.slice(0, ran); // if one failed alone, it need not run again
    guarded.groups = guardedAfterFailure;
    return undefined;
  } catch (error) {
    if (writer.inTransaction) writer.run("rollback");
    throw error;
  }
}

/** Returns how many members ran before the group was full, and whether the last of them failed without a savepoint. */
async function runMembers(
  { writer, size }: Groups,
  members: readonly Member[],
  isGuarded: boolean,
): Promise<{ ran: number; hasFailed: boolean }> {
  const untilMs = performance.now() + groupMs;
  const mostCharacters = size.characters + groupCharacters;
  let ran = 0;
  for (const member of members) {
    const isFull = performance.now() > untilMs || size.characters > mostCharacters;
    if (isFull && ran > 0) break;
    ran += 1;
    if (!(await member.run(isGuarded))) return { ran, hasFailed: true };
    // without this check, each statement of the next members would be committed by itself
    if (!writer.inTransaction)
      throw new Error("the work of a transaction continued after SQLite had rolled the transaction back");
  }
  return { ran, hasFailed: false };
}

async function acknowledge(ran: readonly Member[], { flush }: GroupOptions["commits"]): Promise<void> {
  let failure: unknown;
  if (ran.some((member) => member.hasSucceeded())) {
    await flush().catch((error: unknown) => {
      failure = error;
    });
  }
  for (const member of ran) {
    if (failure !== undefined && member.hasSucceeded()) member.reject(failure);
    else member.settle();
  }
}

function memberOf<T>(
  writer: Database,
  work: () => Promise<T>,
  resolve: (value: T) => void,
  reject: (error: unknown) => void,
): Member {
  let outcome: { value: T } | { error: unknown } | undefined;
  return {
    async run(isGuarded) {
      if (isGuarded) writer.run("savepoint one");
      try {
        outcome = { value: await work() };
      } catch (error) {
        // SQLite itself has rolled back the whole group, for example because the disk is full
        if (!writer.inTransaction) throw error;
        outcome = { error };
        if (!isGuarded) return false;
        writer.run("rollback to one");
      }
      if (isGuarded) writer.run("release one");
      return true;
    },
    hasSucceeded: () => outcome !== undefined && "value" in outcome,
    settle() {
      if (outcome === undefined) reject(new Error("a transaction was settled before it ran"));
      else if ("value" in outcome) resolve(outcome.value);
      else reject(storageError(outcome.error));
    },
    reject,
  };
}
