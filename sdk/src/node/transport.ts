import { Agent, type IncomingMessage, request as requestHttp } from "node:http";
import { request as requestHttps, Agent as TlsAgent } from "node:https";
import type { Received, Sent, Transport } from "../transport.ts";
import { proxyFor, type Target, throughProxy, tunnelAgent } from "./proxy.ts";

/**
 * The client closes a connection after this idle time. If the server closed the connection first, which it does after
 * 75 s by default, a request that is sent at that moment could get lost.
 */
const idleMs = 4000;

const transports = new Map<number, Transport>();

/** Sends requests with `node:http`. All clients of the process share at most `maxSockets` connections to a server. */
export function nodeTransport(maxSockets = 64): Transport {
  const known = transports.get(maxSockets);
  if (known !== undefined) return known;
  const targets = new Map<string, Target>();
  const transport: Transport = async (sent) => {
    const url = new URL(sent.url);
    const proxy = proxyFor(url, process.env);
    const name = `${url.origin} ${proxy?.href}`;
    const target = targets.get(name) ?? createTarget(url, proxy, maxSockets);
    targets.set(name, target);
    // Waits two turns of the event loop, so that Node notices if the server has closed an idle connection. A request on
    // such a connection would be lost, and sending it again might count it twice.
    if (Object.keys(target.agent.freeSockets).length > 0) await turn().then(turn);
    sent.signal.throwIfAborted();
    return exchange(target, url, sent);
  };
  transports.set(maxSockets, transport);
  return transport;
}

function turn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}

function createTarget(url: URL, proxy: URL | undefined, maxSockets: number): Target {
  const settings = { keepAlive: true, maxSockets, timeout: idleMs };
  if (proxy !== undefined && url.protocol === "http:") return throughProxy(url, proxy, settings);
  const direct = (to: URL) => ({
    hostname: to.hostname.replace(/^\[|\]$/g, ""),
    port: to.port,
    path: to.pathname,
  });
  if (url.protocol === "http:")
    return { request: requestHttp, agent: new Agent(settings), options: direct, headers: {} };
  const agent = proxy === undefined ? new TlsAgent(settings) : tunnelAgent(proxy, settings);
  return { request: requestHttps, agent, options: direct, headers: {} };
}

function exchange(
  { request, agent, options, headers: own }: Target,
  url: URL,
  sent: Sent,
): Promise<Received> {
  const { body, signal } = sent;
  const headers = { ...own, ...sent.headers, "content-length": Buffer.byteLength(body) };
  return new Promise((resolve, reject) => {
    const outgoing = request({ method: "POST", agent, ...options(url), headers });
    const onAbort = () => void outgoing.destroy(signal.reason);
    signal.addEventListener("abort", onAbort);
    outgoing.on("close", () => signal.removeEventListener("abort", onAbort));
    outgoing.on("error", reject); // if the connection breaks during the response, `read` resolves with `isWhole: false`
    outgoing.on("response", (incoming) => read(incoming, resolve));
    outgoing.end(body);
  });
}

function read(incoming: IncomingMessage, done: (received: Received) => void): void {
  const parts: Buffer[] = [];
  incoming.on("data", (part: Buffer) => void parts.push(part));
  incoming.on("error", () => {}); // "close" follows, and its handler reports that the body is incomplete
  incoming.on("close", () => {
    const text = new TextDecoder().decode(Buffer.concat(parts));
    const headers = new Headers();
    const { rawHeaders } = incoming;
    for (let at = 0; at < rawHeaders.length; at += 2) {
      headers.append(rawHeaders[at] ?? "", rawHeaders[at + 1] ?? "");
    }
    done({ status: incoming.statusCode ?? 0, headers, text, isWhole: incoming.complete });
  });
}
