import { isCloudflare } from "./runtimeChecks.ts";

/**
 * Returns an IP address in the form that the server accepts, which is without a zone (`%eth0`). Returns undefined for
 * anything else, such as the `unknown` of some proxies, because the server would reject the whole verification.
 */
export function plainAddress(value: unknown): string | undefined {
  if (typeof value !== "string") return undefined;
  const [address = ""] = value.trim().split("%");
  return isIpv4(address) || isIpv6(address) ? address : undefined;
}

function isIpv4(text: string): boolean {
  return /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/.test(text);
}

function isIpv6(text: string): boolean {
  const halves = text.split("::");
  const counts = halves.map((half, index) => groupsIn(half, index === halves.length - 1));
  const count = counts.reduce((sum, one) => sum + one, 0);
  return halves.length === 2 ? count <= 7 : halves.length === 1 && count === 8;
}

/**
 * Counts the 16-bit groups on one side of `::` in an IPv6 address. Returns NaN if a group is invalid. `isEnd`: the
 * address ends with this side, so the side's last two groups may be written as an IPv4 address.
 */
function groupsIn(half: string, isEnd: boolean): number {
  if (half === "") return 0;
  const groups = half.split(":");
  const endsInIpv4 = isEnd && isIpv4(groups.at(-1) ?? "");
  const written = endsInIpv4 ? groups.slice(0, -1) : groups;
  if (!written.every((group) => /^[\da-f]{1,4}$/i.test(group))) return Number.NaN;
  return groups.length + (endsInIpv4 ? 1 : 0);
}

type HonoEnvironment = {
  server?: unknown;
  incoming?: { socket?: { remoteAddress?: unknown } };
  remoteAddr?: { hostname?: unknown };
};
type BunServer = { requestIP?(request: Request): { address: string } | null };

/**
 * Finds the client's address in the same place as Hono's `getConnInfo` on Bun, Node, Deno, Workers and Lambda. On the
 * first three, the result is the address of the connection, which behind a proxy is the address of the proxy.
 * `environment` is `context.env`.
 */
export function addressInHono(environment: unknown, request: Request): unknown {
  if (isCloudflare()) return addressAtCloudflare(request);
  const env = (environment ?? {}) as HonoEnvironment;
  const inner = (env.server ?? env) as HonoEnvironment & BunServer;
  if (typeof inner.requestIP === "function") return inner.requestIP(request)?.address;
  return inner.incoming?.socket?.remoteAddress ?? env.remoteAddr?.hostname ?? addressOfEvent(env as object);
}

/** Reads the client's address from an AWS Lambda event of API Gateway (REST or HTTP) or of a function URL. */
export function addressOfEvent({ requestContext }: { requestContext?: unknown }): unknown {
  const { http, identity } = (requestContext ?? {}) as Record<string, { sourceIp?: unknown } | undefined>;
  return http?.sourceIp ?? identity?.sourceIp;
}

/** Reads the client's address from the header that Cloudflare adds to every request to a Worker. */
export function addressAtCloudflare({ headers }: Request): unknown {
  return headers.get("cf-connecting-ip");
}
