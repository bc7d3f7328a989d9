/** One attempt's request. It is always a POST. */
export type Sent = { url: string; headers: Record<string, string>; body: string; signal: AbortSignal };

/** What arrived. `isWhole` is false if the connection broke within the body. */
export type Received = { status: number; headers: Headers; text: string; isWhole: boolean };

/** Sends a request and reads its response. It rejects if no response arrived, and follows no redirects. */
export type Transport = (sent: Sent) => Promise<Received>;

/** The part of `fetch` that the client needs. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

export function fetchTransport(fetch: Fetch): Transport {
  return async ({ url, ...init }) => {
    // a redirect would hand the root key to another server
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

/** The usual response has one part and needs no Blob. */
function decoded(parts: Uint8Array<ArrayBuffer>[]): string | Promise<string> {
  return parts.length === 1 ? new TextDecoder().decode(parts[0]) : new Blob(parts).text();
}
