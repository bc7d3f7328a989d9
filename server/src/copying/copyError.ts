import type { Marker } from "./marker.ts";

/** The error of a copy that cannot start or has failed. The message tells the operator why and what to do. */
export class CopyError extends Error {}

/** `what` says which copy: `from this database` or `to this target`. */
export function stillRunning(what: string, { leaseUntilMs, nowMs }: Marker): CopyError {
  const seconds = Math.max(1, Math.ceil((leaseUntilMs - nowMs) / 1_000));
  return new CopyError(
    `Another copy ${what} is running. Wait until it has ended. If it was killed, try again in ${seconds} seconds.`,
  );
}

export function leaseLost(): CopyError {
  return new CopyError(
    "The copy has failed, because the source accepts writes again: the copy has paused for more than 30 seconds, or latchkey copy --resume-source was run. Run the copy again: it starts from the beginning.",
  );
}
