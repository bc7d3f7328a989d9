/** Tests the screens of rate limits, roles, apis, the overview and the audit trail. */
import assert from "node:assert/strict";
import type { Locator, Page } from "playwright-core";
import { signIn, test, testConsole } from "./setUp.ts";

const latchkey = testConsole();

/** Ticks a box of the table of the roles, and waits until the server has stored it. */
async function tick(page: Page, box: Locator): Promise<void> {
  const stored = page.waitForResponse(/permissions\.setRolePermissions$/);
  await box.click();
  await stored;
}

test("the page of a namespace says which limit applies to an identifier, without counting anything", async () => {
  const page = await latchkey.visit("/limits");
  await page.getByRole("searchbox", { name: "Namespace" }).fill("email");
  await page.getByRole("link", { name: "email.send" }).click();
  await page.getByRole("heading", { name: "email.send", level: 1 }).waitFor();
  await page.getByRole("textbox", { name: "Identifier" }).fill("vip_1");
  await page.getByRole("button", { name: "Ask" }).click();
  await page.getByText("1,000 of 1,000 left").waitFor();
  await page.getByRole("textbox", { name: "Identifier" }).fill("somebody_else");
  await page.getByLabel("Limit of the request").fill("5");
  await page.getByRole("button", { name: "Ask" }).click();
  await page.getByText("5 of 5 left").waitFor();
  await page.getByText("No override matches").waitFor();
  await page.getByRole("textbox", { name: "Every" }).fill("2x");
  await page.getByText("the limit of the request applies: 5 per 1 min").waitFor();
});

test("an override is added, changed without undoing the change of another operator, and not created again once deleted", async () => {
  const { call } = latchkey.server;
  const override = { namespace: "email.send", identifier: "vip_9*" };
  const page = await latchkey.visit("/limits/email.send");
  await page.getByRole("button", { name: "Add" }).click();
  await page.getByRole("dialog").getByLabel("Identifier").fill(override.identifier);
  await page.getByRole("dialog").getByLabel("Limit", { exact: true }).fill("7");
  await page.getByRole("button", { name: "Save" }).click();
  const row = page.getByRole("row", { name: override.identifier });
  await row.getByText("7 per 1 min").waitFor();
  await call("ratelimit.setOverride", { ...override, limit: 7, duration: 120_000 });
  await row.getByRole("button", { name: "Edit" }).click();
  await page.getByRole("dialog").getByText(override.identifier).waitFor();
  assert.equal(await page.getByRole("dialog").getByLabel("Identifier").count(), 0); // it would be another override
  await page.getByRole("dialog").getByLabel("Limit", { exact: true }).fill("8");
  await page.getByRole("button", { name: "Save" }).click();
  await row.getByText("8 per 2 min").waitFor();
  await call("ratelimit.deleteOverride", override);
  await row.getByRole("button", { name: "Edit" }).click();
  await page.getByText("This override has been deleted").waitFor();
  await page.getByRole("button", { name: "Close" }).click();
  await call("ratelimit.setOverride", { ...override, limit: 8, duration: 120_000 });
  await row.getByRole("button", { name: "Delete" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await row.waitFor({ state: "detached" });
});

test("a role is created, given a permission in the matrix, changed and deleted", async () => {
  const page = await latchkey.visit("/roles");
  await page.getByRole("button", { name: "Create a role" }).click();
  await page.getByRole("dialog").getByLabel("Name").last().fill("auditor");
  await page.getByRole("dialog").getByLabel("Permissions").fill("invoices.read");
  await page.getByRole("button", { name: "Create", exact: true }).click();
  await page.getByRole("dialog").waitFor({ state: "detached" });
  const role = async () => {
    const found = await latchkey.server.call("permissions.getRole", { role: "auditor" });
    return found.permissions.map(({ slug }: { slug: string }) => slug).sort();
  };
  const box = page.getByLabel("auditor gives documents.read");
  await tick(page, box);
  assert.equal(await box.evaluate((input) => input === document.activeElement), true);
  assert.deepEqual(await role(), ["documents.read", "invoices.read"]);
  const card = page.getByRole("listitem").filter({ hasText: "auditor" });
  await card.getByRole("button", { name: "Delete" }).click();
  await page.getByLabel("Type auditor to confirm").fill("auditor");
  await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await card.waitFor({ state: "detached" });
});

test("a session that may not change the permissions of roles can still describe a role", async () => {
  const { key } = await latchkey.server.call("rootKeys.createKey", {
    permissions: ["rbac.*.read_role", "rbac.*.update_role"],
  });
  const page = await latchkey.arrive("/roles");
  await signIn(page, key);
  const card = page.getByRole("listitem").filter({ hasText: "reader" });
  await card.getByRole("button", { name: "Edit" }).click();
  await page.getByText("Permissions: documents.read.").waitFor();
  await page.getByRole("textbox", { name: "Description" }).fill("Only reads");
  await page.getByRole("button", { name: "Save" }).click();
  await card.getByText("Only reads").waitFor();
});

test("the overview shows how many verifications there were, the most refused identity, and the keys that expire next", async () => {
  const page = await latchkey.visit("/");
  const refused = page.getByRole("region", { name: "Most refused identities" });
  await refused.getByRole("listitem").filter({ hasText: "acme" }).getByText("3").waitFor();
  await refused.getByLabel("Outcome").selectOption("Lacks permission");
  await refused.getByText("customer_0010").waitFor();
  await page
    .getByRole("region", { name: "Keys about to expire" })
    .getByRole("link", { name: "Customer key 10" })
    .waitFor();
  await page.getByRole("figure", { name: "Verifications, 24 hours" }).getByText("As a table").click();
  await page.getByText("Rate limited 3").waitFor();
});

test("if the server has read only a part of a list, the console does not say that nothing in the list matches", async () => {
  const page = await latchkey.visit("/audit");
  await page.route(/(keys\.listKeys|analytics\.listEvents)$/, async (route) => {
    const response = await route.fetch();
    const body = await response.json(); // as in a workspace with more keys and events than one page reads
    const pagination = { hasMore: true, cursor: "any" };
    await route.fulfill({ response, json: { ...body, data: [], pagination } });
  });
  await page.goto("/console/");
  await page.getByText("Too many keys have expired").waitFor();
  await page.getByText("None of the oldest keys is unused.").waitFor();
  await page.getByText("The latest events have none of these.").waitFor();
  await page.goto("/console/live");
  await page.getByText("Nothing in the latest events matches these filters.").waitFor();
  await page.route(/analytics\.getTop$/, async (route) => {
    const response = await route.fetch();
    const body = await response.json();
    const data = { items: [], readSince: Date.now() - 3_600_000 };
    await route.fulfill({ response, json: { ...body, data } });
  });
  await page.goto("/console/limits/email.send");
  await page.getByText("Only events since 1 hour ago are counted.").waitFor();
});

test("the most refused identifiers of a namespace are named, and the audit trail begins with the newest event", async () => {
  const page = await latchkey.visit("/limits/email.send");
  await page.getByRole("region", { name: "Most refused identifiers" }).getByText("user_0").waitFor();
  await latchkey.server.call("apis.createApi", { name: "The newest" });
  await page.goto("/console/audit");
  const first = page.locator("tbody tr").first();
  await first.getByText("api.create").waitFor();
  await first.getByText("api.create").click();
  await page.waitForURL("**event=api.create**");
});

test("an api is renamed and protected, and is deleted only when it is no longer protected and its name was typed", async () => {
  await latchkey.server.call("apis.createApi", { name: "Old name" });
  const page = await latchkey.visit("/apis");
  await page.getByRole("row", { name: "Old name" }).getByRole("button", { name: "Edit" }).click();
  await page.getByRole("textbox", { name: "Name", exact: true }).fill("New name");
  await page.getByLabel("Protected from deletion").check();
  await page.getByRole("button", { name: "Save" }).click();
  const row = page.getByRole("row", { name: "New name" });
  await row.getByText("Protected").waitFor();
  await row.getByRole("button", { name: "Delete" }).click();
  await page.getByLabel("Type New name to confirm").fill("New name");
  await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await page.getByRole("dialog").getByRole("alert").waitFor();
  await page.getByRole("button", { name: "Cancel" }).click();
  await row.getByRole("button", { name: "Edit" }).click();
  await page.getByLabel("Protected from deletion").uncheck();
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await row.getByRole("button", { name: "Delete" }).click();
  await page.getByLabel("Type New name to confirm").fill("New name");
  await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await row.waitFor({ state: "detached" });
});

test("a dialog that is opened again has neither what was typed before nor the old error", async () => {
  const { apiId } = await latchkey.server.call("apis.createApi", { name: "Kept" });
  await latchkey.server.call("apis.updateApi", { apiId, deleteProtection: true });
  const page = await latchkey.visit("/apis");
  const dialog = page.getByRole("dialog");
  const remove = page.getByRole("row", { name: "Kept" }).getByRole("button", { name: "Delete" });
  await remove.click();
  await page.getByLabel("Type Kept to confirm").fill("Kept");
  await dialog.getByRole("button", { name: "Delete" }).click();
  await dialog.getByRole("alert").waitFor();
  await page.getByRole("button", { name: "Cancel" }).click();
  await remove.click();
  assert.equal(await page.getByLabel("Type Kept to confirm").inputValue(), "");
  assert.equal(await dialog.getByRole("alert").count(), 0);
  await page.getByRole("button", { name: "Cancel" }).click();
  await page.getByRole("button", { name: "Create an api" }).click();
  await dialog.getByLabel("Name").fill("x".repeat(300));
  await dialog.getByRole("button", { name: "Create" }).click();
  await dialog.locator('[aria-invalid="true"]').waitFor();
  await page.getByRole("button", { name: "Cancel" }).click();
  await page.getByRole("button", { name: "Create an api" }).click();
  assert.equal(await dialog.getByLabel("Name").inputValue(), "");
  assert.equal(await dialog.locator('[aria-invalid="true"]').count(), 0);
});

test("a button that changes something at once says why the server has refused it", async () => {
  const { keyId } = await latchkey.server.call("keys.createKey", { apiId: latchkey.seeded.apiId });
  const page = await latchkey.visit(`/keys/${keyId}`);
  await page.getByText("A verification that asks for no permissions passes now.").waitFor();
  await latchkey.server.call("keys.deleteKey", { keyId });
  await page.getByRole("button", { name: "Disable" }).click();
  await page.getByRole("dialog").getByRole("alert").getByText("Not found").waitFor();
  await page.getByRole("button", { name: "Close" }).click();
  await page.getByRole("dialog").waitFor({ state: "detached" });
});

test("saving an api or a role undoes nothing that another operator has changed since the page was loaded", async () => {
  const { call } = latchkey.server;
  const { apiId } = await call("apis.createApi", { name: "Shared api" });
  const { roleId } = await call("permissions.createRole", {
    name: "shared",
    permissions: ["a.read", "a.write"],
  });
  const page = await latchkey.visit("/apis");
  await page.getByRole("row", { name: "Shared api" }).getByRole("button", { name: "Edit" }).click();
  await call("apis.updateApi", { apiId, deleteProtection: true });
  await page.getByRole("textbox", { name: "Name", exact: true }).fill("Renamed api");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByRole("row", { name: "Renamed api" }).getByText("Protected").waitFor();
  await page.goto("/console/roles");
  const card = page.getByRole("listitem").filter({ hasText: "shared" });
  await card.getByRole("button", { name: "Edit" }).click();
  await call("permissions.setRolePermissions", { role: roleId, permissions: ["a.read"] });
  await page.getByRole("textbox", { name: "Description" }).fill("For all teams");
  await page.getByRole("button", { name: "Save" }).click();
  await card.getByText("For all teams").waitFor();
  const slugs = async () =>
    (await call("permissions.getRole", { role: roleId })).permissions.map(
      ({ slug }: { slug: string }) => slug,
    );
  assert.deepEqual(await slugs(), ["a.read"]);
  await call("permissions.setRolePermissions", { role: roleId, permissions: ["a.read", "a.other"] });
  await tick(page, page.getByLabel("shared gives documents.read"));
  assert.deepEqual(await slugs(), ["a.other", "a.read", "documents.read"]);
  await page.goto("/console/roles?search=shared");
  await card.waitFor();
  await call("permissions.setRolePermissions", { role: roleId, permissions: ["a.new"] });
  await card.getByRole("button", { name: "Edit" }).click();
  const permissions = page.getByRole("textbox", { name: "Permissions" });
  await permissions.fill(`${await permissions.inputValue()}\na.own`);
  await page.getByRole("textbox", { name: "Name" }).fill("renamed"); // removes the role from the filtered list
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("Nothing matches these filters.").waitFor();
  assert.deepEqual(await slugs(), ["a.new", "a.own"]);
});

test("the year of a filter by time can be typed over, and the list then begins at the new time", async () => {
  const page = await latchkey.visit("/audit?start=1769850000000"); // January 31, 2026, at 9:00 UTC
  const from = page.getByLabel("From");
  await from.focus();
  await page.keyboard.press("Tab");
  await page.keyboard.press("Tab");
  await page.keyboard.type("2025", { delay: 50 });
  await page.waitForURL("**start=1738314000000");
  assert.match(await from.inputValue(), /^2025-01-31T/);
});
