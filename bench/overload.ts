/**
 * `bun bench/overload.ts`: sends Latchkey more requests than it can handle. docs/decisions/overload.md discusses
 * the results.
 */
import { readFileSync } from "node:fs";
import { type Generator, type Load, type Measured, numberMark, startGenerator } from "./load.ts";
import { type Product, startProduct } from "./servers.ts";

const pace = { warmUpMs: 1_000, measuredMs: 4_000 };
const usual = 64;
const times = 3;
const crowd = 3_000;
const livenessEveryMs = 50;

const product = await startProduct();
const generators = [startGenerator(), startGenerator()] as const;
const [first, second] = generators;
/**
 * The number in the first request of a run. Each run starts a million higher, so that no two runs use the same number.
 */
let firstNumber = 0;

try {
  await measureAll();
} finally {
  for (const generator of generators) generator.stop();
  await product.stop();
}

async function measureAll(): Promise<void> {
  const { apiId } = await product.call<{ apiId: string }>("apis.createApi", { name: "overload" });
  const { key } = await product.call<{ key: string }>("keys.createKey", { apiId });
  const verify = (connections: number) => ({
    ...loadOf("keys.verifyKey", { key }, '"code":"VALID"'),
    connections,
  });
  const create = loadOf("identities.createIdentity", { externalId: `user_${numberMark}` }, '"identityId"');

  const verifyPeak = await measure("verify, 64 connections", [[first, verify(usual)]]);
  await measure(`verify, ${usual * times} connections`, [[first, verify(usual * times)]], verifyPeak);
  const createPeak = await measure("create, 64 connections", [[first, { ...create, connections: usual }]]);
  await measure(
    `create, ${usual * times} connections`,
    [[first, { ...create, connections: usual * times }]],
    createPeak,
  );
  const flood = { ...create, connections: 1_500, perSecond: (createPeak[0]?.perSecond ?? 0) * times };
  await measure("create, offered at three times its peak rate", [[first, flood]], createPeak);
  const both = [...verifyPeak, ...createPeak];
  await measure(
    "verify, 64 connections, and create, offered at three times its peak rate",
    [
      [first, verify(usual)],
      [second, flood],
    ],
    both,
  );
  await measure(`verify, ${crowd} connections`, [[first, verify(crowd)]], verifyPeak);
}

function loadOf(operation: string, body: object, expected: string): Omit<Load, "connections"> {
  const { port, pid, rootKey } = product;
  const path = `/v2/${operation}`;
  return {
    port,
    pid,
    rootKey,
    path,
    bodies: [JSON.stringify(body)],
    expected,
    mayRefuse: true,
    firstNumber: 0,
    ...pace,
  };
}

type Run = readonly [generator: Generator, load: Load];

/** Runs the loads at the same time and prints their figures. Compares their throughput with that of `peak`. */
async function measure(
  title: string,
  runs: readonly Run[],
  peak: readonly Measured[] = [],
): Promise<Measured[]> {
  const watch = watchServer(product);
  const measured = await Promise.all(
    runs.map(([generator, load]) => {
      firstNumber += 1_000_000;
      return generator.run({ ...load, firstNumber });
    }),
  );
  const { slowestMs, checks, residentMb } = await watch.end();
  console.log(`\n${title}`);
  for (const [index, one] of measured.entries()) {
    const reached = peak[index];
    const share =
      reached === undefined ? "" : `, ${(one.perSecond / reached.perSecond).toFixed(2)} of its peak`;
    const { perSecond, refusedPerSecond, p50Ms, p99Ms, serverBusy } = one;
    console.log(
      `  ${runs[index]?.[1].path}: ${Math.round(perSecond)} completed per second${share}, ${Math.round(refusedPerSecond)} refused, ` +
        `p50 ${p50Ms.toFixed(1)} ms, p99 ${p99Ms.toFixed(1)} ms, thread ${Math.round(serverBusy * 100)} % busy`,
    );
  }
  console.log(
    `  the slowest of ${checks} liveness checks took ${Math.round(slowestMs)} ms; at most ${residentMb} MB of resident memory`,
  );
  return measured;
}

/** Until `end` is called, requests /health/live on new connections, and reads the server's memory. */
function watchServer({ port, pid }: Product) {
  let slowestMs = 0;
  let checks = 0;
  let residentMb = 0;
  let ended = false;
  const watching = (async () => {
    while (!ended) {
      const startedAtMs = performance.now();
      const { status } = await fetch(`http://127.0.0.1:${port}/health/live`, {
        headers: { Connection: "close" },
      });
      if (status !== 200) throw new Error(`GET /health/live returned ${status}.`);
      checks += 1;
      slowestMs = Math.max(slowestMs, performance.now() - startedAtMs);
      residentMb = Math.max(residentMb, residentMbOf(pid));
      await Bun.sleep(livenessEveryMs);
    }
  })();
  return {
    async end() {
      ended = true;
      await watching;
      return { slowestMs, checks, residentMb };
    },
  };
}

function residentMbOf(pid: number): number {
  const kilobytes = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return Math.round(Number(kilobytes) / 1024);
}
