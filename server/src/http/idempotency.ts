import { hash, hkdfSync } from "node:crypto";
import { Failure } from "../errors/failure.ts";
import type { Idempotency } from "../run.ts";
import { open, seal } from "../sealing.ts";

const visibleAscii = /^[\x21-\x7e]{1,255}$/;

/**
 * What the Idempotency-Key header asks for; undefined without the header. The stored response is encrypted under a key
 * that is derived from the caller's secret (the root key, for example) and the Idempotency-Key. The database contains
 * neither the secret nor the Idempotency-Key, so the database alone cannot reveal the response.
 * Errors: `invalid_input` if the header is not 1 to 255 visible ASCII characters.
 */
export function idempotencyOf(
  header: string | null,
  call: { secret: string; owner: string; operation: string; body: Uint8Array },
): Idempotency | undefined {
  if (header === null) return undefined;
  if (!visibleAscii.test(header)) {
    throw new Failure("invalid_input", {
      detail:
        "The Idempotency-Key header is not 1 to 255 visible ASCII characters. Send a random id, such as a UUID.",
      flaws: [
        {
          location: "headers.Idempotency-Key",
          message: "is not 1 to 255 visible ASCII characters",
          fix: "send a random id, such as a UUID",
        },
      ],
    });
  }
  const id = hash("sha256", `${call.owner}\n${call.operation}\n${header}`, "base64url");
  const key = () => Buffer.from(hkdfSync("sha256", call.secret, header, "latchkey idempotency", 32));
  return {
    id,
    bodyHash: hash("sha256", call.body, "base64url"),
    seal: (text) => seal(key(), text),
    open: (sealed) => open(key(), sealed),
  };
}
