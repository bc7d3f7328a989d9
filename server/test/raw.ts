import { connect, type Socket } from "node:net";

/** The members that a response of this server may have. */
export type Envelope = {
  meta?: { requestId: string };
  data?: Record<string, unknown>;
  error?: {
    title: string;
    detail: string;
    status: number;
    type: string;
    errors?: { location: string; message: string; fix?: string }[];
  };
};

/** An HTTP response as it came over the connection. */
export type RawReply = {
  status: number;
  /** the headers, by names in lower case; a name that came twice has both values */
  headers: Record<string, string[]>;
  text: string;
  /** the parsed body; undefined if it is not JSON */
  body: Envelope | undefined;
};

/** A TCP connection, for sending bytes that no HTTP client would send. */
export type RawConnection = {
  send(data: string | Uint8Array): void;
  /**
   * Returns the next response, or `undefined` if the connection was closed before a whole response had arrived. Pass
   * "HEAD" for the response to a HEAD request, which has no body.
   */
  reply(to?: "HEAD"): Promise<RawReply | undefined>;
  /** Resolves when the server closes the connection. The value is how many milliseconds it was open. */
  closed: Promise<number>;
  /** Returns what has arrived and `reply` has not returned. */
  unread(): string;
  /** Closes only the direction to the server, which reads an end of file and may still respond. */
  end(): void;
  /** Stops reading, like a client that does not read its response. */
  pause(): void;
  resume(): void;
  /** Disconnects at once, with a reset if the system supports it. */
  destroy(): void;
};

/** Connects to the server of an `http://host:port` address. */
export async function openRaw(url: string): Promise<RawConnection> {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true, noDelay: true });
  await new Promise<void>((resolve, reject) => {
    socket.once("connect", () => resolve());
    socket.once("error", reject);
  });
  return over(socket);
}

/** Sends `data` on a new connection and returns the first response. */
export async function exchangeRaw(url: string, data: string | Uint8Array): Promise<RawReply | undefined> {
  const connection = await openRaw(url);
  try {
    connection.send(data);
    return await connection.reply();
  } finally {
    connection.destroy();
  }
}

/** Sends `data` on a new connection, waits until the server closes it, and returns everything that it has sent. */
export async function exchangeUntilClosed(url: string, data: string | Uint8Array): Promise<string> {
  const connection = await openRaw(url);
  try {
    connection.send(data);
    await connection.closed;
    return connection.unread();
  } finally {
    connection.destroy();
  }
}

function over(socket: Socket): RawConnection {
  let received: Uint8Array = new Uint8Array();
  let ended = false;
  let wake = () => {};
  const openedAtMs = performance.now();
  const closed = new Promise<number>((resolve) => {
    const end = () => {
      ended = true;
      wake();
      resolve(performance.now() - openedAtMs);
    };
    socket.on("end", end);
    socket.on("close", end);
  });
  socket.on("error", () => undefined); // a reset of the connection counts as its end
  socket.on("data", (chunk) => {
    received = Buffer.concat([received, typeof chunk === "string" ? Buffer.from(chunk) : chunk]);
    wake();
  });

  return {
    send: (data) => void socket.write(data),
    async reply(to) {
      for (;;) {
        const parsed = parseReply(Buffer.from(received), to === "HEAD");
        if (parsed !== undefined) {
          received = received.subarray(parsed.length);
          return parsed.reply;
        }
        if (ended) return undefined;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
    closed,
    unread: () => Buffer.from(received).toString("latin1"),
    end: () => void socket.end(),
    pause: () => void socket.pause(),
    resume: () => void socket.resume(),
    destroy: () => void socket.destroy(),
  };
}

/**
 * Parses a whole response at the start of `bytes`, and returns it with its length in bytes. Every body must have a
 * Content-Length.
 */
function parseReply(bytes: Buffer, headOnly: boolean): { reply: RawReply; length: number } | undefined {
  const headEnd = bytes.indexOf("\r\n\r\n");
  if (headEnd === -1) return undefined;
  const [statusLine = "", ...lines] = bytes.subarray(0, headEnd).toString("latin1").split("\r\n");
  const headers: Record<string, string[]> = {};
  for (const line of lines) {
    const colon = line.indexOf(":");
    const name = line.slice(0, colon).toLowerCase();
    headers[name] = [...(headers[name] ?? []), line.slice(colon + 1).trim()];
  }
  const length = headEnd + 4 + (headOnly ? 0 : Number(headers["content-length"]?.[0] ?? 0));
  if (bytes.length < length) return undefined;
  const text = bytes.subarray(headEnd + 4, length).toString("utf8");
  const isJson = /json/.test(headers["content-type"]?.[0] ?? "");
  const body = isJson && text !== "" ? (JSON.parse(text) as Envelope) : undefined;
  return { reply: { status: Number(statusLine.split(" ")[1]), headers, text, body }, length };
}
