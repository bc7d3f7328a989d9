/** A process with many callers that spend from one balance until it refuses them; prints what they were granted. */
import { openStorage } from "../../src/storage/open.ts";
import { creditSpender } from "../../src/storage/spending.ts";

const [url = "", workspaceId = "", subjectId = "", callers = "1", now = "0"] = process.argv.slice(2);
const nowMs = Number(now);
const engine = await openStorage(url, {
  serving: false,
  connections: 8,
  monotonicMs: () => performance.now(),
});
const spend = creditSpender(engine);
const granted = await Promise.all(
  Array.from({ length: Number(callers) }, (_, index) => spendAll(1 + (index % 3))),
);
await engine.close();
console.log(granted.reduce((sum, one) => sum + one, 0));

async function spendAll(cost: number): Promise<number> {
  for (let sum = 0; ; sum += cost) {
    const spent = await spend({ workspaceId, subjectId, cost, nowMs });
    if (spent === "unlimited" || !spent.granted) return sum;
  }
}
