/** The cookie with a session's secret. Scripts in the browser cannot read it. */
export type SessionCookie = {
  read(headers: Headers): string | undefined;
  /** Returns the value of a Set-Cookie header. */
  set(secret: string): string;
  clear(): string;
};

/**
 * Creates the cookie. Over HTTPS, the prefix `__Host-` keeps other hosts and plain HTTP from setting or reading it.
 * Browsers do not accept this prefix over plain HTTP. The name then contains the port, because cookies ignore ports:
 * otherwise two servers on one host would overwrite each other's cookie.
 */
export function sessionCookie(overHttps: boolean, port: number): SessionCookie {
  const name = overHttps ? "__Host-latchkey" : `latchkey_console_${port}`;
  const attributes = overHttps
    ? "Secure; HttpOnly; SameSite=Strict; Path=/"
    : "HttpOnly; SameSite=Strict; Path=/console";
  return {
    read: (headers) => cookieIn(headers.get("cookie") ?? "", name),
    set: (secret) => `${name}=${secret}; ${attributes}`,
    clear: () => `${name}=; ${attributes}; Max-Age=0`,
  };
}

function cookieIn(header: string, name: string): string | undefined {
  for (const pair of header.split(";")) {
    const at = pair.indexOf("=");
    if (at > 0 && pair.slice(0, at).trim() === name) return pair.slice(at + 1).trim();
  }
  return undefined;
}
