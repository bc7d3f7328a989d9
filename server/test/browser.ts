import type { Reply, TestServer } from "./harness.ts";
import { readReply } from "./reply.ts";

/** What the console's page in a browser can do: it sends its cookie, and what browsers say about where a request is from. */
export type Browser = {
  /** as in a Cookie header; empty without a session */
  cookie: string;
  /** Sends `POST /console/api/<operation>`. */
  call(operation: string, body: unknown, headers?: Record<string, string>): Promise<Reply>;
  /** Sends a request to `/console/session`: signs in, or without a body asks for the session. */
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
    const all = new Headers(given.filter(([, value]) => value !== "")); // empty: the browser does not send it
    if (browser.cookie !== "" && !all.has("cookie")) all.set("Cookie", browser.cookie);
    if (body === undefined) return readReply(await fetch(server.url + path, { method, headers: all }));
    if (!all.has("content-type")) all.set("Content-Type", "application/json");
    return readReply(await fetch(server.url + path, { method, headers: all, body: JSON.stringify(body) }));
  }

  return browser;
}
