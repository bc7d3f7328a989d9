/** Finds out from a request's headers where it comes from: this machine, a proxy, or a page of the console. */

const loopbackHost = /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d{1,5})?$/i;

/** the names of headers that reverse proxies add */
const forwarding =
  /^(forwarded|via|x-forwarded(-.*)?|x-real-ip|x-client-ip|x-cluster-client-ip|x-original-.*|true-client-ip|cf-.*|fly-.*|x-envoy-.*)$/i;

/** Whether only this machine can reach `host`, which is a Host header or the host that the server listens on. */
export function isLoopback(host: string): boolean {
  return loopbackHost.test(host) || host === "::1";
}

export function isForwarded(headers: Headers): boolean {
  return [...headers.keys()].some((name) => forwarding.test(name));
}

/** Returns the origin of the console's pages: of `publicUrl`, or if that is not set, of the host in the Host header. */
function ownOrigin(headers: Headers, publicUrl: string | undefined): string | undefined {
  const url = publicUrl ?? `http://${headers.get("host") ?? ""}`;
  return URL.canParse(url) ? new URL(url).origin : undefined;
}

/**
 * Whether a page of the console has sent the request. Browsers say so in the Sec-Fetch-Site header. Old browsers, and
 * all browsers over plain HTTP to another machine, send only the Origin header. That origin must be the console's,
 * including the port: cookies and SameSite ignore ports, so they do not keep out pages on other ports of this host.
 */
export function isSameOrigin(headers: Headers, publicUrl: string | undefined): boolean {
  const site = headers.get("sec-fetch-site");
  if (site !== null) return site === "same-origin";
  const origin = headers.get("origin");
  return origin !== null && origin === ownOrigin(headers, publicUrl);
}
