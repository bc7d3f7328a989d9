import { hash, randomBytes as secureBytes } from "node:crypto";

/** SHA-256 of the UTF-8 text, base64url without padding: the only form in which a secret is stored or looked up. */
export function hashKey(key: string): string {
  return hash("sha256", key, "base64url");
}

/** From the operating system's secure source. */
export function randomBytes(count: number): Uint8Array {
  return secureBytes(count);
}

const startedAtMs = performance.timeOrigin;

/** Whole milliseconds since the epoch that never go back: the wall clock at start and the time passed since. */
export function monotonicMs(): number {
  return Math.floor(startedAtMs + performance.now());
}
