import type { Marker } from "./marker.ts";

/** A copy cannot begin, or has failed. The message has sentences for the operator. */
export class CopyError extends Error {}

export function stillRunning(what: string, { leaseUntilMs, nowMs }: Marker): CopyError {
  const seconds = Math.max(1, Math.ceil((leaseUntilMs - nowMs) / 1_000));
  return new CopyError(`Another copy ${what} is running. If it was killed, try again in ${seconds} seconds.`);
}

export function leaseLost(): CopyError {
  return new CopyError(
    "The copy has paused for so long that the source accepts writes again. Run it once more: it starts anew.",
  );
}
