import { pathOf } from "./exchange.ts";

/**
 * Listens on `address`, which is `<host>:<port>`, and serves what `render` returns at `/metrics`. All other paths are
 * 404. If `address` is undefined, listens nowhere.
 * Errors: what the runtime throws if it cannot listen on the address.
 */
export function serveMetrics(
  address: string | undefined,
  idleSeconds: number,
  render: () => string,
): { stop(): Promise<void> } {
  if (address === undefined) return { stop: async () => undefined };
  const { hostname, port } = new URL(`http://${address}`);
  return Bun.serve({
    hostname,
    port: port === "" ? 80 : Number(port),
    development: false,
    reusePort: false,
    idleTimeout: idleSeconds, // by default longer than a minute, a common interval between two scrapes
    fetch: (request) =>
      pathOf(request) === "/metrics"
        ? new Response(render(), { headers: { "Content-Type": "text/plain; version=0.0.4; charset=utf-8" } })
        : new Response("Metrics are at /metrics.\n", { status: 404 }),
  });
}
