/**
 * A process with many callers that spend, hold, settle and release units of an identity's quota until they are refused.
 * Each caller uses one of the identity's keys. Prints how many units they were charged in total.
 */
import { unitsOf } from "../../src/domain/accounts.ts";
import { idMaker } from "../../src/domain/ids.ts";
import { randomBytes } from "../../src/runtime.ts";
import { StorageError } from "../../src/storage/engine.ts";
import { openStorage } from "../../src/storage/open.ts";
import type { HoldRequest } from "../../src/storage/queries/charges.ts";
import { findHold } from "../../src/storage/queries/holds.ts";
import { type HoldEnd, settleHold } from "../../src/storage/queries/settling.ts";
import { creditSpender } from "../../src/storage/spending.ts";
import { databaseAt } from "../databaseAt.ts";

const [url = "", workspaceId = "", identityId = "", keys = "1", callers = "1", now = "0"] =
  process.argv.slice(2);
const nowMs = Number(now);
const engine = await openStorage(databaseAt(url), {
  serving: false,
  connections: 8,
  monotonicMs: () => performance.now(),
});
const makeId = idMaker(randomBytes);
const newId = () => makeId("mov", nowMs);
const spend = creditSpender(engine, () => nowMs, newId);
const charged = await Promise.all(Array.from({ length: Number(callers) }, (_, index) => spendAll(index)));
await engine.close();
console.log(charged.reduce((sum, one) => sum + one, 0));

/** Lets one caller spend until it is refused a single unit. Returns the units that it was charged. */
async function spendAll(index: number): Promise<number> {
  const subjectId = `key_${index % Number(keys)}`;
  for (let sum = 0; ; ) {
    const units = random(20);
    const held = random(2) === 0 ? await hold(subjectId, units) : undefined;
    if (held !== undefined) {
      sum += await end(
        held,
        random(4) === 0 ? { kind: "release" } : { kind: "settle", amount: random(units) },
      );
      continue;
    }
    if (!(await take(subjectId, 1)).isCharged) return sum;
    sum += 1;
  }
}

/** Returns a random whole number from 0 to n. */
function random(n: number): number {
  return Math.floor(Math.random() * (n + 1));
}

function take(subjectId: string, units: number, hold?: HoldRequest) {
  return whenFree(() => spend({ workspaceId, subjectId, identityId, cost: unitsOf("tokens", units), hold }));
}

/**
 * Repeats `work` if it could not begin because all connections were in use. Throws all other errors, including a
 * deadlock, whose reason is `busy`, too.
 */
async function whenFree<T>(work: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof StorageError && error.message.startsWith("All connections"))) throw error;
    }
  }
}

/** Creates a hold and returns its id, or `undefined` if it was refused. */
async function hold(subjectId: string, units: number): Promise<string | undefined> {
  const id = makeId("hold", nowMs);
  const { isCharged } = await take(subjectId, units, {
    id,
    keyId: undefined,
    apiId: undefined,
    quota: "tokens",
    ttlMs: 600_000,
    onExpiry: "release",
    requestId: "req_1",
    tags: [],
  });
  return isCharged ? id : undefined;
}

async function end(id: string, how: HoldEnd): Promise<number> {
  const found = await whenFree(() => findHold(engine.db, workspaceId, id));
  if (found === undefined) throw new Error("a hold is missing");
  const by = { now: () => nowMs, newId, actorId: "root_1" };
  const ended = await whenFree(() => engine.transaction((tx) => settleHold(tx, found, how, by)));
  if (ended === undefined || ended === "ended_otherwise") throw new Error("a hold was ended twice");
  return ended.outcome.charged;
}
