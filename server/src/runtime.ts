import { randomBytes as secureBytes } from "node:crypto";

/** Returns the SHA-256 of a key in base64url without padding. Secrets are stored and looked up only in this form. */
export function hashKey(key: string): string {
  return Bun.SHA256.hash(key, "base64url"); // 60 % of the time of node:crypto's hash
}

/** Returns cryptographically secure random bytes from the operating system. */
export function randomBytes(count: number): Uint8Array {
  return secureBytes(count);
}

const startedAtMs = performance.timeOrigin;

/**
 * Returns a time that never goes back, in whole milliseconds since the epoch: what the wall clock said when this
 * process started, plus the time that has passed since then.
 */
export function monotonicMs(): number {
  return Math.floor(startedAtMs + performance.now());
}
