// journal.test.ts starts this program. Until it is killed, the program again and again counts a hit, writes the hit to
// the journal, and then prints that it has done so.
import { journaledCounters } from "../src/counters/memory/journal.ts";
import { base } from "./model.ts";

const [, , path = ""] = process.argv;
const counters = await journaledCounters({
  path,
  nowMs: Date.now,
  maxBytes: 2 ** 20,
  onProblem: (sentence) => console.error(sentence),
});
for (let i = 1; ; i += 1) {
  counters.hit([{ ...base, subject: "killed", durationMs: 3_600_000, limit: 1_000_000 }]);
  await counters.tick();
  process.stdout.write(`ticked ${i}\n`);
  await new Promise((resolve) => setImmediate(resolve));
}
