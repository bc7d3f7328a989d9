import { isForwarded, isLoopback } from "./address.ts";

export type ConsoleSettings = {
  mode: "auto" | "on" | "off";
  /** the address that the server listens on */
  host: string;
  publicUrl: string | undefined;
  trustedProxies: string;
  /** whether people may sign in over plain HTTP from another machine */
  allowHttp: boolean;
};

/**
 * Whether this server has a console at all. In mode `auto`, it has one only if no other machine can reach the server.
 */
export function hasConsole({ mode, host, publicUrl, trustedProxies }: ConsoleSettings): boolean {
  if (mode !== "auto") return mode === "on";
  return isLoopback(host) && publicUrl === undefined && trustedProxies === "";
}

/**
 * Whether the console is offered to this request, or hidden from it. In mode `auto`, a local reverse proxy
 * must not expose the console, so the request must come directly from this machine. The check of the Host
 * header also stops DNS rebinding.
 */
export function isOffered({ mode }: ConsoleSettings, headers: Headers): boolean {
  if (mode === "on") return true;
  if (!isLoopback(headers.get("host") ?? "") || isForwarded(headers)) return false;
  const origin = headers.get("origin");
  return origin === null || isLoopback(origin.replace(/^http:\/\//, ""));
}

/**
 * Whether a browser may send a secret to this server: over HTTPS, within this machine, or if the operator allows plain
 * HTTP.
 */
export function isSafeTransport({ publicUrl, allowHttp }: ConsoleSettings, headers: Headers): boolean {
  return isHttps(publicUrl) || allowHttp || isLoopback(headers.get("host") ?? "");
}

export function isHttps(publicUrl: string | undefined): boolean {
  return publicUrl?.toLowerCase().startsWith("https:") === true;
}
