import { createServer, type RequestListener, type Server } from "node:http";
import type { GuardOptions } from "../src/guardOptions.ts";
import type { Latchkey, VerifiedKey } from "../src/index.ts";

/** Options of a guard for any framework: no function among them takes a framework's own type of request. */
export type Options = Omit<GuardOptions<unknown>, "key" | "tags" | "onRefused"> & {
  key?: string;
  tags?: string[];
  onRefused?: NonNullable<GuardOptions<unknown>["onRefused"]>;
};
/**
 * `later`: the options of further guards after the first. `permission`: a last guard requires this permission. `work`:
 * what the handler does with the key. `trustsProxy`: whether the framework trusts the `X-Forwarded-For` of a proxy on
 * this host.
 */
export type More = {
  later?: Options[];
  permission?: string;
  work?: (key: VerifiedKey | undefined) => unknown;
  trustsProxy?: boolean;
};
/**
 * A running application with one guarded route, which returns the verified key. `reached` counts the requests
 * that passed.
 */
export type App = { url: string; reached(): number; stop(): Promise<void> };
export type Count = { reached: number };
/**
 * A framework. `ownBodies`: whether the framework sends the body of a refusal with its own Content-Type. `address`:
 * what a guard without the option `clientIp` takes as the client's address. "unknown": nothing. "platform": what the
 * platform's header or event says. "connection": the other end of the connection. "proxies": the other end of the
 * connection or, behind trusted proxies, the client that they report.
 */
export type Frame = {
  name: string;
  ownBodies?: true;
  address: "unknown" | "platform" | "connection" | "proxies";
  serve(latchkey: Latchkey, options: Options, more?: More): Promise<App>;
};

export function listen(handler: RequestListener): Promise<Server> {
  return new Promise((resolve) => {
    const server = createServer(handler).listen(0, "127.0.0.1", () => resolve(server));
  });
}

export function addressOf(server: { address(): unknown }): string {
  const { port } = server.address() as { port: number };
  return `http://127.0.0.1:${port}/guarded`;
}

export async function serveNode(handler: RequestListener, count: Count): Promise<App> {
  const server = await listen(handler);
  return {
    url: addressOf(server),
    reached: () => count.reached,
    async stop() {
      server.close().closeAllConnections();
    },
  };
}

type WebHandler = (request: Request, server: unknown) => Response | Promise<Response>;

export function serveWeb(handler: WebHandler, count: Count): App {
  const server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: handler });
  return {
    url: `http://127.0.0.1:${server.port}/guarded`,
    reached: () => count.reached,
    stop: () => server.stop(true),
  };
}

export function same(one: unknown, other: unknown): void {
  if (one !== other) throw new Error("the two ways to read the key differ");
}

export function lastOf<T>(all: readonly T[]): T {
  const last = all.at(-1);
  if (last === undefined) throw new Error("there is no guard");
  return last;
}
