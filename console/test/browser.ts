/**
 * Chromium for the tests. It records what no page may do: violate the content security policy, throw a script error, or
 * send a request to another server.
 */
import axe from "axe-core";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";

export function openChromium(): Promise<Browser> {
  return chromium.launch({
    executablePath: process.env["CHROMIUM"] ?? "/usr/bin/chromium",
    args: ["--no-sandbox"],
  });
}

export type Look = { theme?: "light" | "dark"; width?: number; height?: number };

export type Watched = { context: BrowserContext; page: Page; faults: string[] };

/** Opens a tab. Whenever the page does something that no page may do, a sentence about it is added to `faults`. */
export async function openTab(browser: Browser, origin: string, look: Look = {}): Promise<Watched> {
  const { theme = "light", width = 1280, height = 900 } = look;
  const context = await browser.newContext({
    baseURL: origin,
    colorScheme: theme,
    viewport: { width, height },
    permissions: ["clipboard-read", "clipboard-write"],
    reducedMotion: "reduce",
  });
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  return { context, page, faults: watch(context, origin) };
}

function watch(context: BrowserContext, origin: string): string[] {
  const faults: string[] = [];
  context.on("request", (request) => {
    const url = request.url();
    if (!url.startsWith(`${origin}/`) && !url.startsWith("data:")) faults.push(`requested ${url}`);
  });
  context.on("console", (message) => {
    const text = message.text();
    // the browser logs this for each response with an error status, and tests provoke such responses
    const isExpected = /Failed to load resource/.test(text);
    if (message.type() === "error" && !isExpected) faults.push(`logged ${text}`);
  });
  context.on("weberror", (error) => faults.push(`threw ${error.error().message}`));
  return faults;
}

/**
 * Returns a sentence for each fault that the accessibility checker axe finds. axe runs in an isolated script context,
 * so the content security policy of the page does not block it.
 */
export async function accessibilityFlaws(page: Page): Promise<string[]> {
  const session = await page.context().newCDPSession(page);
  try {
    const { frameTree } = await session.send("Page.getFrameTree");
    const { executionContextId: contextId } = await session.send("Page.createIsolatedWorld", {
      frameId: frameTree.frame.id,
    });
    const run = async (expression: string) =>
      session.send("Runtime.evaluate", { expression, contextId, awaitPromise: true, returnByValue: true });
    await run(axe.source);
    const { result } = await run(
      `axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] })
        .then(({ violations }) => violations.map(({ id, nodes }) =>
          id + ": " + nodes.map(({ target, failureSummary }) => target + " " + failureSummary).join("; ")))`,
    );
    if (!Array.isArray(result.value)) throw new Error("axe did not run");
    return result.value as string[];
  } finally {
    await session.detach();
  }
}
