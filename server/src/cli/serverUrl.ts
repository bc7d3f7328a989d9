import { CommandError } from "./commandError.ts";

/** The settings that determine the address of the server. */
export type Address = { LATCHKEY_URL?: string | undefined; HOST: string; PORT: number };

/**
 * Returns the address of the server to call: `LATCHKEY_URL` without a slash at its end. If that setting is missing,
 * returns the address of a server on this machine with the same `HOST` and `PORT`. Errors: `CommandError` if `PORT` is
 * 0, because such a server chooses its port itself.
 */
export function serverUrl({ LATCHKEY_URL, HOST, PORT }: Address): string {
  if (LATCHKEY_URL !== undefined) return LATCHKEY_URL.replace(/(?<!\/)\/+$/, "");
  if (PORT === 0) {
    throw new CommandError(
      "PORT is 0, so the server chose a free port, which this command cannot know. Set LATCHKEY_URL to the address that the server printed when it started, or set PORT to a fixed port.",
    );
  }
  return `http://${reachable(HOST)}:${PORT}`;
}

/** Returns the host to connect to on this machine for a server that listens on `host`. */
function reachable(host: string): string {
  if (host === "0.0.0.0") return "127.0.0.1";
  if (host === "::") return "[::1]";
  return host.includes(":") ? `[${host}]` : host;
}
