import type { Reply, TestServer } from "./harness.ts";
import { readReply } from "./reply.ts";

/**
 * Calls the console as its page in a browser does: with the cookie, and with the headers in which browsers state which
 * site a request comes from.
 */
export type Browser = {
  /** the value of the Cookie header; empty without a session */
  cookie: string;
  /** Sends `POST /console/api/<operation>`. */
  call(operation: string, body: unknown, headers?: Record<string, string>): Promise<Reply>;
  /**
   * Sends a request to `/console/session`: POST with a body signs in, POST without a body asks for the session, DELETE
   * signs out.
   */
  session(method: "POST" | "DELETE", body?: unknown, headers?: Record<string, string>): Promise<Reply>;
  signIn(rootKey: string): Promise<Reply>;
};

export function openBrowser(server: Pick<TestServer, "url">): Browser {
  const browser: Browser = {
    cookie: "",
    call: (operation, body, headers = {}) => send("POST", `/console/api/${operation}`, body, headers),
    async session(method, body, headers = {}) {
      const reply = await send(method, "/console/session", body, headers);
      const set = reply.headers.get("set-cookie");
      if (set !== null) browser.cookie = set.split(";", 1)[0] ?? "";
      return reply;
    },
    signIn: (rootKey) => browser.session("POST", { rootKey }),
  };

  async function send(method: string, path: string, body: unknown, headers: Record<string, string>) {
    const given = Object.entries({ "Sec-Fetch-Site": "same-origin", ...headers });
    // an empty value means that the browser does not send this header
    const all = new Headers(given.filter(([, value]) => value !== ""));
    if (browser.cookie !== "" && !all.has("cookie")) all.set("Cookie", browser.cookie);
    if (body === undefined) return readReply(await fetch(server.url + path, { method, headers: all }));
    if (!all.has("content-type")) all.set("Content-Type", "application/json");
    return readReply(await fetch(server.url + path, { method, headers: all, body: JSON.stringify(body) }));
  }

  return browser;
}
