import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/**
 * A TCP proxy on a free port of this machine, with which a test disturbs the connections between a client and a server.
 */
export type TcpProxy = {
  port: number;
  /** Stops forwarding, but keeps every connection open, like a server that hangs. */
  pause(): void;
  /** Forwards what was held back, and everything after it. */
  resume(): void;
  /** Closes every connection, and every new one at once, like a server that has stopped. */
  cut(): void;
  /** Accepts connections again after `cut`. */
  mend(): void;
  /** Connects new clients to another server. */
  lead(to: { host: string; port: number }): void;
  /**
   * Calls `listener` with what a client sends. If `listener` returns true, the proxy still forwards what the client
   * sent, but the client gets no response.
   */
  onSent(listener: ((data: Buffer) => boolean) | undefined): void;
  close(): Promise<void>;
};

export async function startProxy(first: { host: string; port: number }): Promise<TcpProxy> {
  let target = first;
  const pairs = new Set<readonly [Socket, Socket]>();
  let paused = false;
  let severed = false;
  let losesResponse: ((data: Buffer) => boolean) | undefined;

  const server = createServer((client) => {
    if (severed) {
      client.destroy();
      return;
    }
    const upstream = connect(target);
    const pair = [client, upstream] as const;
    pairs.add(pair);
    for (const [from, to] of [pair, [upstream, client] as const]) {
      from.on("data", (data: Buffer) => {
        if (from === client && losesResponse?.(data) === true) {
          upstream.removeAllListeners("data");
          to.write(data, () => client.destroy());
        } else to.write(data);
      });
      from.on("error", () => undefined);
      from.on("close", () => {
        pairs.delete(pair);
        to.end();
      });
      if (paused) from.pause();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const all = () => [...pairs].flat();

  return {
    port: (server.address() as AddressInfo).port,
    pause() {
      paused = true;
      for (const socket of all()) socket.pause();
    },
    resume() {
      paused = false;
      for (const socket of all()) socket.resume();
    },
    cut() {
      severed = true;
      for (const socket of all()) socket.destroy();
    },
    mend() {
      severed = false;
    },
    lead(to) {
      target = to;
    },
    onSent(listener) {
      losesResponse = listener;
    },
    async close() {
      for (const socket of all()) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
