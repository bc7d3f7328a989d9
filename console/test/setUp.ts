import assert from "node:assert/strict";
import { after, afterEach, before, test as nodeTest } from "node:test";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { type Look, openChromium, openTab, type Watched } from "./browser.ts";
import { type Seeded, seed } from "./seed.ts";
import { rootKey, type Server, startServer } from "./server.ts";

export type Console = {
  server: Server;
  /** the records that the tests refer to; set before the first test runs */
  seeded: Seeded;
  /** Signs in, and opens a tab at this path below `/console`. */
  visit(path: string, look?: Look): Promise<Page>;
  /** Opens a tab at this path without signing in. */
  arrive(path: string, look?: Look): Promise<Page>;
};

/**
 * Starts a server with data, and a browser. A test fails if a page violates the content security policy, throws an
 * error, or sends a request to another server.
 */
export function testConsole(settings: Record<string, string> = {}): Console {
  let browser: Browser;
  let cookies: Awaited<ReturnType<BrowserContext["cookies"]>> = [];
  const open: Watched[] = [];
  const made = {} as Console;

  before(async () => {
    made.server = await startServer(settings);
    browser = await openChromium();
    made.seeded = await seed(made.server);
  });
  after(async () => {
    await browser?.close();
    await made.server?.stop();
  });
  afterEach(async () => {
    const faults = open.flatMap((one) => one.faults);
    for (const { context } of open.splice(0)) await context.close();
    assert.deepEqual(faults, []);
  });

  made.arrive = async (path, look) => {
    const watched = await openTab(browser, made.server.url, look);
    open.push(watched);
    await watched.page.goto(`/console${path}`);
    return watched.page;
  };
  made.visit = async (path, look) => {
    if (cookies.length === 0) {
      const first = await made.arrive("/");
      await signIn(first, rootKey);
      cookies = await first.context().cookies();
    }
    const watched = await openTab(browser, made.server.url, look);
    open.push(watched);
    await watched.context.addCookies(cookies);
    await watched.page.goto(`/console${path}`);
    await watched.page.locator("#main").waitFor();
    return watched.page;
  };
  return made;
}

export async function signIn(page: Page, key: string): Promise<void> {
  await page.getByLabel("Root key").fill(key);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.locator("#main").waitFor();
}

/** Holds the page's requests to these addresses back until the returned function is called. */
export async function hold(page: Page, addresses: RegExp): Promise<() => void> {
  let release = () => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  await page.route(addresses, async (route) => {
    await released;
    await route.continue();
  });
  return release;
}

/** Creates a root key that may also read the state of the server. Only the command line can create such a root key. */
export function operatorKey({ server }: Pick<Console, "server">): string {
  const printed = server.command("root-key", "create", "--permissions", "*,server.*.read_status");
  return printed.split("\n").at(-1) ?? "";
}

export function test(name: string, body: () => Promise<void>): void {
  void nodeTest(name, body);
}
