import { z } from "zod";
import { httpAddress, secret, secretFile, whole } from "./forms.ts";

/** What a move from another server needs. */
export const moving = {
  IMPORTED_HMAC_SECRET: secret("IMPORTED_HMAC_SECRET").describe(
    "The secret of the HMACs that keys were imported with, as the other system used it: text, or bytes as hex:… or base64:….",
  ),
  IMPORTED_HMAC_SECRET_FILE: secretFile("IMPORTED_HMAC_SECRET"),
  UPSTREAM_VERIFY_MODE: z
    .enum(["off", "fallback", "shadow"])
    .default("off")
    .describe(
      "For a move from another server. shadow: the other server decides; this server verifies each key too, compares the verdicts, and stores the key's hash. fallback: this server decides, and asks the other server about keys whose hash it does not have yet.",
    ),
  UPSTREAM_VERIFY_URL: httpAddress.optional().describe("The other server, such as https://api.unkey.com."),
  UPSTREAM_VERIFY_ROOT_KEY: secret("UPSTREAM_VERIFY_ROOT_KEY").describe(
    "A root key of the other server that may verify keys, and read everything that you import.",
  ),
  UPSTREAM_VERIFY_ROOT_KEY_FILE: secretFile("UPSTREAM_VERIFY_ROOT_KEY"),
  UPSTREAM_VERIFY_WORKSPACE: z
    .string()
    .min(1)
    .optional()
    .describe("The id of the workspace whose keys come from the other server. Default: the only workspace."),
  UPSTREAM_VERIFY_TIMEOUT_MS: whole(100, 10_000)
    .default(2000)
    .describe("How long a verification waits for the other server, in milliseconds."),
  UPSTREAM_VERIFY_CALLS_PER_SECOND: whole(1, 10_000)
    .default(100)
    .describe(
      "In fallback mode, the maximum number of unknown keys per second that this process asks the other server about. Verifications of further unknown keys get a 503.",
    ),
};
