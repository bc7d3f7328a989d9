/** A process of tracing's tests: serves by the environment, answers a request, and prints what it has loaded of OpenTelemetry. */
import { startServer } from "../../src/compose.ts";
import { readConfig } from "../../src/config.ts";

const server = await startServer(readConfig(process.env), {
  nowMs: Date.now,
  monotonicMs: Date.now,
  log: () => undefined,
  keepRootKey: () => undefined,
});
const answer = await fetch(`${server.url}/v2/keys.verifyKey`, { method: "POST" });
const loaded = Object.keys(require.cache);
const has = (part: string) => loaded.some((path) => path.includes(part));
await server.stop();
console.log(
  JSON.stringify({
    status: answer.status,
    compose: has("/src/compose.ts"),
    tracing: has("/src/tracing/"),
    opentelemetry: has("@opentelemetry"),
  }),
);
process.exit(); // a batch that cannot be sent is still tried again
