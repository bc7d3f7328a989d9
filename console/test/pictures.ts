/**
 * Takes the pictures in `docs/console/`. Build this program and run it with
 * `bun build console/test/pictures.ts --target=node --packages=external --outfile=reports/console/pictures.mjs`, then
 * `node reports/console/pictures.mjs <folder>`.
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { openChromium, openTab } from "./browser.ts";
import { type Seeded, seed } from "./seed.ts";
import { startServer } from "./server.ts";
import { operatorKey } from "./setUp.ts";

const folder = process.argv[2] ?? "docs/console";

const screens = ({ refusedKeyId }: Seeded): Record<string, string> => ({
  overview: "/",
  live: "/live",
  why: `/why?keyId=${refusedKeyId}&permissions=${encodeURIComponent("documents.read AND (invoices.send OR admin)")}`,
  keys: "/keys",
  key: `/keys/${refusedKeyId}`,
  identity: "/identities/acme",
  roles: "/roles",
  "rate-limits": "/limits/email.send",
  "root-keys": "/root-keys",
  audit: "/audit",
  server: "/server",
});

const looks = [
  { name: "light", theme: "light", width: 1280, height: 860 },
  { name: "dark", theme: "dark", width: 1280, height: 860 },
  { name: "phone", theme: "light", width: 320, height: 700 },
] as const;

mkdirSync(folder, { recursive: true });
const server = await startServer();
const browser = await openChromium();
try {
  const seeded = await seed(server);
  const operator = operatorKey({ server });
  for (const look of looks) {
    const { page, faults } = await openTab(browser, server.url, look);
    const take = (name: string) => page.screenshot({ path: join(folder, `${name}-${look.name}.png`) });
    await page.goto("/console/");
    await page.getByLabel("Root key").waitFor();
    await take("sign-in");
    await page.getByLabel("Root key").fill(operator);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.locator("#main").waitFor();
    for (const [name, path] of Object.entries(screens(seeded))) {
      await show(page, path);
      await take(name);
    }
    await page.keyboard.press("Control+k");
    await page.getByRole("searchbox", { name: "Find" }).fill("acme");
    await page.getByRole("region", { name: "Keys" }).waitFor();
    await take("find");
    for (const fault of faults) console.error(fault);
    await page.context().close();
  }
} finally {
  await browser.close();
  await server.stop();
}

async function show(page: Page, path: string): Promise<void> {
  await page.goto(`/console${path}`);
  await page.getByRole("heading", { level: 1 }).waitFor();
  // the Live screen keeps sending requests, so waiting for an idle network would never end
  await page.waitForTimeout(1_200);
}
