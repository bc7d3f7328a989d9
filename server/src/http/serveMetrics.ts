/**
 * Serves what `render` answers at `/metrics` of `address`, a `<host>:<port>`, and nothing else.
 * Errors: what the runtime throws where the address cannot be listened on.
 */
export function serveMetrics(address: string | undefined, render: () => string): { stop(): Promise<void> } {
  if (address === undefined) return { stop: async () => undefined };
  const { hostname, port } = new URL(`http://${address}`);
  return Bun.serve({
    hostname,
    port: port === "" ? 80 : Number(port),
    development: false,
    reusePort: false,
    fetch: (request) =>
      new URL(request.url).pathname === "/metrics"
        ? new Response(render(), { headers: { "Content-Type": "text/plain; version=0.0.4; charset=utf-8" } })
        : new Response("metrics are at /metrics\n", { status: 404 }),
  });
}
