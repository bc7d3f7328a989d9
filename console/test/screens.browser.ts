/**
 * Tests what must be true of every screen: it is accessible in both themes, fits into 320 pixels, and shows hostile
 * data as text.
 */
import assert from "node:assert/strict";
import { accessibilityFlaws } from "./browser.ts";
import { hostile } from "./seed.ts";
import { test, testConsole } from "./setUp.ts";

const latchkey = testConsole();

/** Returns the path and the title of each screen. */
const screens = (): [path: string, title: string][] => [
  ["/keys", "Keys"],
  [`/keys/${latchkey.seeded.refusedKeyId}`, "Acme, production"],
  [`/why?keyId=${latchkey.seeded.refusedKeyId}&permissions=documents.read`, "Why was it refused?"],
  ["/", "Overview"],
  ["/live", "Live"],
  ["/identities", "Identities"],
  ["/identities/acme", "acme"],
  ["/apis", "APIs"],
  ["/roles", "Roles"],
  ["/limits", "Rate limits"],
  ["/limits/email.send", "email.send"],
  ["/audit", "Audit"],
  ["/server", "Server"],
  ["/root-keys", "Root keys"],
];

for (const theme of ["light", "dark"] as const) {
  test(`the accessibility checker axe finds no fault on any screen in the ${theme} theme`, async () => {
    const page = await latchkey.visit("/", { theme });
    for (const [path, title] of screens()) {
      await page.goto(`/console${path}`);
      await page.getByRole("heading", { name: title, level: 1 }).waitFor();
      await page.waitForLoadState("networkidle");
      assert.deepEqual(await accessibilityFlaws(page), [], path);
    }
  });
}

test("the sign-in page is accessible too", async () => {
  for (const theme of ["light", "dark"] as const) {
    const page = await latchkey.arrive("/", { theme });
    await page.getByLabel("Root key").waitFor();
    assert.deepEqual(await accessibilityFlaws(page), []);
  }
});

test("no screen is wider than the window at 320 pixels, at 200 % zoom, or with text of twice the size", async () => {
  const looks = [
    { width: 320, text: "100%" },
    { width: 640, text: "100%" },
    { width: 800, text: "100%" },
    { width: 1280, text: "200%" },
  ];
  const page = await latchkey.visit("/");
  for (const [path, title] of screens()) {
    await page.goto(`/console${path}`);
    await page.getByRole("heading", { name: title, level: 1 }).waitFor();
    await page.waitForLoadState("networkidle");
    for (const { width, text } of looks) {
      await page.setViewportSize({ width, height: 800 });
      const needed = await page.evaluate((size) => {
        document.documentElement.style.fontSize = size;
        return document.documentElement.scrollWidth;
      }, text);
      assert.ok(needed <= width, `${path} is ${needed} pixels wide in ${width}, with text of ${text}`);
    }
  }
});

test("names with markup, changed text directions or many characters are shown as text", async () => {
  const page = await latchkey.visit("/identities/acme");
  await page.getByText("onerror").first().waitFor();
  await page.goto("/console/apis");
  await page.getByText(hostile.markup).waitFor();
  await page.goto("/console/keys");
  for (const name of [hostile.markup, hostile.long]) {
    await page.getByLabel("Name or start of the key").fill(name.slice(0, 100));
    await page.getByRole("link", { name }).waitFor();
  }
  assert.equal(await page.title(), "Keys - Latchkey");
});

test("a meta of 10 kB is shown and edited", async () => {
  const meta = { text: "x".repeat(10_000) };
  await latchkey.server.call("identities.createIdentity", { externalId: "large", meta });
  const page = await latchkey.visit("/identities/large");
  await page.getByRole("button", { name: "Edit meta" }).click();
  await page.getByRole("textbox", { name: "Meta" }).fill('{"a": [1,}');
  await page.getByText("Line 1, column").waitFor();
  await page.getByRole("textbox", { name: "Meta" }).fill('{"a": [1]}');
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByRole("dialog").waitFor({ state: "detached" });
  assert.deepEqual((await latchkey.server.call("identities.getIdentity", { identity: "large" })).meta, {
    a: [1],
  });
});

test("the whole console works from the keyboard", async () => {
  const page = await latchkey.visit("/identities");
  await page.keyboard.press("?");
  await page.getByRole("heading", { name: "Keyboard" }).waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await page.keyboard.press("g");
  await page.keyboard.press("k");
  await page.getByRole("heading", { name: "Keys", level: 1 }).waitFor();
  await page.getByRole("link", { name: "Customer key 69" }).waitFor();
  await page.keyboard.press("j");
  await page.keyboard.press("j");
  await page.keyboard.press("k");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Customer key 69", level: 1 }).waitFor();
  assert.equal(await page.evaluate(() => document.activeElement?.id), "main");
});

test("filters and pages of a list are in the URL, and the browser's back and forward buttons go through them", async () => {
  const page = await latchkey.visit("/keys");
  await page.getByRole("link", { name: "Customer key 69" }).waitFor();
  await page.getByRole("button", { name: "Next page" }).click();
  await page.getByRole("link", { name: "Acme, production" }).waitFor();
  await page.goBack();
  await page.getByRole("link", { name: "Customer key 69" }).waitFor();
  await page.goForward();
  await page.getByRole("link", { name: "Acme, production" }).waitFor();
  await page.getByLabel("State").selectOption("no");
  await page.getByRole("link", { name: "Customer key 66" }).waitFor();
  assert.ok(page.url().includes("enabled=no"));
  await page.reload();
  await page.getByRole("link", { name: "Customer key 66" }).waitFor();
  assert.equal(await page.getByRole("link", { name: "Customer key 65" }).count(), 0);
  await page.getByLabel("Owner").fill("nobody_at_all");
  await page.getByText("Nothing matches these filters.").waitFor();
  await page.getByRole("button", { name: "Clear the filters" }).click();
  await page.getByRole("link", { name: "Customer key 69" }).waitFor();
});

for (const theme of ["light", "dark"] as const) {
  test(`the documentation is accessible and fits into 320 pixels in the ${theme} theme`, async () => {
    const page = await latchkey.arrive("/", { theme, width: 320, height: 640 });
    for (const path of [
      "/",
      "/docs",
      "/docs/concepts",
      "/docs/quickstarts/hono",
      "/docs/reference/keys.verifyKey",
    ]) {
      await page.goto(path);
      assert.deepEqual(await accessibilityFlaws(page), [], path);
      const width = await page.evaluate(() => document.documentElement.scrollWidth);
      assert.ok(width <= 320, `${path} is ${width} pixels wide`);
    }
  });
}
