/** The HTTP request of one attempt. Its method is always POST. */
export type Sent = { url: string; headers: Record<string, string>; body: string; signal: AbortSignal };

/** The HTTP response. `isWhole` is false if the connection broke before the end of the body. */
export type Received = { status: number; headers: Headers; text: string; isWhole: boolean };

/** Sends a request and reads its response. Rejects if no response arrives. Does not follow redirects. */
export type Transport = (sent: Sent) => Promise<Received>;

/** The part of `fetch` that the client needs. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

export function fetchTransport(fetch: Fetch): Transport {
  return async ({ url, ...init }) => {
    // following a redirect would send the root key to another server
    const response = await fetch(url, { method: "POST", redirect: "manual", ...init });
    const { status, headers } = response;
    return { status, headers, ...(await read(response)) };
  };
}

async function read(response: Response): Promise<{ text: string; isWhole: boolean }> {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  const reader = response.body?.getReader();
  if (reader === undefined) return { text: await response.text(), isWhole: true };
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return { text: await decoded(parts), isWhole: true };
      parts.push(value);
    }
  } catch {
    return { text: await decoded(parts), isWhole: false };
  }
}

/**
 * Decodes a body from the parts in which it arrived. Most bodies arrive in one part, which needs no Blob: Blobs are
 * slow.
 */
function decoded(parts: Uint8Array<ArrayBuffer>[]): string | Promise<string> {
  return parts.length === 1 ? new TextDecoder().decode(parts[0]) : new Blob(parts).text();
}
