// `bun bench/counters.ts [part]`: measures the rate limit counters in memory: bytes per counter, nanoseconds to count a
// request, the cost of the journal that survives a restart, and the longest pause while ten million identifiers send
// one request each, with the default memory limit. Each part runs in its own process.
import { heapStats } from "bun:jsc";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { counterKey } from "../server/src/counters/counters.ts";
import { journaledCounters } from "../server/src/counters/memory/journal.ts";
import { memoryCounters } from "../server/src/counters/memory/memory.ts";
import type { Window } from "../server/src/domain/windows.ts";

const GIB = 1024 ** 3;
const START_MS = 1_750_000_000_000;

const parts: Record<string, () => Promise<void>> = {
  "bytes of 1 entry": () => bytesPerCounter(1_000_000, 1),
  "bytes of 3 entries": () => bytesPerCounter(1_000_000, 3),
  "bytes of 61 entries": () => bytesPerCounter(100_000, 61),
  speed,
  journal,
  "ten million, all live": () => tenMillion(0.001),
  "ten million, most expired": () => tenMillion(0.05),
};

const [, , part] = process.argv;
const run = parts[part ?? ""];
if (run !== undefined) await run();
else if (part !== undefined) {
  console.error(
    `${part} is not a part of this benchmark. Name one of ${Object.keys(parts).join(", ")}, or none for all.`,
  );
  process.exit(2);
} else {
  for (const name of Object.keys(parts)) {
    Bun.spawnSync([process.execPath, import.meta.path, name], { stdout: "inherit", stderr: "inherit" });
  }
}

/** A window of one minute. The key under which its counter is stored has 40 characters, as in production. */
function windowOf(number: number): Window {
  const subject = `xxxxxxx${1e8 + number}`;
  return {
    space: "namespace",
    workspaceId: "ws_1",
    subject,
    name: "",
    durationMs: 60_000,
    limit: 1000,
    cost: 1,
  };
}

/** Resident memory, read after the allocator has had time to return freed memory to the operating system. */
async function settledRss(): Promise<number> {
  for (let i = 0; i < 5; i += 1) {
    Bun.gc(true);
    await Bun.sleep(400);
  }
  return process.memoryUsage().rss;
}

async function bytesPerCounter(count: number, entries: number): Promise<void> {
  let nowMs = START_MS;
  const counters = memoryCounters({ nowMs: () => nowMs, maxBytes: 4 * GIB });
  const rssBefore = await settledRss();
  const heapBefore = heapStats().heapSize;
  const accountedBefore = counters.bytes();
  for (let entry = 0; entry < entries; entry += 1) {
    for (let i = 0; i < count; i += 1) {
      counters.hit([windowOf(i)]);
      if (i % 1000 === 0) await setImmediate();
    }
    nowMs += 1001;
  }
  const rss = (await settledRss()) - rssBefore;
  const heap = heapStats().heapSize - heapBefore;
  const accounted = counters.bytes() - accountedBefore;
  console.log(
    `${count} counters, ${entries} entries, key of ${counterKey(windowOf(0)).length}: bytes per counter:`,
    `accounted ${(accounted / count).toFixed(1)}, heap ${(heap / count).toFixed(1)}, rss ${(rss / count).toFixed(1)}`,
  );
}

async function speed(): Promise<void> {
  for (const count of [1, 1000, 1_000_000]) {
    let nowMs = START_MS;
    const counters = memoryCounters({ nowMs: () => nowMs, maxBytes: GIB });
    const cases: [string, Partial<Window>][] = [
      ["warming up", { limit: 2 ** 50 }],
      ["granted", { limit: 2 ** 50 }],
      ["refused", { limit: 1 }],
      ["checked without cost", { limit: 2 ** 50, cost: 0 }],
    ];
    for (const [name, change] of cases) {
      const hits = 3_000_000;
      const windows = Array.from({ length: 4096 }, (_, i) => ({
        ...windowOf(0),
        ...change,
        subject: String(i),
      }));
      const cpuBefore = process.cpuUsage();
      for (let i = 0; i < hits; i += 1) {
        const window = windows[i % windows.length] as Window;
        window.subject = `xxxxxxx${1e8 + ((i * 7919) % count)}`;
        counters.hit([window]);
        if (i % 1000 === 0) nowMs += 1;
      }
      const ns = (cpuMs(cpuBefore) * 1e6) / hits;
      console.log(`${count} counters, ${name}: ${ns.toFixed(0)} ns of processor time per hit`);
    }
  }
}

/**
 * Measures the journal when many counters change within a second: processor time, the longest stall, and the time to
 * restore the counters.
 */
async function journal(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "latchkey-bench-"));
  const options = {
    path: join(folder, "counters"),
    nowMs: Date.now,
    maxBytes: GIB,
    onProblem: (sentence: string) => console.log(sentence),
  };
  const count = 300_000;
  const counters = await journaledCounters(options);
  for (let i = 0; i < count; i += 1) counters.hit([{ ...windowOf(i), durationMs: 3_600_000 }]);
  let longestMs = 0;
  let lastMs = performance.now();
  const timer = setInterval(() => {
    longestMs = Math.max(longestMs, performance.now() - lastMs);
    lastMs = performance.now();
  }, 0);
  const cpuBefore = process.cpuUsage();
  await counters.tick();
  const spentMs = cpuMs(cpuBefore);
  clearInterval(timer);
  await counters.close();
  const startMs = performance.now();
  const again = await journaledCounters(options);
  const perMs = ((performance.now() - startMs) * 1000) / count;
  console.log(
    `journal: ${((spentMs * 1000) / count).toFixed(2)} µs for a changed counter, longest stall ${longestMs.toFixed(1)} ms,`,
    `${(statSync(options.path).size / count).toFixed(0)} bytes each, ${perMs.toFixed(2)} µs to restore one (${again.size()})`,
  );
  await again.close();
  rmSync(folder, { recursive: true });
}

/**
 * Processor time of all threads of this process since `before`. Unlike elapsed time, it does not depend on other
 * processes.
 */
function cpuMs(before: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

/** Counts one request for each of ten million identifiers. The clock advances by `msPerHit` with each request. */
async function tenMillion(msPerHit: number): Promise<void> {
  let nowMs = START_MS;
  const evicted = { live: 0, expired: 0 };
  const onEvict = (count: number, live: boolean): void => {
    evicted[live ? "live" : "expired"] += count;
  };
  const counters = memoryCounters({ nowMs: () => Math.floor(nowMs), maxBytes: GIB, onEvict });
  const rssBefore = await settledRss();
  const slow: number[] = [];
  let longestCpuMs = 0;
  let spentMs = 0;
  let peak = 0;
  for (let i = 0; i < 10_000_000; i += 1) {
    const window = windowOf(i);
    const cpuBefore = process.cpuUsage();
    const startMs = performance.now();
    counters.hit([window]);
    const took = performance.now() - startMs;
    spentMs += took;
    if (took > 1) slow.push(took);
    if (took > 1) longestCpuMs = Math.max(longestCpuMs, cpuMs(cpuBefore));
    nowMs += msPerHit;
    if (i % 1000 === 0) await setImmediate();
    if (i % 100_000 === 0) peak = Math.max(peak, process.memoryUsage().rss);
  }
  const gib = (bytes: number): string => `${(bytes / GIB).toFixed(3)} GiB`;
  const worst = slow
    .sort((a, b) => b - a)
    .slice(0, 5)
    .map((ms) => ms.toFixed(1));
  console.log(
    `10,000,000 identifiers, ${(1 / msPerHit).toFixed(0)} per ms: ${(spentMs / 10).toFixed(0)} ns each,`,
    `${slow.length} calls above 1 ms (${worst.join(", ")}; longest by processor time ${longestCpuMs.toFixed(1)} ms); ${counters.size()} counters left,`,
    `accounted ${gib(counters.bytes())}, rss at most ${gib(peak - rssBefore)}, settled ${gib((await settledRss()) - rssBefore)};`,
    `evicted: ${evicted.live} live, ${evicted.expired} expired`,
  );
}
