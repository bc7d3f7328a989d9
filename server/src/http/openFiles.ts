import { closeSync, openSync, readFileSync } from "node:fs";
import { devNull } from "node:os";
import type { Log } from "../log.ts";
import type { Metrics } from "../metrics.ts";

/** The share of the open-file limit above which idle connections are closed. */
const nearShare = 0.9;
const checkEveryMs = 1_000;
/** A shortage that comes back within this time counts as the same shortage, and is not logged again. */
const forgottenAfterMs = 60_000;

type Watching = {
  metrics: Pick<Metrics, "counter">;
  log: Log;
  /** Returns how many connections it has closed. */
  closeIdleConnections(): number;
};

/**
 * Closes idle connections when open files get near the process's limit. Busy connections stay open, so the limit can
 * still be reached. Returns a function that stops the watch.
 */
export function watchOpenFiles({ metrics, log, closeIdleConnections }: Watching): () => void {
  const limit = openFileLimit();
  let shortages = 0;
  let lastNearMs = Number.NEGATIVE_INFINITY;
  metrics.counter(
    "latchkey_open_files_near_limit_seconds_total",
    "Seconds in which idle connections were closed because open files were near their limit.",
    () => shortages,
  );
  if (limit === Number.POSITIVE_INFINITY) return () => undefined;
  const timer = setInterval(() => {
    if (lowestFreeDescriptor() < nearShare * limit) return;
    const closed = closeIdleConnections();
    const isNew = performance.now() - lastNearMs > forgottenAfterMs;
    shortages += 1;
    lastNearMs = performance.now();
    if (isNew) log("warn", "open_files_near_limit", { limit, closedConnections: closed });
  }, checkEveryMs);
  timer.unref();
  return () => clearInterval(timer);
}

/** The process's limit of open files; Infinity if the system does not tell, as on macOS and Windows. */
function openFileLimit(): number {
  try {
    const [, soft] = /^Max open files +(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8")) ?? [];
    return Number(soft ?? Number.POSITIVE_INFINITY);
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

/** The lowest free file descriptor. At least as many files are open. Infinity if no descriptor is free. */
function lowestFreeDescriptor(): number {
  try {
    const descriptor = openSync(devNull, "r");
    closeSync(descriptor);
    return descriptor;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}
