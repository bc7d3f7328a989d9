import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { inHundreds, keyMaker } from "./scenarios.ts";
import { callerOf } from "./servers.ts";

/** The memory of the process and the sizes of its files at the end of an hour, in MiB. */
type Hour = { hour: number; memory: number; usage: number; database: number };

const mebibyte = 2 ** 20;
const usageBytes = 16 * mebibyte;
const keyCount = 1_000;
const stepsPerHour = 6;
/** How often each key is verified in each step. */
const verifications = 5;

/** Simulates a day in steps: verifies every key several times, then moves the server's clock forward. */
export async function simulateDay(): Promise<{ hours: Hour[]; verifications: number }> {
  const folder = mkdtempSync(join(tmpdir(), "latchkey-day-"));
  const path = join(folder, "latchkey.db");
  const script = new URL("./day.ts", import.meta.url).pathname;
  const child = spawn(process.execPath, [script, `file:${path}`, String(usageBytes)], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const next = async (): Promise<unknown> => JSON.parse(String((await lines.next()).value));
  try {
    const call = callerOf((await next()) as { url: string; rootKey: string });
    const { make } = await keyMaker(call);
    const keys = await inHundreds(keyCount, () => make());
    const hours = [sizesAt(0, child.pid ?? 0, path)];
    for (let step = 1; step <= 24 * stepsPerHour; step += 1) {
      await inHundreds((keyCount / 100) * verifications, (index) => {
        const from = (index * 100) % keyCount;
        const tags = [`path=/v1/files/${index % 20}`];
        return call(
          "keys.verifyKeys",
          keys.slice(from, from + 100).map((key) => ({ key, tags })),
        );
      });
      child.stdin.write(`${3_600_000 / stepsPerHour}\n`);
      await next();
      await call("analytics.getUsage", {}); // waits until the recorded usage is stored
      if (step % stepsPerHour === 0) hours.push(sizesAt(step / stepsPerHour, child.pid ?? 0, path));
    }
    return { hours, verifications: 24 * stepsPerHour * keyCount * verifications };
  } finally {
    child.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  }
}

function sizesAt(hour: number, pid: number, path: string): Hour {
  const resident = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  const bytes = (name: string) => (existsSync(name) ? statSync(name).size : 0);
  const withLog = (name: string) => (bytes(name) + bytes(`${name}-wal`)) / mebibyte;
  return {
    hour,
    memory: Number(resident) / 1024,
    usage: withLog(`${path}-usage`),
    database: withLog(path) + bytes(`${path}.counters`) / mebibyte,
  };
}
