/**
 * Tests that run on SQLite and on PostgreSQL: from a pasted key to why it is refused, and a verification that appears
 * on the Live screen.
 */
import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { type Console, test } from "./setUp.ts";

export async function paste(page: Page, text: string): Promise<void> {
  await page.keyboard.press("Control+k");
  await page.getByRole("searchbox", { name: "Find" }).waitFor();
  await page.evaluate((secret) => navigator.clipboard.writeText(secret), text);
  await page.keyboard.press("Control+v");
}

/** Returns a list to which the address and the body of every request of the page are added. */
export function sentBy(page: Page): string[] {
  const sent: string[] = [];
  page.on("request", (request) => sent.push(`${request.url()} ${request.postData() ?? ""}`));
  return sent;
}

export function testMainFlows(latchkey: Console): void {
  test("a pasted key leads to its owner, to why it is refused, and to the check that fails", async () => {
    const page = await latchkey.visit("/identities");
    const sent = sentBy(page);
    await paste(page, latchkey.seeded.refusedKey);
    await page.getByRole("heading", { name: "Acme, production" }).waitFor();
    await page.getByText("The limit “requests” is full.").waitFor();
    await page.getByRole("link", { name: "acme", exact: true }).first().waitFor();
    await page.getByRole("link", { name: "Why, and how to fix it" }).click();
    await page.getByText("How to fix it").waitFor();
    assert.ok(page.url().includes(latchkey.seeded.refusedKeyId));
    for (const one of sent) assert.ok(!one.includes(latchkey.seeded.refusedKey), "the key was sent");
  });

  test("a verification is on the Live screen within two seconds, and one click leads to why it was refused", async () => {
    const page = await latchkey.visit("/live");
    await page.getByRole("heading", { name: "Live", level: 1 }).waitFor();
    await page.getByLabel("Outcome").selectOption("Lacks permission");
    await page.getByRole("link", { name: "Why?" }).first().waitFor();
    assert.ok(page.url().includes("outcome=INSUFFICIENT_PERMISSIONS"));
    await page.getByLabel("Outcome").selectOption("all");
    const { key } = await latchkey.server.call("keys.createKey", {
      apiId: latchkey.seeded.apiId,
      externalId: "just_now",
      enabled: false,
    });
    await latchkey.server.call("keys.verifyKey", { key });
    await page.getByRole("link", { name: "just_now" }).waitFor();
    await page.getByRole("button", { name: "Pause" }).click();
    await page.getByRole("row", { name: "just_now" }).getByRole("link", { name: "Why?" }).click();
    await page.getByText("The key is disabled.").first().waitFor();
  });
}
