import type { CallOptions } from "./calls.ts";
import { type LatchkeyError, ResponseFormatError } from "./errors.ts";
import { type Envelope, errorOfBody, isErrorResponse, rawResponses } from "./exchange.ts";
import { hiding, secretsIn } from "./secrets.ts";
import { fits, type Shape } from "./shape.ts";

/** Sends one request of the operation `keys.verifyKeys`. */
type SendBatch = (inputs: readonly unknown[], options: CallOptions) => Promise<Envelope>;

/**
 * Verifies several keys in one request. Returns for each input the result that `keys.verifyKey` would return, or the
 * error that `keys.verifyKey` would throw, such as a `ResponseFormatError` if the verdict does not have the `shape`.
 * Errors: those that concern the whole request.
 */
export async function verifyMany(
  send: SendBatch,
  shape: Shape,
  inputs: readonly unknown[],
  options: CallOptions,
): Promise<readonly (Envelope | LatchkeyError)[]> {
  const batch = await send(inputs, options);
  const { headers = new Headers(), status = 200 } = rawResponses.get(batch) ?? {};
  const entries = batch.data as readonly { data?: unknown; error?: unknown }[];
  return inputs.map((input, index) => {
    const own = { meta: batch.meta, ...entries[index] };
    const text = JSON.stringify(own);
    if (fits(own, { data: shape })) {
      rawResponses.set(own, { status, headers, text });
      return own;
    }
    const hide = hiding(secretsIn(input));
    if (isErrorResponse(own)) return errorOfBody("keys.verifyKey", hide(text), headers);
    const message = `keys.verifyKeys returned neither a verdict nor an error for entry ${index}. Check any proxy in front of the server.`;
    return new ResponseFormatError(message, {
      status,
      headers,
      text: hide(text).slice(0, 200),
      cutOff: false,
    });
  });
}
