import { createCipheriv, createDecipheriv, hash, hkdfSync, randomBytes } from "node:crypto";
import { Failure } from "../errors.ts";
import type { Idempotency } from "../run.ts";

const visibleAscii = /^[\x21-\x7e]{1,255}$/;
const nonceBytes = 12;
const tagBytes = 16;

/**
 * What the Idempotency-Key header asks for; undefined without one. The stored answer can be opened only with the
 * root key and the Idempotency-Key that were presented, so the database alone does not hold it.
 * Errors: `invalid_input` where the header is not 1 to 255 visible ASCII characters.
 */
export function idempotencyOf(
  header: string | null,
  call: { authorization: string; rootKeyId: string; operation: string; body: Uint8Array },
): Idempotency | undefined {
  if (header === null) return undefined;
  if (!visibleAscii.test(header)) {
    throw new Failure("invalid_input", {
      detail: "The Idempotency-Key header is not 1 to 255 visible ASCII characters.",
      flaws: [
        {
          location: "headers.Idempotency-Key",
          message: "is not 1 to 255 visible ASCII characters",
          fix: "send a random id, such as a UUID",
        },
      ],
    });
  }
  const id = hash("sha256", `${call.rootKeyId}\n${call.operation}\n${header}`, "base64url");
  const key = () =>
    Buffer.from(
      hkdfSync("sha256", call.authorization.replace(/^\S+\s+/, ""), header, "latchkey idempotency", 32),
    );
  return {
    id,
    bodyHash: hash("sha256", call.body, "base64url"),
    seal: (text) => seal(key(), text),
    open: (sealed) => open(key(), sealed),
  };
}

/** AES-256-GCM: nonce, tag and ciphertext in base64url. */
function seal(key: Buffer, text: string): string {
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv("aes-256-gcm", key, nonce);
  const sealed = Buffer.concat([cipher.update(text, "utf8"), cipher.final()]);
  return Buffer.concat([nonce, cipher.getAuthTag(), sealed]).toString("base64url");
}

function open(key: Buffer, sealed: string): string {
  const bytes = Buffer.from(sealed, "base64url");
  const decipher = createDecipheriv("aes-256-gcm", key, bytes.subarray(0, nonceBytes));
  decipher.setAuthTag(bytes.subarray(nonceBytes, nonceBytes + tagBytes));
  const text = Buffer.concat([decipher.update(bytes.subarray(nonceBytes + tagBytes)), decipher.final()]);
  return text.toString("utf8");
}
