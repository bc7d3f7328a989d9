/**
 * A process with many callers that spend from one balance until they are refused. Prints how many credits they were
 * granted in total.
 */

import { creditsOnly } from "../../src/domain/accounts.ts";
import { idMaker } from "../../src/domain/ids.ts";
import { randomBytes } from "../../src/runtime.ts";
import { openStorage } from "../../src/storage/open.ts";
import { creditSpender } from "../../src/storage/spending.ts";
import { databaseAt } from "../databaseAt.ts";

const [url = "", workspaceId = "", subjectId = "", callers = "1", now = "0"] = process.argv.slice(2);
const nowMs = Number(now);
const engine = await openStorage(databaseAt(url), {
  serving: false,
  connections: 8,
  monotonicMs: () => performance.now(),
});
const newId = idMaker(randomBytes);
const spend = creditSpender(
  engine,
  () => nowMs,
  () => newId("mov", nowMs),
);
const granted = await Promise.all(
  Array.from({ length: Number(callers) }, (_, index) => spendAll(1 + (index % 3))),
);
await engine.close();
console.log(granted.reduce((sum, one) => sum + one, 0));

async function spendAll(cost: number): Promise<number> {
  for (let sum = 0; ; sum += cost) {
    const spent = await spend({ workspaceId, subjectId, identityId: undefined, cost: creditsOnly(cost) });
    if (spent.credits === undefined || !spent.isCharged) return sum;
  }
}
