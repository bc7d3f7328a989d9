import { isatty } from "node:tty";

/** A signal that stops the server: SIGINT at once, SIGTERM once load balancers have had time to choose other nodes. */
export type StopSignal = "SIGINT" | "SIGTERM";

const sameSignalWithinMs = 1_000;
const checkEveryMs = 250;

/**
 * Listens for the signals that stop this process. Call this function when the program starts: without a listener, a
 * signal ends the process at once. `first` resolves with the first signal. `second` resolves when another signal comes:
 * the user does not want to wait for the server to finish.
 * - One Ctrl-C can arrive several times: the terminal sends it to every process, and npm and the launcher forward it.
 * So the same signal within a second counts once.
 * - The launcher is `bin/latchkey.mjs`, which started this process; its id is `launcherPid`. If the launcher ends, or
 * the terminal of this process closes, that counts as SIGTERM.
 * - A process without a terminal ignores SIGHUP, so that it keeps running under nohup.
 * - Windows has no SIGTERM. There, the launcher sends the names of signals through an IPC channel. If the channel
 * closes, the launcher has ended.
 */
export function stopSignals(
  launcherPid: number | undefined,
  monotonicMs: () => number,
): {
  first: Promise<StopSignal>;
  second: Promise<void>;
} {
  const first = Promise.withResolvers<StopSignal>();
  const second = Promise.withResolvers<void>();
  let stoppedBy: StopSignal | undefined;
  let stoppedAtMs = 0;
  const stop = (signal: StopSignal) => {
    const isSame = signal === stoppedBy && monotonicMs() - stoppedAtMs < sameSignalWithinMs;
    if (isSame) return;
    if (stoppedBy !== undefined) return second.resolve();
    stoppedBy = signal;
    stoppedAtMs = monotonicMs();
    first.resolve(signal);
  };
  const end = () => {
    if (stoppedBy === undefined) stop("SIGTERM");
  };
  process.on("SIGINT", stop);
  process.on("SIGTERM", stop);
  process.on("SIGHUP", [0, 1, 2].some(isatty) ? end : () => undefined);
  if (process.connected) {
    process.on("message", (message) => {
      if (message === "SIGINT" || message === "SIGTERM") stop(message);
    });
    process.on("disconnect", end);
  } else if (launcherPid !== undefined) followLauncher(launcherPid, end);
  return { first: first.promise, second: second.promise };
}

/** Calls `ended` when the launcher has ended. The system then gives this process another parent. */
function followLauncher(launcherPid: number, ended: () => void): void {
  const timer = setInterval(() => {
    if (process.ppid === launcherPid) return;
    clearInterval(timer);
    ended();
  }, checkEveryMs);
  timer.unref();
}
