import { LatchkeyError } from "./errors.ts";
import { version } from "./version.ts";

type Globals = {
  process?: { env?: Record<string, string | undefined>; versions?: Record<string, string | undefined> };
  Bun?: { version: string };
  document?: unknown;
  EdgeRuntime?: unknown;
  navigator?: { userAgent?: string };
};

const globals = globalThis as Globals;

/** Earlier versions of Bun may send a POST twice on their own, so that one call counts twice. */
const leastBun = "1.3.14";

/** Reads an environment variable. Returns undefined if the runtime has no environment, or denies access to it. */
export function environment(name: string): string | undefined {
  try {
    return globals.process?.env?.[name] || undefined;
  } catch {
    return undefined;
  }
}

/** Errors: `LatchkeyError` in a browser, unless `allowBrowser` is true, and in a version of Bun that is too old. */
export function checkRuntime(allowBrowser: boolean): void {
  if (isBrowser() && !allowBrowser) {
    throw new LatchkeyError(
      "In a browser, everyone can read the root key. Call Latchkey from your server, or pass `allowBrowser: true` if the root key may be public.",
    );
  }
  const bun = globals.Bun?.version;
  if (bun !== undefined && isOlder(bun, leastBun)) {
    throw new LatchkeyError(`Bun ${bun} may send a request twice. Use Bun ${leastBun} or later.`);
  }
}

/** Whether this is Node, Bun or Deno, where requests can share connections, unlike in browsers and on edge runtimes. */
export function isServer(): boolean {
  const isEdge = globals.EdgeRuntime !== undefined || isCloudflare(); // a Worker may have a Node version, too
  return !isBrowser() && !isEdge && globals.process?.versions?.["node"] !== undefined;
}

/**
 * Whether this is a Cloudflare Worker. Only there can the header `CF-Connecting-IP` be trusted, because there
 * Cloudflare sets it.
 */
export function isCloudflare(): boolean {
  return globals.navigator?.userAgent === "Cloudflare-Workers";
}

/** A document alone does not make a browser: test environments such as jsdom have a document, but run in Node. */
function isBrowser(): boolean {
  return globals.document !== undefined && globals.process?.versions?.["node"] === undefined;
}

export function isOlder(version: string, least: string): boolean {
  const [one, other] = [version, least].map((text) => text.split(/[.-]/).slice(0, 3).map(Number));
  for (const [index, part] of (other ?? []).entries()) {
    const own = one?.[index] ?? 0;
    if (own !== part) return own < part;
  }
  return false;
}

/** The User-Agent header: this package and the runtime, such as `latchkey-sdk/0.1.0 node/20.20.2`. */
export function userAgent(): string {
  const { bun, deno, node } = globals.process?.versions ?? {};
  const runtime =
    (bun && `bun/${bun}`) ??
    (deno && `deno/${deno}`) ??
    (node && `node/${node}`) ??
    globals.navigator?.userAgent;
  return `latchkey-sdk/${version}${runtime === undefined ? "" : ` ${runtime}`}`;
}
