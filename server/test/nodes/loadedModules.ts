/** The tests of tracing start this program. It serves one request, and prints which modules it has loaded. */
import { startServer } from "../../src/compose.ts";
import { readConfig } from "../../src/config/read.ts";

const server = await startServer(readConfig(process.env), {
  nowMs: Date.now,
  monotonicMs: Date.now,
  log: () => undefined,
  keepRootKey: () => undefined,
});
const response = await fetch(`${server.url}/v2/keys.verifyKey`, { method: "POST" });
const loaded = Object.keys(require.cache);
const has = (part: string) => loaded.some((path) => path.includes(part));
await server.stop();
console.log(
  JSON.stringify({
    status: response.status,
    compose: has("/src/compose.ts"),
    tracing: has("/src/tracing/"),
    opentelemetry: has("@opentelemetry"),
    pages: has("/src/docs/pages.ts"),
  }),
);
process.exit(); // ends at once; otherwise the program would try to send its spans again
