/** Tests that the console shows, tops up, corrects and edits the credits and quotas of an identity. */
import assert from "node:assert/strict";
import { signIn, test, testConsole } from "./setUp.ts";

const latchkey = testConsole();
const read = (identity: string) => latchkey.server.call("identities.getIdentity", { identity });

test("a quota is topped up and corrected, but not by mistyped text, and the ledger says by how much and why", async () => {
  const page = await latchkey.visit("/identities/acme");
  const quotas = page.getByRole("region", { name: "Quotas" });
  const tokens = quotas.getByRole("listitem").filter({ hasText: "tokens" });
  await tokens.getByText("82,000 of 100,000 per month").waitFor();
  await tokens.getByText("38,000 left, 20,000 of them granted").waitFor();
  await tokens.getByRole("button", { name: "Top up" }).click();
  await page.getByLabel("Units").fill("5000");
  await page.getByLabel("Reason").fill("Contract of May");
  await page.getByRole("dialog").getByRole("button", { name: "Top up" }).click();
  await tokens.getByText("43,000 left, 25,000 of them granted").waitFor();
  await tokens.getByRole("button", { name: "Correct" }).click();
  const used = page.getByLabel("Used in this period");
  assert.equal(await used.inputValue(), ""); // a prefilled number would undo the use since the page was loaded
  for (const mistyped of ["12x", "", "1,5"]) {
    await used.fill(mistyped);
    await page.getByRole("dialog").getByRole("button", { name: "Save" }).click();
    await page.getByRole("dialog").getByText("not a number").waitFor();
  }
  await used.fill("1000");
  await page.getByRole("dialog").getByRole("button", { name: "Save" }).click();
  await tokens.getByText("1,000 of 100,000 per month").waitFor();
  const granted = page.getByRole("region", { name: "Ledger" }).getByRole("row", { name: "Contract of May" });
  await granted.getByText("5,000").waitFor();
});

test("quotas are edited on the page of an identity, and errors about an overage and a time zone are shown at their fields", async () => {
  await latchkey.server.call("identities.createIdentity", { externalId: "quota_editor" });
  const page = await latchkey.visit("/identities/quota_editor");
  const quotas = page.getByRole("region", { name: "Quotas" });
  await quotas.getByText("Its keys share no quotas.").waitFor();
  await quotas.getByRole("button", { name: "Edit quotas" }).click();
  await page.getByRole("button", { name: "Add a quota" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name").fill("requests");
  await dialog.getByLabel("Units per period").fill("1000");
  await dialog.getByLabel("Time zone").fill("Europe/Berln");
  await dialog.getByLabel("When the limit is used up").selectOption("allow more, up to");
  await dialog.getByLabel("Most units used in a period").fill("allow");
  await dialog.getByRole("button", { name: "Save" }).click();
  await dialog.getByText("not one of the allowed values").waitFor();
  await dialog.getByLabel("Most units used in a period").fill("1500");
  await dialog.getByRole("button", { name: "Save" }).click();
  await dialog.getByText("Europe/Berlin").waitFor();
  await dialog.getByLabel("Time zone").fill("Europe/Berlin");
  await dialog.getByRole("button", { name: "Save" }).click();
  await quotas.getByText("0 of 1,000 per month").waitFor();
  const { quotas: stored } = await read("quota_editor");
  assert.equal(stored[0].timeZone, "Europe/Berlin");
  assert.equal(stored[0].overage, 1500);
});

test("the credits that an identity's keys share are changed on its page, by a root key that may change only this identity", async () => {
  const { call } = latchkey.server;
  const { identityId } = await call("identities.createIdentity", { externalId: "credit_editor" });
  const { key } = await call("rootKeys.createKey", {
    permissions: [`identity.${identityId}.read_identity`, `identity.${identityId}.update_identity`],
  });
  const page = await latchkey.arrive("/identities/credit_editor");
  await signIn(page, key);
  const credits = page.getByRole("region", { name: "Credits" });
  await credits.getByText("Unlimited.").waitFor();
  await page.getByRole("button", { name: "Edit credits" }).click();
  await page.getByLabel("Credits left").fill("300");
  await page.getByRole("button", { name: "Save" }).click();
  await credits.getByText("300").waitFor();
  assert.equal((await read("credit_editor")).credits.remaining, 300);
});

test("a quota keeps the exact start of its first period until that field is changed, and an empty field is refused", async () => {
  const anchor = Date.UTC(2026, 0, 1, 12, 0, 30, 500);
  const quota = { name: "billed", limit: 10, period: "month", anchor };
  await latchkey.server.call("identities.createIdentity", { externalId: "billed", quotas: [quota] });
  const page = await latchkey.visit("/identities/billed");
  const quotas = page.getByRole("region", { name: "Quotas" });
  const dialog = page.getByRole("dialog");
  await quotas.getByRole("button", { name: "Edit quotas" }).click();
  await dialog.getByLabel("Units per period").fill("20");
  await dialog.getByRole("button", { name: "Save" }).click();
  await quotas.getByText("0 of 20 per month").waitFor();
  assert.equal((await read("billed")).quotas[0].anchor, anchor);
  await quotas.getByRole("button", { name: "Edit quotas" }).click();
  await dialog.getByLabel("First period begins").fill("");
  await dialog.getByRole("button", { name: "Save" }).click();
  await dialog.getByText("not one of the allowed values").waitFor();
  await dialog.getByLabel("First period begins").fill("2026-02-01T08:00");
  await dialog.getByRole("button", { name: "Save" }).click();
  await dialog.waitFor({ state: "detached" });
  assert.equal((await read("billed")).quotas[0].anchor, new Date("2026-02-01T08:00").getTime());
});

test("editing a quota keeps its name to the last space, what it has used, and the quotas that another operator has added", async () => {
  const quota = { name: " padded ", limit: 10, period: "month" };
  await latchkey.server.call("identities.createIdentity", { externalId: "padded", quotas: [quota] });
  await latchkey.server.call("quotas.adjust", { identity: "padded", name: quota.name, used: 7 });
  const page = await latchkey.visit("/identities/padded");
  const quotas = page.getByRole("region", { name: "Quotas" });
  await quotas.getByText("7 of 10 per month").waitFor();
  const added = { name: "added", limit: 5, period: "day" };
  await latchkey.server.call("identities.updateIdentity", { identity: "padded", quotas: [quota, added] });
  await quotas.getByRole("button", { name: "Edit quotas" }).click();
  await page.getByRole("group", { name: "quota 1" }).getByLabel("Units per period").fill("20");
  await page.getByRole("dialog").getByRole("button", { name: "Save" }).click();
  await quotas.getByText("7 of 20 per month").waitFor();
  await quotas.getByText("0 of 5 per day").waitFor();
});

test("the refill of an identity's credits is removed by choosing none", async () => {
  const credits = { remaining: 10, refill: { interval: "daily", amount: 10 } };
  await latchkey.server.call("identities.createIdentity", { externalId: "refilled", credits });
  const page = await latchkey.visit("/identities/refilled");
  await page.getByRole("button", { name: "Edit credits" }).click();
  await page.getByLabel("Refill", { exact: true }).selectOption("none");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByRole("dialog").waitFor({ state: "detached" });
  assert.deepEqual((await read("refilled")).credits, { remaining: 10 });
});

test("emptying the credits of an identity that has a refill is refused at the refill, until the refill is removed, too", async () => {
  const credits = { remaining: 10, refill: { interval: "daily", amount: 10 } };
  await latchkey.server.call("identities.createIdentity", { externalId: "emptied", credits });
  const page = await latchkey.visit("/identities/emptied");
  const dialog = page.getByRole("dialog");
  await page.getByRole("button", { name: "Edit credits" }).click();
  await dialog.getByLabel("Credits left").fill("");
  await dialog.getByText("Empty: unlimited, which allows no refill").waitFor();
  await dialog.getByRole("button", { name: "Save" }).click();
  await dialog.getByText("Refills credits that are unlimited").waitFor();
  assert.equal(await dialog.getByLabel("Refill", { exact: true }).getAttribute("aria-invalid"), "true");
  assert.deepEqual((await read("emptied")).credits, credits);
  await dialog.getByLabel("Refill", { exact: true }).selectOption("none");
  await dialog.getByRole("button", { name: "Save" }).click();
  await dialog.waitFor({ state: "detached" });
  assert.equal((await read("emptied")).credits, undefined);
});

test("changing the refill leaves alone the credits that requests have spent in the meantime", async () => {
  const credits = { remaining: 10, refill: { interval: "monthly", amount: 10, refillDay: 1 } };
  await latchkey.server.call("identities.createIdentity", { externalId: "spending", credits });
  const page = await latchkey.visit("/identities/spending");
  const dialog = page.getByRole("dialog");
  await page.getByRole("button", { name: "Edit credits" }).click();
  const { apiId } = latchkey.seeded;
  const { key } = await latchkey.server.call("keys.createKey", { apiId, externalId: "spending" });
  await latchkey.server.call("keys.verifyKey", { key });
  const day = dialog.getByLabel("Day of the month");
  await day.fill("40");
  await dialog.getByRole("button", { name: "Save" }).click();
  await dialog.locator('[aria-invalid="true"]').waitFor();
  assert.equal(await day.getAttribute("aria-invalid"), "true");
  await day.fill("15");
  await dialog.getByRole("button", { name: "Save" }).click();
  await dialog.waitFor({ state: "detached" });
  const refill = { interval: "monthly", amount: 10, refillDay: 15 };
  assert.deepEqual((await read("spending")).credits, { remaining: 9, refill });
});
