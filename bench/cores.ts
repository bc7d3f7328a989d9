/** The numbers of the two cores on which the server and the load generator run. */
export const cores = { server: 0, generator: 1 } as const;

/** Pins the first thread of a process to a core, if `taskset` is installed. Its other threads may run on any core. */
export function keepOn(core: number, pid: number): void {
  if (Bun.which("taskset") === null) return;
  Bun.spawnSync(["taskset", "--cpu-list", "--pid", String(core), String(pid)], { stdout: "ignore" });
}
