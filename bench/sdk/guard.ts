/**
 * `bun bench/sdk/guard.ts`: measures the processor time that a guard of the SDK adds to a Hono route on Node, with 16
 * requests in flight. It compares a guarded route with an open one. A stub in this process plays the Latchkey server,
 * so that the server's processor time is not included. Takes about a minute.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const inFlight = 16;
const requests = 8000;
const rounds = 7;

const limit = { id: "rl_1", name: "requests", limit: 1000, duration: 60_000, remaining: 999 };
const data = {
  valid: true,
  code: "VALID",
  keyId: "key_1",
  enabled: true,
  permissions: ["documents.read"],
  identity: { id: "id_1", externalId: "user_123", meta: { plan: "pro" }, ratelimits: [] },
  ratelimits: [{ ...limit, reset: Date.now() + 60_000, exceeded: false, autoApply: true }],
};
const meta = { requestId: "req_1" };
let calls = 0;

const stub = Bun.serve({
  port: 0,
  hostname: "127.0.0.1",
  async fetch(request) {
    calls += 1;
    const input: unknown = await request.json();
    return Response.json({ meta, data: Array.isArray(input) ? input.map(() => ({ data })) : data });
  },
});

const folder = mkdtempSync(join(tmpdir(), "latchkey-bench-"));
await Bun.build({
  entrypoints: [join(import.meta.dir, "guarded.mjs")],
  target: "node",
  outdir: folder,
  naming: "guarded.mjs",
});
const application = Bun.spawn(["node", join(folder, "guarded.mjs"), `http://127.0.0.1:${stub.port}`], {
  stdout: "pipe",
  stderr: "inherit",
});
try {
  const { value } = await application.stdout.getReader().read();
  const url = `http://127.0.0.1:${Number(new TextDecoder().decode(value))}`;
  await cost(url, "/open");
  await cost(url, "/guarded"); // warms up: after these requests the code is compiled
  const costs: { open: number[]; guarded: number[] } = { open: [], guarded: [] };
  calls = 0;
  for (let round = 0; round < rounds; round += 1) {
    costs.open.push(await cost(url, "/open"));
    costs.guarded.push(await cost(url, "/guarded"));
  }
  const above = costs.guarded.map((guarded, round) => guarded - (costs.open[round] ?? 0));
  console.log(`open route      ${shown(costs.open)}`);
  console.log(`guarded route   ${shown(costs.guarded)}`);
  console.log(`the guard       ${shown(above)}`);
  console.log(
    `verifications in one request to the server: ${((rounds * requests) / calls).toFixed(1)} on average`,
  );
} finally {
  application.kill();
  await stub.stop(true);
  rmSync(folder, { recursive: true, force: true });
}

/** The application's processor time per request to this path, in microseconds. */
async function cost(url: string, path: string): Promise<number> {
  const used = async () => (await (await fetch(`${url}/used`)).json()) as number;
  const before = await used();
  let left = requests;
  const worker = async () => {
    while (left > 0) {
      left -= 1;
      const response = await fetch(url + path, {
        headers: { authorization: "Bearer prod_2cGKbMxRyIzhCxo1Idjz8q" },
      });
      if (response.status !== 200) throw new Error(`${path} returned ${response.status}`);
      await response.arrayBuffer();
    }
  };
  await Promise.all(Array.from({ length: inFlight }, worker));
  return ((await used()) - before) / requests;
}

function shown(values: readonly number[]): string {
  const sorted = values.toSorted((one, other) => one - other);
  const at = (part: number) => Math.round(sorted[Math.floor(part * (sorted.length - 1))] ?? 0);
  return `${at(0.5)} µs of processor time a request (${at(0)} to ${at(1)})`;
}
