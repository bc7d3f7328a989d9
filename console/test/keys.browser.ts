/** Tests everything that the console can do with a key. */
import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { hold, signIn, test, testConsole } from "./setUp.ts";

const latchkey = testConsole({ RECOVERY_KEY: Buffer.alloc(32, 7).toString("base64") });
const call = (operation: string, input: object) => latchkey.server.call(operation, input);

async function newKey(input: object = {}): Promise<{ keyId: string; key: string }> {
  return call("keys.createKey", { apiId: latchkey.seeded.apiId, name: "To change", ...input });
}

/** Imports a key whose SHA-256 is not known until its first verification, and returns its id. */
async function keyThatWaits(): Promise<string> {
  const { apiId } = latchkey.seeded;
  const printed = latchkey.server.command("migration", "create", "--algorithm", "prefixed-api-key");
  const migrationId = printed.match(/mig_\w+/)?.[0];
  const keys = [{ hash: "ab".repeat(32), permissions: ["a.read"] }];
  const { migrated } = await call("keys.migrateKeys", { migrationId, apiId, keys });
  return migrated[0].keyId;
}

async function more(page: Page, action: string): Promise<void> {
  await page.getByRole("button", { name: "More" }).click();
  await page.getByRole("menuitem", { name: action }).click();
}

async function save(page: Page): Promise<void> {
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByRole("dialog").waitFor({ state: "detached" });
}

test("a key is created with all its fields, and its secret is shown once", async () => {
  const page = await latchkey.visit("/keys");
  await page.getByRole("button", { name: "Create a key" }).click();
  await page.getByLabel("API", { exact: true }).last().selectOption(latchkey.seeded.apiId);
  await page.getByLabel("Name", { exact: true }).fill("Made here");
  await page.getByLabel("Owner's external id").fill("acme");
  await page.getByLabel("Prefix").fill("made");
  await page.getByLabel("Credits left").fill("1,000");
  await page.getByLabel("Refill", { exact: true }).selectOption("daily");
  await page.getByLabel("Refill to").fill("500");
  await page.getByText("Roles, permissions, limits and meta").click();
  await page.getByLabel("editor").check();
  await page.getByLabel("Permissions").fill("reports.read\nreports.send");
  await page.getByRole("button", { name: "Add a limit" }).click();
  await page.getByRole("group", { name: "Limit 1" }).getByLabel("Name").fill("calls");
  await page.getByRole("group", { name: "Limit 1" }).getByLabel("Limit", { exact: true }).fill("10");
  await page.getByRole("textbox", { name: "Meta" }).fill('{"made":"here"}');
  await page.getByRole("button", { name: "Create", exact: true }).click();
  const secret = (await page.locator(".secret").textContent()) ?? "";
  assert.match(secret, /^made_/);
  assert.ok(!page.url().includes(secret) && !(await page.title()).includes(secret));
  await page.keyboard.press("Escape"); // the dialog stays open, because its content is shown only once
  await page.getByRole("button", { name: "I have stored it" }).click();
  await page.getByRole("link", { name: "Made here" }).waitFor();
  assert.equal(await page.getByText(secret).count(), 0);
  const data = await call("keys.whoami", { key: secret });
  assert.equal(data.identity.externalId, "acme");
  assert.deepEqual(data.roles, ["editor"]);
  assert.deepEqual(data.meta, { made: "here" });
  assert.equal(data.credits.remaining, 1000);
  assert.equal(data.ratelimits[0].name, "calls");
});

test("an error of the API is shown at its field, and nothing typed is lost", async () => {
  const page = await latchkey.visit("/keys");
  await page.getByRole("button", { name: "Create a key" }).click();
  await page.getByLabel("Prefix").fill("no spaces");
  await page.getByLabel("Name", { exact: true }).fill("Kept");
  await page.getByRole("button", { name: "Create", exact: true }).click();
  const prefix = page.getByLabel("Prefix");
  await page.locator('[aria-invalid="true"]').first().waitFor();
  assert.equal(await prefix.getAttribute("aria-invalid"), "true");
  assert.equal(await page.getByLabel("Name", { exact: true }).inputValue(), "Kept");
  assert.equal(await prefix.inputValue(), "no spaces");
});

test("name, owner, expiry, credits, limits, meta, roles and permissions are changed on the page of the key", async () => {
  const { keyId } = await newKey({ credits: { remaining: 9, refill: { interval: "daily", amount: 9 } } });
  const page = await latchkey.visit(`/keys/${keyId}`);
  await more(page, "Edit name, owner and expiry");
  await page.getByRole("textbox", { name: "Name" }).fill("Changed");
  await page.getByLabel("Owner's external id").fill("new_owner");
  await page.getByLabel("Expires").fill("2090-01-31T12:00");
  await save(page);
  await page.getByRole("heading", { name: "Changed", level: 1 }).waitFor();
  await more(page, "Edit credits");
  await page.getByLabel("Credits left").fill("7");
  await page.getByLabel("Refill", { exact: true }).selectOption("none");
  await save(page);
  await more(page, "Edit limits");
  await page.getByRole("button", { name: "Add a limit" }).click();
  await page.getByRole("group", { name: "Limit 1" }).getByLabel("Name").fill("calls");
  await page.getByRole("group", { name: "Limit 1" }).getByLabel("Limit", { exact: true }).fill("3");
  await save(page);
  await more(page, "Edit meta");
  await page.getByRole("textbox", { name: "Meta" }).fill('{"a":1}');
  await save(page);
  await more(page, "Edit roles and permissions");
  await page.getByLabel("reader").check();
  await page.getByLabel("Permissions of the key itself").fill("x.y");
  await save(page);
  const key = await call("keys.getKey", { keyId });
  assert.equal(key.identity.externalId, "new_owner");
  assert.ok(key.expires > Date.UTC(2090, 0, 30));
  assert.deepEqual(key.credits, { remaining: 7 });
  assert.equal(key.ratelimits[0].limit, 3);
  assert.deepEqual(key.meta, { a: 1 });
  assert.deepEqual(key.permissions.sort(), ["documents.read", "x.y"]);
});

test("a key keeps its expiry to the millisecond when its name is changed, and when a mistyped year is refused", async () => {
  const expires = Date.UTC(2096, 0, 1, 12, 0, 30, 500);
  const { keyId } = await newKey({ expires });
  const page = await latchkey.visit(`/keys/${keyId}`);
  await more(page, "Edit name, owner and expiry");
  await page.getByRole("textbox", { name: "Name" }).fill("Renamed");
  await save(page);
  assert.equal((await call("keys.getKey", { keyId })).expires, expires);
  await more(page, "Edit name, owner and expiry");
  await page.getByLabel("Expires").fill("20900-01-31T12:00");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByRole("dialog").getByText("not a number").waitFor();
  assert.equal((await call("keys.getKey", { keyId })).expires, expires);
});

test("the page of a key lists everything that gives it a permission", async () => {
  const { keyId } = await newKey({ roles: ["editor"], permissions: ["documents.read"] });
  const page = await latchkey.visit(`/keys/${keyId}`);
  await page.getByRole("row", { name: "documents.read the key itself, role editor" }).waitFor();
  await page.getByRole("row", { name: "documents.write role editor" }).waitFor();
});

test("no permission of a role is listed as the key's own while its sources are loading", async () => {
  const { keyId } = await newKey({ roles: ["editor"], permissions: ["x.own"] });
  const page = await latchkey.visit("/keys");
  const release = await hold(page, /keys\.explain$/);
  await page.goto(`/console/keys/${keyId}`);
  await more(page, "Edit roles and permissions");
  const own = page.getByLabel("Permissions of the key itself");
  await page.getByText("Loading the permissions of the key itself").waitFor();
  assert.equal(await own.count(), 0);
  release();
  await own.waitFor();
  assert.equal(await own.inputValue(), "x.own");
});

test("a session that may not read roles can edit a key's access, and what a role also gives stays the key's own", async () => {
  const { keyId } = await newKey({ roles: ["editor"], permissions: ["x.own", "documents.read"] });
  const permissions = "api.*.read_key,api.*.read_api,api.*.update_key";
  const [, editor = ""] = latchkey.server
    .command("root-key", "create", "--permissions", permissions)
    .split("\n");
  const page = await latchkey.arrive(`/keys/${keyId}`);
  await signIn(page, editor);
  await more(page, "Edit roles and permissions");
  const own = page.getByLabel("Permissions of the key itself");
  assert.equal(await own.inputValue(), "documents.read\nx.own");
  await own.fill("documents.read");
  await page.getByLabel("editor").uncheck();
  await save(page);
  const key = await call("keys.getKey", { keyId });
  assert.equal(key.roles, undefined);
  assert.deepEqual(key.permissions, ["documents.read"]);
});

test("a key is disabled and enabled, and the page says so at once", async () => {
  const { keyId } = await newKey();
  const page = await latchkey.visit(`/keys/${keyId}`);
  await page.getByText("A verification that asks for no permissions passes now.").waitFor();
  await page.getByRole("button", { name: "Disable" }).click();
  await page.getByText("The key is disabled.").waitFor();
  await page.getByRole("button", { name: "Enable" }).click();
  await page.getByText("A verification that asks for no permissions passes now.").waitFor();
});

test("an expiry of which only a part was typed is neither ignored nor taken for no expiry", async () => {
  const expires = Date.UTC(2096, 0, 1);
  const { keyId } = await newKey({ expires });
  const page = await latchkey.visit("/keys");
  const dialog = page.getByRole("dialog");
  await page.getByRole("button", { name: "Create a key" }).click();
  await dialog.getByLabel("Name", { exact: true }).fill("Half an expiry");
  await dialog.getByLabel("Expires").focus();
  await page.keyboard.type("01312090"); // the date without the time
  await dialog.getByRole("button", { name: "Create", exact: true }).click();
  assert.equal(
    await dialog.getByLabel("Expires").evaluate((input) => input === document.activeElement),
    true,
  );
  assert.deepEqual(await call("keys.listKeys", { search: "Half an expiry" }), []);
  await page.goto(`/console/keys/${keyId}`);
  await more(page, "Edit name, owner and expiry");
  await dialog.getByLabel("Expires").focus();
  await page.keyboard.press("Delete"); // empties the month
  await dialog.getByRole("button", { name: "Save" }).click();
  assert.equal(
    await dialog.getByLabel("Expires").evaluate((input) => input === document.activeElement),
    true,
  );
  assert.equal((await call("keys.getKey", { keyId })).expires, expires);
});

test("the server's warnings about a key are shown when it is created and when it is changed", async () => {
  const page = await latchkey.visit("/keys");
  const dialog = page.getByRole("dialog");
  await page.getByRole("button", { name: "Create a key" }).click();
  await dialog.getByLabel("Name", { exact: true }).fill("Expired from the start");
  await dialog.getByLabel("Expires").fill("2020-01-31T12:00");
  await dialog.getByRole("button", { name: "Create", exact: true }).click();
  await dialog.getByText("the key has expired").waitFor();
  await page.getByRole("button", { name: "I have stored it" }).click();
  await page.getByRole("link", { name: "Expired from the start" }).click();
  await more(page, "Edit name, owner and expiry");
  await dialog.getByLabel("Expires").fill("2021-01-31T12:00");
  await dialog.getByRole("button", { name: "Save" }).click();
  await page
    .getByRole("dialog", { name: "Saved, with a warning" })
    .getByText("the key has expired")
    .waitFor();
});

test("saving a form undoes nothing that another operator has changed since the page was loaded", async () => {
  const { keyId } = await newKey({ externalId: "first_owner", roles: ["editor"], permissions: ["x.own"] });
  const page = await latchkey.visit(`/keys/${keyId}`);
  await page.getByRole("link", { name: "first_owner" }).waitFor();
  const changes = { externalId: "second_owner", expires: Date.UTC(2096, 0, 1), roles: ["reader"] };
  await call("keys.updateKey", { keyId, ...changes });
  await more(page, "Edit name, owner and expiry");
  await page.getByRole("textbox", { name: "Name" }).fill("Renamed");
  await save(page);
  const limits = [{ name: "calls", limit: 5, duration: 60_000, autoApply: true }];
  await call("keys.updateKey", { keyId, ratelimits: limits });
  await more(page, "Edit limits");
  await page.getByRole("button", { name: "Add a limit" }).click();
  await page.getByRole("group", { name: "Limit 2" }).getByLabel("Name").fill("others");
  await page.getByRole("group", { name: "Limit 2" }).getByLabel("Limit", { exact: true }).fill("3");
  await save(page);
  await call("keys.setRoles", { keyId, roles: ["billing"] });
  await more(page, "Edit roles and permissions");
  await page.getByLabel("Permissions of the key itself").fill("x.other");
  await save(page);
  const key = await call("keys.getKey", { keyId });
  assert.equal(key.name, "Renamed");
  assert.equal(key.identity.externalId, "second_owner");
  assert.equal(key.expires, changes.expires);
  assert.deepEqual(
    key.ratelimits.map(({ name }: { name: string }) => name),
    ["calls", "others"],
  );
  assert.deepEqual(key.roles, ["billing"]);
  assert.ok(key.permissions.includes("x.other") && !key.permissions.includes("x.own"));
});

test("a key is rerolled, the old one stays valid for the chosen time, and the page of the new one opens", async () => {
  const { keyId, key } = await newKey();
  const page = await latchkey.visit(`/keys/${keyId}`);
  await page.getByRole("button", { name: "Reroll" }).click();
  await page.getByLabel("The old key").selectOption("1 hour");
  await page.getByRole("button", { name: "Create the new key" }).click();
  const secret = (await page.locator(".secret").textContent()) ?? "";
  await page.getByRole("button", { name: "I have stored it" }).click();
  await page.waitForURL(
    (url) => url.pathname.startsWith("/console/keys/key_") && !url.pathname.endsWith(keyId),
  );
  await more(page, "Edit meta");
  await page.getByRole("textbox", { name: "Meta" }).waitFor();
  await page.goBack(); // to the page of the old key, on which the dialog would edit the old key
  await page.getByRole("dialog").waitFor({ state: "detached" });
  for (const one of [key, secret]) assert.equal((await call("keys.verifyKey", { key: one })).valid, true);
});

test("neither Escape nor Ctrl-K nor the back button loses the new key of a reroll, before or after it arrives", async () => {
  const { keyId } = await newKey({ name: "To reroll" });
  const page = await latchkey.visit("/keys");
  await page.getByRole("link", { name: "To reroll" }).click();
  const release = await hold(page, /keys\.rerollKey$/);
  await page.getByRole("button", { name: "Reroll" }).click();
  await page.getByRole("button", { name: "Create the new key" }).click();
  await page.getByRole("button", { name: "Sending" }).waitFor();
  const tryToLeave = async () => {
    await page.keyboard.press("Escape");
    await page.keyboard.press("Control+k");
    await page.goBack();
    await page.waitForURL((url) => url.pathname.endsWith(keyId));
  };
  await tryToLeave();
  await page.getByRole("button", { name: "Cancel" }).click({ force: true });
  release();
  await page.locator(".secret").waitFor();
  await tryToLeave();
  await page.getByRole("button", { name: "I have stored it" }).click();
  await page.waitForURL((url) => !url.pathname.endsWith(keyId));
  assert.equal(await page.getByRole("dialog").count(), 0);
});

test("a recoverable key is shown again, and for another key the page says why it cannot be shown", async () => {
  const { keyId, key } = await newKey({ recoverable: true });
  const page = await latchkey.visit(`/keys/${keyId}`);
  await more(page, "Reveal the key");
  assert.equal(await page.locator(".secret").textContent(), key);
  const other = await newKey();
  await page.goto(`/console/keys/${other.keyId}`);
  await more(page, "Reveal the key");
  await page.getByText("not created as recoverable").waitFor();
});

test("a key is deleted only after its name was typed, or how it begins if the name is blank", async () => {
  const { keyId, key } = await newKey();
  const blank = await newKey({ name: " " });
  const page = await latchkey.visit(`/keys/${blank.keyId}`);
  await more(page, "Delete");
  await page.getByLabel(`Type ${blank.key.slice(0, 4)}`).waitFor();
  await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await page.getByText("This is not the name.").waitFor();
  await page.goto(`/console/keys/${keyId}`);
  await more(page, "Delete");
  await page.getByLabel("Type To change to confirm").fill("something else");
  await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await page.getByText("This is not the name.").waitFor();
  await page.getByLabel("Type To change to confirm").fill("To change");
  await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await page.getByRole("heading", { name: "Keys", level: 1 }).waitFor();
  assert.equal((await call("keys.verifyKey", { key })).code, "NOT_FOUND");
});

test("all keys of an identity are disabled at once, also those that the page does not list", async () => {
  const { key: oldest } = await newKey({ externalId: "leaver" });
  for (let n = 0; n < 51; n += 1) await newKey({ externalId: "leaver" });
  const page = await latchkey.visit("/identities/leaver");
  await page.getByRole("button", { name: "Disable all" }).click();
  await page.getByLabel("Type leaver to confirm").fill("leaver");
  await page.getByRole("dialog").getByRole("button", { name: "Disable all" }).click();
  await page.getByRole("dialog").waitFor({ state: "detached" });
  assert.equal((await call("keys.verifyKey", { key: oldest })).code, "DISABLED");
  assert.deepEqual(await call("keys.listKeys", { identity: "leaver", enabled: true }), []);
});

test("if the session may disable only some keys of an identity, the others are counted", async () => {
  const { apiId: otherApi } = await call("apis.createApi", { name: "Not for the helper" });
  await newKey({ externalId: "half" });
  await newKey({ externalId: "half", apiId: otherApi });
  const { key: helper } = await call("rootKeys.createKey", {
    permissions: [
      "identity.*.read_identity",
      "api.*.read_key",
      "api.*.read_api",
      `api.${latchkey.seeded.apiId}.update_key`,
    ],
  });
  const page = await latchkey.arrive("/identities/half");
  await signIn(page, helper);
  await page.getByRole("button", { name: "Disable all" }).click();
  await page.getByLabel("Type half to confirm").fill("half");
  await page.getByRole("dialog").getByRole("button", { name: "Disable all" }).click();
  await page.getByText("Keys disabled: 1, not disabled: 1.").waitFor();
});

test("while it is not known what gives a key its permissions, they cannot be edited", async () => {
  const keyId = await keyThatWaits();
  const page = await latchkey.visit(`/keys/${keyId}`);
  await more(page, "Edit roles and permissions");
  await page.getByRole("dialog").getByText("They stay unchanged").waitFor();
  await page.getByRole("dialog").getByText("its first verification must send").waitFor();
});

test("roles and apis beyond the first 100 can be chosen, a filter that is not in its list is shown, and roles have pages", async () => {
  const page = await latchkey.visit("/keys?role=deleted_role");
  assert.equal(await page.getByLabel("Role").inputValue(), "deleted_role");
  for (let n = 1; n <= 101; n += 1) {
    await call("permissions.createRole", { name: `bulk_${n}` });
    await call("apis.createApi", { name: `Bulk ${n}` });
  }
  const { keyId } = await newKey();
  await page.goto(`/console/keys/${keyId}`);
  await more(page, "Edit roles and permissions");
  await page.getByLabel("bulk_101").check();
  await save(page);
  assert.deepEqual((await call("keys.getKey", { keyId })).roles, ["bulk_101"]);
  await page.goto("/console/keys");
  await page.getByLabel("API", { exact: true }).selectOption("Bulk 101");
  await page.getByText("Nothing matches these filters.").waitFor();
  await page.goto("/console/roles");
  await page.getByRole("heading", { name: "editor" }).waitFor();
  await page.getByRole("button", { name: "Next page" }).click();
  await page.getByRole("heading", { name: "bulk_60" }).waitFor();
  await page.getByRole("button", { name: "First page" }).click();
  await page.getByRole("heading", { name: "editor" }).waitFor();
});
