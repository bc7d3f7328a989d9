/**
 * Measures the console on a workspace with 10⁵ identities and 10⁶ keys: how long the first load and each further screen
 * take, and how much slower verifications are while ten tabs show the Live screen. Build this program and run it with
 * `bun build console/test/measure.ts --target=node --packages=external --outfile=reports/console/measure.mjs`, then
 * `node reports/console/measure.mjs [<identities>]`. Takes about two minutes.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { openChromium, openTab } from "./browser.ts";
import { type Seeded, seed } from "./seed.ts";
import { rootKey, startServer } from "./server.ts";

const rounds = 5;
const tabs = 10;
const perSecond = 200;
const secondsEach = 5;

const median = (values: readonly number[]) =>
  values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
const p99 = (values: readonly number[]) =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length * 0.99)] ?? Number.NaN;

const folder = mkdtempSync(join(tmpdir(), "latchkey-measure-"));
const path = join(folder, "latchkey.db");
const server = await startServer({ DATABASE_URL: `file:${path}` });
const browser = await openChromium();
try {
  const seeded = await seed(server);
  await fill(seeded);
  const page = await signedIn(browser);
  await measureFirstLoads();
  await measureScreens(page, seeded);
  await page.context().close();
  await measureLiveTabs(seeded);
} finally {
  await browser.close();
  await server.stop();
  rmSync(folder, { recursive: true });
}

async function fill({ apiId }: Seeded): Promise<void> {
  await server.halt();
  const script = join(process.cwd(), "console/test/measureFill.ts");
  const bun = join(process.cwd(), "node_modules/.bin/bun");
  const { status } = spawnSync(bun, [script, path, apiId, process.argv[2] ?? "100000", "10"], {
    stdio: "inherit",
  });
  if (status !== 0) throw new Error("the database was not filled");
  await server.restart();
}

async function signedIn(from: Browser): Promise<Page> {
  const { page } = await openTab(from, server.url);
  await page.goto("/console/");
  await page.getByLabel("Root key").fill(rootKey);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.locator("#main").waitFor();
  return page;
}

/** Measures first loads, each in a new browser context, so that nothing is cached. */
async function measureFirstLoads(): Promise<void> {
  const painted: number[] = [];
  for (let n = 0; n < rounds; n += 1) {
    const { page } = await openTab(browser, server.url);
    await page.goto("/console/");
    await page.getByLabel("Root key").waitFor();
    painted.push(
      await page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? 0),
    );
    await page.context().close();
  }
  console.log(`first load: painted after ${median(painted).toFixed(0)} ms`);
}

/** Measures the time from a click to the first row, or to the text that says that there are no rows. */
async function measureScreens(page: Page, { refusedKeyId }: Seeded): Promise<void> {
  const screens: readonly (readonly [path: string, ready: string])[] = [
    ["/keys", "tbody tr"],
    [`/keys/${refusedKeyId}`, ".limit"],
    ["/identities", "tbody tr"],
    ["/identities/acme", ".limit"],
    ["/apis", "tbody tr"],
    ["/roles", "tbody tr"],
    ["/limits", "tbody tr"],
    ["/audit", "tbody tr"],
    ["/root-keys", "tbody tr"],
    ["/live", "tbody tr"],
    ["/keys?search=Key%20999", ".table-frame, .empty"],
    ["/identities?search=user_9999", ".table-frame, .empty"],
  ];
  for (const [to, ready] of screens) {
    const times: number[] = [];
    for (let n = 0; n < rounds; n += 1) {
      await page.goto(`/console${to === "/audit" ? "/why" : "/audit"}`);
      await page.getByRole("heading", { level: 1 }).waitFor();
      await page.waitForLoadState("networkidle");
      times.push(await page.evaluate(openAndWait, { to: `/console${to}`, ready }));
    }
    console.log(`${to}: ${median(times).toFixed(0)} ms (slowest ${Math.max(...times).toFixed(0)})`);
  }
}

/** Runs in the page: opens a screen as a link does. Resolves when the page has an element that matches `ready`. */
function openAndWait({ to, ready }: { to: string; ready: string }): Promise<number> {
  const beganAt = performance.now();
  const before = document.title;
  history.pushState({}, "", to);
  dispatchEvent(new PopStateEvent("popstate"));
  return new Promise((resolve) => {
    const look = () => {
      if (document.title !== before && document.querySelector(ready) !== null) {
        resolve(performance.now() - beganAt);
      } else requestAnimationFrame(look);
    };
    look();
  });
}

/**
 * Measures verifications while ten pollers send the requests of ten Live tabs. There are no real tabs, because a
 * browser that draws them would take the processor from the server.
 */
async function measureLiveTabs({ key }: Seeded): Promise<void> {
  const page = await signedIn(browser);
  const cookies = await page.context().cookies();
  const cookie = cookies.map(({ name, value }) => `${name}=${value}`).join("; ");
  await page.context().close();
  const quiet: number[] = [];
  const watched: number[] = [];
  for (let n = 0; n < rounds; n += 1) {
    quiet.push(p99(await verifySteadily(key)));
    const stop = new AbortController();
    const pollers = Array.from({ length: tabs }, () => poll(cookie, stop.signal));
    watched.push(p99(await verifySteadily(key)));
    stop.abort();
    await Promise.all(pollers);
  }
  const ratio = median(watched.map((value, index) => value / (quiet[index] ?? Number.NaN)));
  console.log(
    `${perSecond} verifications/s, p99: ${median(quiet).toFixed(2)} ms alone, ${median(watched).toFixed(2)} ms beside ${tabs} Live tabs (median ratio ${ratio.toFixed(2)})`,
  );
}

async function poll(cookie: string, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const response = await fetch(`${server.url}/console/api/analytics.listEvents`, {
      method: "POST",
      headers: {
        cookie,
        "content-type": "application/json",
        "sec-fetch-site": "same-origin",
        origin: server.url,
      },
      body: JSON.stringify({ limit: 50 }),
    });
    if (response.status !== 200) throw new Error(await response.text());
    await response.arrayBuffer();
    await new Promise((resolve) => setTimeout(resolve, 1_000));
  }
}

async function verifySteadily(key: string): Promise<number[]> {
  const times: number[] = [];
  const headers = { authorization: `Bearer ${rootKey}`, "content-type": "application/json" };
  const calls: Promise<void>[] = [];
  const beganAt = performance.now();
  for (let n = 0; n < perSecond * secondsEach; n += 1) {
    const waitMs = beganAt + (n * 1_000) / perSecond - performance.now();
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    const sentAt = performance.now();
    calls.push(
      fetch(`${server.url}/v2/keys.verifyKey`, {
        method: "POST",
        headers,
        body: JSON.stringify({ key }),
      }).then(async (response) => {
        await response.arrayBuffer();
        times.push(performance.now() - sentAt);
      }),
    );
  }
  await Promise.all(calls);
  return times;
}
