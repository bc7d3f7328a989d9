import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { until } from "./until.ts";

/** Finds the processes that have this port in their environment, and what they run. */
export function processesOf(port: string): { pid: number; program: string; command: string }[] {
  return readdirSync("/proc").flatMap((name) => {
    try {
      const program = /^\d+$/.test(name) ? readlinkSync(`/proc/${name}/exe`) : "";
      if (program === "") return [];
      const environment = readFileSync(`/proc/${name}/environ`, "utf8").split("\0");
      if (!environment.includes(`PORT=${port}`)) return [];
      const command = readFileSync(`/proc/${name}/cmdline`, "utf8").replaceAll("\0", " ").trim();
      return [{ pid: Number(name), program, command }];
    } catch {
      return []; // the process has ended meanwhile
    }
  });
}

/** Kills the processes with this port in their environment. */
export async function killProcessesOf(port: string): Promise<void> {
  for (const { pid } of processesOf(port)) killIfAlive(pid, "SIGKILL");
  await until(() => processesOf(port).length === 0);
}

/** Sends a signal to a process, if it still runs. The process may have ended because another process has ended. */
export function killIfAlive(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as { code?: string }).code !== "ESRCH") throw error;
  }
}
