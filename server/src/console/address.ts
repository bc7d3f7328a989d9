/** What a request says about the address that the browser shows. */

const loopbackHost = /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d{1,5})?$/i;

/** Headers that a reverse proxy adds. */
const forwarding =
  /^(forwarded|via|x-forwarded(-.*)?|x-real-ip|x-client-ip|x-cluster-client-ip|x-original-.*|true-client-ip|cf-.*|fly-.*|x-envoy-.*)$/i;

/** Whether this is a Host header, or a host to listen on, that only this machine reaches. */
export function isLoopback(host: string): boolean {
  return loopbackHost.test(host) || host === "::1";
}

export function isForwarded(headers: Headers): boolean {
  return [...headers.keys()].some((name) => forwarding.test(name));
}

/** The origin of the page that may call us: that of `publicUrl`, or of the address in the request's Host header. */
function ownOrigin(headers: Headers, publicUrl: string | undefined): string | undefined {
  const url = publicUrl ?? `http://${headers.get("host") ?? ""}`;
  return URL.canParse(url) ? new URL(url).origin : undefined;
}

/**
 * Whether a page of ours sent the request. Browsers say so in Sec-Fetch-Site; older ones, and those on plain HTTP, only
 * send the Origin, which must be ours including the port, since cookies and SameSite ignore ports.
 */
export function isSameOrigin(headers: Headers, publicUrl: string | undefined): boolean {
  const site = headers.get("sec-fetch-site");
  if (site !== null) return site === "same-origin";
  const origin = headers.get("origin");
  return origin !== null && origin === ownOrigin(headers, publicUrl);
}
