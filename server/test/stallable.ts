/** A server that responds to a bystander, and stalls on request. bystander.test.ts runs it as a separate process. */
import { readFileSync } from "node:fs";

const held: Uint8Array[] = [];

/** Returns the processor time that this thread has used, which does not depend on how busy the machine is. */
const computedMs = () =>
  Number(readFileSync(`/proc/self/task/${process.pid}/schedstat`, "utf8").split(" ")[0]) / 1e6;

const server = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  routes: {
    "/v2/liveness": () => Response.json({ data: {} }),
    "/v2/keys.verifyKey": () => Response.json({ data: { code: "VALID" } }),
    "/compute/:ms": ({ params }) => {
      const endsAtMs = computedMs() + Number(params.ms);
      while (computedMs() < endsAtMs);
      return new Response();
    },
    "/block/:ms": ({ params }) => {
      Bun.sleepSync(Number(params.ms));
      return new Response();
    },
    "/hold/:bytes": ({ params }) => {
      held.push(new Uint8Array(Number(params.bytes)).fill(1));
      return new Response();
    },
    "/release": () => {
      held.length = 0;
      Bun.gc(true);
      return new Response();
    },
    "/fail": () => {
      server.reload({ routes: {}, fetch: () => new Response("", { status: 500 }) });
      return new Response();
    },
  },
});
console.log(server.url.href);
