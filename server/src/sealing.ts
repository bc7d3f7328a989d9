import { createCipheriv, createDecipheriv, createHmac, randomBytes } from "node:crypto";
import type { Recovery } from "./services.ts";

const algorithm = "aes-256-gcm";
const nonceBytes = 12;
const tagBytes = 16;

/**
 * Returns functions that encrypt (seal) and decrypt (open) with this recovery key: 32 bytes in base64 or base64url.
 */
export function recoveryWith(recoveryKey: string): Recovery {
  const key = Buffer.from(recoveryKey, "base64");
  if (key.byteLength !== 32) throw new Error("A recovery key must be 32 bytes in base64.");
  return {
    seal: (text) => seal(key, text),
    open(sealed) {
      try {
        return open(key, sealed);
      } catch {
        return undefined;
      }
    },
  };
}

/** Returns 16 hex digits that tell whether two recovery keys are the same, and reveal nothing about them. */
export function recoveryKeyFingerprint(recoveryKey: string): string {
  const key = Buffer.from(recoveryKey, "base64");
  return createHmac("sha256", key).update("latchkey recovery key").digest("hex").slice(0, 16);
}

/** Encrypts a text with AES-256-GCM and a random nonce. Returns nonce, tag and ciphertext in base64url. */
export function seal(key: Buffer, text: string): string {
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv(algorithm, key, nonce);
  const sealed = Buffer.concat([cipher.update(text, "utf8"), cipher.final()]);
  return Buffer.concat([nonce, cipher.getAuthTag(), sealed]).toString("base64url");
}

/** Decrypts what `seal` has returned. Throws if that was sealed with another key, or is damaged. */
export function open(key: Buffer, sealed: string): string {
  const bytes = Buffer.from(sealed, "base64url");
  const decipher = createDecipheriv(algorithm, key, bytes.subarray(0, nonceBytes));
  decipher.setAuthTag(bytes.subarray(nonceBytes, nonceBytes + tagBytes));
  const text = Buffer.concat([decipher.update(bytes.subarray(nonceBytes + tagBytes)), decipher.final()]);
  return text.toString("utf8");
}
