/** The cores that are kept apart, so that a server has one for itself and the generator another. */
export const cores = { server: 0, generator: 1 } as const;

/** Keeps a process's first thread on one core, where `taskset` is there to do it; its other threads go anywhere. */
export function keepOn(core: number, pid: number): void {
  if (Bun.which("taskset") === null) return;
  Bun.spawnSync(["taskset", "--cpu-list", "--pid", String(core), String(pid)], { stdout: "ignore" });
}
