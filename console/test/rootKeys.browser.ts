/** Tests the screen of the root keys, and that nobody can lock themselves out. */
import assert from "node:assert/strict";
import { rootKey } from "./server.ts";
import { signIn, test, testConsole } from "./setUp.ts";

const latchkey = testConsole();

test("a root key is created with a preset, a session with it has only those permissions, and it is revoked by typing its name", async () => {
  const page = await latchkey.visit("/root-keys");
  await page.getByText("every permission and no expiry").waitFor();
  await page.getByRole("button", { name: "Create a root key" }).click();
  await page.getByLabel("Name", { exact: true }).fill("Checkout");
  await page.getByLabel("Allowed to").selectOption("Verify keys of one api");
  await page.getByLabel("API", { exact: true }).selectOption(latchkey.seeded.apiId);
  await page.getByRole("button", { name: "Create", exact: true }).click();
  const secret = (await page.locator(".secret").textContent()) ?? "";
  await page.getByRole("button", { name: "I have stored it" }).click();
  const row = page.getByRole("row", { name: "Checkout" });
  await row.getByText(`api.${latchkey.seeded.apiId}.verify_key`).waitFor();
  const verified = await latchkey.server.call("keys.verifyKey", { key: latchkey.seeded.key }, secret);
  assert.equal(verified.valid, true);

  const other = await latchkey.arrive("/identities");
  await signIn(other, secret);
  const refusal =
    'Missing one of these permissions: "identity.<id>.read_identity" or "identity.*.read_identity".';
  await other.getByText(refusal).waitFor();

  await row.getByRole("button", { name: "Revoke" }).click();
  await page.getByLabel("Type Checkout to confirm").fill("Checkout");
  await page.getByRole("dialog").getByRole("button", { name: "Revoke" }).click();
  await row.waitFor({ state: "detached" });
  await other.getByRole("link", { name: "Roles" }).click();
  await other.getByRole("heading", { name: "The session has ended" }).waitFor();
});

test("a root key is created with a list of permissions, and a wrong permission is named at its field", async () => {
  const page = await latchkey.visit("/root-keys");
  await page.getByRole("button", { name: "Create a root key" }).click();
  await page.getByLabel("Allowed to").selectOption("Only permissions that I list");
  await page.getByLabel("Permissions").fill("api.*.verify_keys");
  await page.getByRole("button", { name: "Create", exact: true }).click();
  await page.locator('[aria-invalid="true"]').waitFor();
  assert.equal(await page.getByLabel("Permissions").inputValue(), "api.*.verify_keys");
});

test("a session that may not list the apis creates a key by the api's id, and a mistyped meta is shown", async () => {
  const { apiId } = latchkey.seeded;
  const [, creator = ""] = latchkey.server
    .command("root-key", "create", "--permissions", `api.${apiId}.create_key`)
    .split("\n");
  const page = await latchkey.arrive("/keys");
  await signIn(page, creator);
  await page.getByRole("button", { name: "Create a key" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("textbox", { name: "API id" }).fill(apiId);
  const more = dialog.getByText("Roles, permissions, limits and meta");
  await more.click();
  const meta = dialog.getByRole("textbox", { name: "Meta" });
  await meta.fill("{plan}");
  await more.click();
  await dialog.getByRole("button", { name: "Create", exact: true }).click();
  await meta.fill('{"plan":"free"}');
  await dialog.getByRole("button", { name: "Create", exact: true }).click();
  await page.locator(".secret").waitFor();
});

test("a mistyped year is refused, so that it never creates a root key without an expiry", async () => {
  const page = await latchkey.visit("/root-keys");
  await page.getByRole("button", { name: "Create a root key" }).click();
  await page.getByLabel("Name", { exact: true }).fill("Mistyped year");
  await page.getByLabel("Allowed to").selectOption("Read everything");
  await page.getByLabel("Expires").fill("20900-01-31T12:00");
  await page.getByRole("button", { name: "Create", exact: true }).click();
  await page.getByRole("dialog").locator('[aria-invalid="true"]').waitFor();
  assert.equal(await page.getByLabel("Expires").getAttribute("aria-invalid"), "true");
  await page.getByRole("button", { name: "Cancel" }).click();
  assert.equal(await page.getByRole("row", { name: "Mistyped year" }).count(), 0);
});

test("the new root key of a reroll stays in view when the old one leaves the list", async () => {
  const { call } = latchkey.server;
  const { keyId } = await call("rootKeys.createKey", { name: "Leaving", permissions: ["api.*.read_api"] });
  const page = await latchkey.visit("/root-keys");
  await page.route(/rootKeys\.rerollKey$/, async (route) => {
    const response = await route.fetch();
    await call("rootKeys.deleteKey", { keyId });
    await route.fulfill({ response });
  });
  await page.getByRole("row", { name: "Leaving" }).getByRole("button", { name: "Reroll" }).click();
  const read = page.waitForResponse(/rootKeys\.listKeys$/);
  await page.getByRole("button", { name: "Create the new root key" }).click();
  await (await read).finished();
  await page.locator(`a[href*="${keyId}"]`).waitFor({ state: "detached" });
  assert.ok(((await page.locator(".secret").textContent()) ?? "") !== "");
});

test("the last root key with all permissions can be neither disabled nor revoked", async () => {
  const page = await latchkey.visit("/root-keys");
  const row = page.getByRole("row", { name: "this session" });
  await row.getByRole("button", { name: "Disable" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Disable" }).click();
  await page.getByRole("dialog").getByRole("alert").waitFor();
  const apis = await latchkey.server.call("apis.listApis", {}, rootKey);
  assert.ok(apis.length > 0);
});
