import { connect, type Socket } from "node:net";

/** The members that an answer of this server may have. */
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

/** One HTTP answer, as it came over the wire. */
export type RawReply = {
  status: number;
  /** names in lower case; a name that came twice has both values */
  headers: Record<string, string[]>;
  text: string;
  /** undefined where the body is not JSON */
  body: Envelope | undefined;
};

/** A TCP connection on which a test writes what no HTTP client would. */
export type RawConnection = {
  send(data: string | Uint8Array): void;
  /**
   * The next answer; undefined where the connection was closed before a whole one had come. The answer to a HEAD
   * ends with its head.
   */
  reply(to?: "HEAD"): Promise<RawReply | undefined>;
  /** Resolves when the server has closed the connection, to the milliseconds since it was opened. */
  closed: Promise<number>;
  /** everything that came and no `reply` has taken */
  unread(): string;
  /** Ends this side only: the server reads an end of file and may still answer. */
  end(): void;
  /** Stops reading, as a client that does not take its answer. */
  pause(): void;
  resume(): void;
  /** Goes away at once, with a reset where the system has one. */
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

/** Sends `data` on a connection of its own; answers the first reply to it. */
export async function exchangeRaw(url: string, data: string | Uint8Array): Promise<RawReply | undefined> {
  const connection = await openRaw(url);
  try {
    connection.send(data);
    return await connection.reply();
  } finally {
    connection.destroy();
  }
}

/** Sends `data` on a connection of its own and answers what came back, once the server has closed it. */
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
  socket.on("error", () => undefined); // a reset is an end
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

/** A whole answer at the start of `bytes`, and how long it is. Bodies come with a length, or not at all. */
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
