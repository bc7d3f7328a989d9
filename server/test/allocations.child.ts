/**
 * A server that never collects garbage, because allocations.test.ts starts it with BUN_JSC_useGC=false. It prints its
 * address and root key. For each line on standard input, it prints the size of its main thread's heap in bytes.
 */
import { heapStats } from "bun:jsc";
import { startServer } from "../src/compose.ts";
import { readConfig } from "../src/config/read.ts";

const [databaseUrl = ""] = process.argv.slice(2);
let rootKey = "";
const server = await startServer(readConfig({ PORT: "0", DATABASE_URL: databaseUrl }), {
  nowMs: Date.now,
  monotonicMs: () => performance.now(),
  log: () => undefined,
  keepRootKey: (made) => {
    rootKey = made;
  },
});
console.log(JSON.stringify({ url: server.url, rootKey }));
process.stdin.on("data", () => console.log(heapStats().heapCapacity));
