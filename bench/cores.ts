/** Separate cores for the server and the generator. */
export const cores = { server: 0, generator: 1 } as const;

/** Pins a process's first thread to one core if `taskset` is installed; its other threads may run on any core. */
export function keepOn(core: number, pid: number): void {
  if (Bun.which("taskset") === null) return;
  Bun.spawnSync(["taskset", "--cpu-list", "--pid", String(core), String(pid)], { stdout: "ignore" });
}
