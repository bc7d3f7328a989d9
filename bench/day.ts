/**
 * Runs a Latchkey server whose clock stands still. It prints its address and root key. For each number that it reads
 * from stdin, it moves the clock forward by that many milliseconds.
 */
import { createInterface } from "node:readline";
import { startServer } from "../server/src/compose.ts";
import { readConfig } from "../server/src/config/read.ts";

const [databaseUrl = "", usageBytes = ""] = process.argv.slice(2);
let passedMs = 0;
let rootKey = "";
const startMs = Date.UTC(2026, 0, 1);
const settings = { PORT: "0", DATABASE_URL: databaseUrl, USAGE_MAX_BYTES: usageBytes };
const server = await startServer(readConfig(settings), {
  nowMs: () => startMs + passedMs,
  monotonicMs: () => startMs + passedMs,
  log: () => undefined,
  keepRootKey: (made) => {
    rootKey = made;
  },
});
console.log(JSON.stringify({ url: server.url, rootKey }));
for await (const line of createInterface(process.stdin)) {
  passedMs += Number(line);
  console.log(passedMs);
}
