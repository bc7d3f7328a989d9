import { forwardingHeader } from "../domain/forwarding.ts";

/** Why there is no usable response. */
export type CallFault = "unreachable" | "timeout" | "too_large" | "invalid";

export type CallReply = { status: number; body: unknown; retryAfter: string | null } | { fault: CallFault };

/** Sends `POST <url>/v2/<operation>`. Never throws. */
export type UpstreamClient = (operation: string, body: object) => Promise<CallReply>;

/** A response may hold a page of keys with large metas. */
const maxResponseBytes = 8 * 1024 * 1024;

/** `withinMs`: how long a call may take, its response included. */
export function upstreamClient(options: { url: string; rootKey: string; withinMs: number }): UpstreamClient {
  const { url, rootKey, withinMs } = options;
  const base = url.replace(/\/$/, "");
  const headers = {
    Authorization: `Bearer ${rootKey}`,
    "Content-Type": "application/json",
    [forwardingHeader]: "1",
  };
  return async (operation, body) => {
    const signal = AbortSignal.timeout(withinMs);
    try {
      const response = await fetch(`${base}/v2/${operation}`, {
        method: "POST",
        headers,
        body: JSON.stringify(body),
        redirect: "error", // it would send the root key to another server
        signal,
      });
      const text = await boundedText(response);
      if (text === undefined) return { fault: "too_large" };
      const { status } = response;
      return { status, body: parsed(text), retryAfter: response.headers.get("retry-after") };
    } catch {
      return { fault: signal.aborted ? "timeout" : "unreachable" };
    }
  };
}

/** Undefined if the response is too long. Counts decompressed bytes. */
async function boundedText(response: Response): Promise<string | undefined> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  const reader = response.body?.getReader();
  for (;;) {
    const read = await reader?.read();
    if (read === undefined || read.done) break;
    bytes += read.value.byteLength;
    if (bytes > maxResponseBytes) {
      void reader?.cancel().catch(() => undefined);
      return undefined;
    }
    parts.push(read.value);
  }
  return new TextDecoder().decode(Buffer.concat(parts));
}

/** Undefined if the text is not JSON. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
