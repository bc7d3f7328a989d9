import { isatty } from "node:tty";

/** SIGINT stops at once; SIGTERM first lets load balancers notice. */
export type StopSignal = "SIGINT" | "SIGTERM";

const sameSignalWithinMs = 1_000;
const lookEveryMs = 250;

/**
 * Listens for the signals that stop this process. Call it at the start, since without a listener a signal ends the
 * process at once. `first` resolves with the first signal. `second` resolves when another one asks not to wait. The same
 * signal again within a second does not count: a terminal and systemd send it to every process, and npm and the launcher
 * forward it. The end of the launcher (`launcherPid`) counts as SIGTERM, and so does a hangup of this process's terminal.
 * Without a terminal a hangup is ignored, as nohup expects. Windows has no SIGTERM, so the launcher sends the names of
 * signals through a channel there, whose end counts as the end of the launcher.
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

/** A process whose parent has ended gets another one. */
function followLauncher(launcherPid: number, ended: () => void): void {
  const timer = setInterval(() => {
    if (process.ppid === launcherPid) return;
    clearInterval(timer);
    ended();
  }, lookEveryMs);
  timer.unref();
}
