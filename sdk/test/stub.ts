import { createServer, type Socket } from "node:net";

/** A request that the stub received; header names are in lower case. */
export type Seen = { path: string; headers: Record<string, string>; body: string };

/**
 * What the stub does with a request: it responds, closes the connection without a response ("close"), or never responds
 * ("silence"). `cutAt`: after how many characters of the body it closes the connection. `thenClose`: whether it closes
 * the connection after the response, without the header `Connection: close`.
 */
export type Reaction =
  | {
      status?: number;
      headers?: Record<string, string>;
      body?: unknown;
      cutAt?: number;
      thenClose?: boolean;
    }
  | "close"
  | "silence";

export type Stub = {
  url: string;
  seen: Seen[];
  /** how many connections were opened */
  readonly connections: number;
  /** resolves when no connection is open */
  quiet(): Promise<void>;
  stop(): Promise<void>;
};

/**
 * Starts a stub server: it listens on a real socket, and reacts to each request as the test says. A `body` that is a
 * string is sent unchanged, any other value as JSON.
 */
export async function startStub(
  react: (request: Seen, index: number) => Reaction | Promise<Reaction>,
): Promise<Stub> {
  const seen: Seen[] = [];
  const sockets = new Set<Socket>();
  let connections = 0;
  const server = createServer((socket) => {
    sockets.add(socket);
    connections += 1;
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => {}); // the client may close the connection at any time
    let received: Buffer = Buffer.alloc(0);
    socket.on("data", (chunk) => {
      received = Buffer.concat([received, Buffer.from(chunk)]);
      for (let taken = takeRequest(received); taken !== undefined; taken = takeRequest(received)) {
        received = taken.rest;
        const { request } = taken;
        seen.push(request);
        void Promise.resolve(react(request, seen.length - 1)).then((reaction) => respond(socket, reaction));
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the stub has no port");
  return {
    url: `http://127.0.0.1:${address.port}`,
    seen,
    get connections() {
      return connections;
    },
    async quiet() {
      while (sockets.size > 0) await Promise.race([...sockets].map(closed));
    },
    async stop() {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => void server.close(() => resolve()));
    },
  };
}

function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => void socket.once("close", () => resolve()));
}

function takeRequest(bytes: Buffer): { request: Seen; rest: Buffer } | undefined {
  const end = bytes.indexOf("\r\n\r\n");
  if (end === -1) return undefined;
  const [first = "", ...lines] = bytes.subarray(0, end).toString().split("\r\n");
  const headers = Object.fromEntries(
    lines.map((line) => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
    }),
  );
  const from = end + 4;
  const to = from + Number(headers["content-length"] ?? 0);
  if (bytes.length < to) return undefined;
  const request = { path: first.split(" ")[1] ?? "", headers, body: bytes.subarray(from, to).toString() };
  return { request, rest: bytes.subarray(to) };
}

function respond(socket: Socket, reaction: Reaction): void {
  if (reaction === "silence") return;
  if (reaction === "close") return void socket.destroy();
  const { status = 200, headers = {}, body = "", cutAt, thenClose } = reaction;
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const head = Object.entries({
    "content-type": "application/json",
    "content-length": String(Buffer.byteLength(text)),
    ...headers,
  }).map(([name, value]) => `${name}: ${value}`);
  socket.write(`HTTP/1.1 ${status} Stub\r\n${head.join("\r\n")}\r\n\r\n${text.slice(0, cutAt)}`);
  if (thenClose === true) socket.end();
  // The end goes in a packet of its own, because a runtime may drop a body that arrives together with the end of the
  // connection.
  if (cutAt !== undefined) setTimeout(() => socket.end(), 20);
}

/** A successful response, in the form that the server sends. */
export function success(data: unknown, more: object = {}): Reaction {
  return { body: { meta: { requestId: "req_stub" }, data, ...more } };
}

/** An error response, in the form that the server sends. `type` is the path of the error's type, after `/errors/`. */
export function refusal(
  status: number,
  type: string,
  more: { headers?: Record<string, string>; errors?: unknown } = {},
): Reaction {
  const error = {
    title: "Refused",
    detail: "The stub refuses this.",
    status,
    type: `http://stub/errors/${type}`,
  };
  return {
    status,
    headers: more.headers ?? {},
    body: {
      meta: { requestId: "req_stub" },
      error: more.errors === undefined ? error : { ...error, errors: more.errors },
    },
  };
}
