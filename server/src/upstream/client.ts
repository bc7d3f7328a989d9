import { forwardingHeader } from "../domain/forwardingHeader.ts";

/** Why a call has no usable response. */
export type CallFault = "unreachable" | "timeout" | "too_large" | "invalid";

export type CallReply = { status: number; body: unknown; retryAfter: string | null } | { fault: CallFault };

/** Sends `POST <url>/v2/<operation>`. Never throws. */
export type UpstreamClient = (operation: string, body: object) => Promise<CallReply>;

/** The maximum size of a response, large enough for a page of a list of keys with much metadata. */
const maxResponseBytes = 8 * 1024 * 1024;

/** Creates a client. `withinMs` is how long a call may take, including its response. */
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
        redirect: "error", // following a redirect would send the root key to another server
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

/** Reads the text of a response. Returns `undefined` if it has too many bytes after decompression. */
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

/** Parses JSON. Returns `undefined` if the text is not JSON. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
