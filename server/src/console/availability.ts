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

/** Whether this server has a console at all. `auto` needs a server that only this machine can reach. */
export function hasConsole({ mode, host, publicUrl, trustedProxies }: ConsoleSettings): boolean {
  if (mode !== "auto") return mode === "on";
  return isLoopback(host) && publicUrl === undefined && trustedProxies === "";
}

/**
 * Whether this request may see the console. In `auto`, a local reverse proxy must not expose it, so the request must
 * come straight from this machine. The check of the Host header also stops DNS rebinding.
 */
export function isOffered({ mode }: ConsoleSettings, headers: Headers): boolean {
  if (mode === "on") return true;
  if (!isLoopback(headers.get("host") ?? "") || isForwarded(headers)) return false;
  const origin = headers.get("origin");
  return origin === null || isLoopback(origin.replace(/^http:\/\//, ""));
}

/** Whether a secret may travel to this server: encrypted, or without leaving this machine. */
export function isSafeTransport({ publicUrl, allowHttp }: ConsoleSettings, headers: Headers): boolean {
  return isHttps(publicUrl) || allowHttp || isLoopback(headers.get("host") ?? "");
}

export function isHttps(publicUrl: string | undefined): boolean {
  return publicUrl?.toLowerCase().startsWith("https:") === true;
}
