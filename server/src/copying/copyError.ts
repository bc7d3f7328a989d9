import type { Marker } from "./marker.ts";

/** A copy cannot start, or has failed. The message tells the operator why and what to do. */
export class CopyError extends Error {}

export function stillRunning(what: string, { leaseUntilMs, nowMs }: Marker): CopyError {
  const seconds = Math.max(1, Math.ceil((leaseUntilMs - nowMs) / 1_000));
  return new CopyError(`Another copy ${what} is running. If it was killed, try again in ${seconds} seconds.`);
}

export function leaseLost(): CopyError {
  return new CopyError(
    "The copy has paused for more than 30 seconds, so the source accepts writes again. Run the copy again: it starts from the beginning.",
  );
}
