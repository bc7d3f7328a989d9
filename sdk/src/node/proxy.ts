import { Agent, type AgentOptions, type RequestOptions, request as requestHttp } from "node:http";
import { request as requestHttps, Agent as TlsAgent } from "node:https";
import type { Socket } from "node:net";
import { connect as connectTls } from "node:tls";

/** Where and how the requests to one origin are sent: directly or through a proxy. */
export type Target = {
  request: typeof requestHttp;
  agent: Agent;
  options(url: URL): Pick<RequestOptions, "hostname" | "port" | "path">;
  /** Sent in addition to the headers of the call. */
  headers: Record<string, string>;
};

type Environment = Record<string, string | undefined>;

const loopback = /^(localhost|.+\.localhost|127(\.\d+){3}|\[::1\])$/;

/** The proxy that HTTP_PROXY, HTTPS_PROXY and NO_PROXY name for this URL; undefined for every loopback address. */
export function proxyFor(url: URL, environment: Environment): URL | undefined {
  const read = (name: string) => environment[name.toLowerCase()] || environment[name];
  const proxy = read(url.protocol === "https:" ? "HTTPS_PROXY" : "HTTP_PROXY");
  if (proxy === undefined || loopback.test(url.hostname)) return undefined;
  const exceptions = (read("NO_PROXY") ?? "").split(/[\s,]+/).filter((entry) => entry !== "");
  if (exceptions.some((entry) => excepts(entry.toLowerCase(), url))) return undefined;
  return new URL(proxy.includes("://") ? proxy : `http://${proxy}`);
}

/**
 * Whether an entry of NO_PROXY matches the URL. An entry is `*`, or a host or domain, which includes its subdomains. It
 * may begin with a dot and end with a port.
 */
function excepts(entry: string, { hostname, port, protocol }: URL): boolean {
  if (entry === "*") return true;
  const [, domain = "", ownPort] = /^\*?\.?(.+?)(?::(\d+))?$/.exec(entry) ?? [];
  if (ownPort !== undefined && ownPort !== (port || (protocol === "https:" ? "443" : "80"))) return false;
  return hostname === domain || hostname.endsWith(`.${domain}`);
}

/** For plain http, the client sends the proxy a request whose path is the whole URL. */
export function throughProxy({ host }: URL, proxy: URL, settings: AgentOptions): Target {
  const isTls = proxy.protocol === "https:";
  return {
    request: isTls ? requestHttps : requestHttp,
    agent: isTls ? new TlsAgent(settings) : new Agent(settings),
    options: (url) => ({ hostname: proxy.hostname, port: proxy.port, path: url.href }),
    headers: { host, ...credentials(proxy) },
  };
}

/** For https, each connection of this agent is a tunnel through the proxy, opened with CONNECT. */
export function tunnelAgent(proxy: URL, settings: AgentOptions): TlsAgent {
  const agent = new TlsAgent(settings);
  agent.createConnection = (options, callback) => {
    const host = `${options.host}:${options.port ?? 443}`;
    const request = (proxy.protocol === "https:" ? requestHttps : requestHttp)({
      method: "CONNECT",
      hostname: proxy.hostname,
      port: proxy.port,
      path: host,
      headers: { host, ...credentials(proxy) },
      agent: false,
    });
    const fail = (error: Error) => callback?.(error, undefined as never);
    request.on("error", fail);
    request.on("connect", ({ statusCode }, socket: Socket) => {
      if (statusCode === 200) {
        callback?.(null, connectTls({ ...options, socket } as never));
        return;
      }
      socket.destroy();
      fail(new Error(`the proxy ${proxy.host} refused the tunnel with status ${statusCode}`));
    });
    request.end();
    return undefined;
  };
  return agent;
}

function credentials({ username, password }: URL): Record<string, string> {
  if (username === "") return {};
  const text = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { "proxy-authorization": `Basic ${Buffer.from(text).toString("base64")}` };
}
