/** The cookie that holds a session's secret, which scripts cannot read. */
export type SessionCookie = {
  read(headers: Headers): string | undefined;
  /** the value of a Set-Cookie header */
  set(secret: string): string;
  clear(): string;
};

/**
 * Over HTTPS no other host and no plain HTTP can set or read it. Plain HTTP has no such protection, and cookies ignore
 * ports, so there the name contains the port.
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
