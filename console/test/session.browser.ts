/** Tests signing in and out, and sessions that end while the user works. */
import assert from "node:assert/strict";
import { rootKey } from "./server.ts";
import { signIn, test, testConsole } from "./setUp.ts";

const latchkey = testConsole();

test("a root key signs in, and is neither in the URL nor in anything that scripts can read", async () => {
  const page = await latchkey.arrive("/identities");
  await signIn(page, rootKey);
  await page.getByRole("heading", { name: "Identities", level: 1 }).waitFor();
  const readable = await page.evaluate(() => [
    location.href,
    document.title,
    document.cookie,
    document.documentElement.outerHTML,
    JSON.stringify([localStorage, sessionStorage]),
  ]);
  for (const text of readable) assert.ok(!text.includes(rootKey));
  assert.equal(readable[2], "");
});

test("if a root key is wrong, the page says what is wrong, and the key stays in the field", async () => {
  const page = await latchkey.arrive("/");
  await page.getByLabel("Root key").fill("latchkey_root_mistyped");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByText("Is mistyped: paste the root key as it was shown.").waitFor();
  assert.equal(await page.getByLabel("Root key").inputValue(), "latchkey_root_mistyped");
  await page.getByLabel("Root key").fill("x".repeat(40));
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("alert").getByText("No root key matches").waitFor();
});

test("signing out shows the sign-in page, and the back button shows nothing of the session", async () => {
  const page = await latchkey.arrive("/identities");
  await signIn(page, rootKey);
  await page.getByRole("link", { name: "customer_0001" }).click();
  await page.getByRole("heading", { name: "customer_0001" }).waitFor();
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByLabel("Root key").waitFor();
  await page.goBack();
  await page.getByLabel("Root key").waitFor();
  assert.equal(await page.getByText("customer_0001").count(), 0);
});

test("when a session ends, the page keeps what was typed, and works again after signing in", async () => {
  const page = await latchkey.arrive("/identities/customer_0002");
  await signIn(page, rootKey);
  await page.getByRole("button", { name: "Edit meta" }).click();
  await page.getByRole("textbox", { name: "Meta" }).fill('{"plan":"typed before the end"}');
  await page.context().clearCookies();
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByRole("heading", { name: "The session has ended" }).waitFor();
  await signIn(page, rootKey);
  assert.equal(
    await page.getByRole("textbox", { name: "Meta" }).inputValue(),
    '{"plan":"typed before the end"}',
  );
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByRole("dialog").waitFor({ state: "detached" });
  const identity = await latchkey.server.call("identities.getIdentity", { identity: "customer_0002" });
  assert.equal(identity.meta.plan, "typed before the end");
});

test("two tabs share a session, and both see it end", async () => {
  const page = await latchkey.arrive("/identities");
  await signIn(page, rootKey);
  const other = await page.context().newPage();
  await other.goto("/console/identities/customer_0003");
  await other.getByRole("heading", { name: "customer_0003" }).waitFor();
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByLabel("Root key").waitFor();
  await other.getByRole("link", { name: "Identities" }).click();
  await other.getByRole("heading", { name: "The session has ended" }).waitFor();
});

test("a lost connection is reported once and retried, and the page works again when the server is back", async () => {
  const page = await latchkey.arrive("/identities");
  await signIn(page, rootKey);
  await page.getByRole("link", { name: "customer_0001" }).waitFor();
  await latchkey.server.halt();
  await page.getByLabel("External id").fill("acme");
  await page.getByText("The server cannot be reached").waitFor();
  assert.equal(await page.getByText("The server cannot be reached").count(), 1);
  await latchkey.server.restart();
  await page.getByRole("link", { name: "acme" }).waitFor();
  await page.getByText("The server cannot be reached").waitFor({ state: "detached" });
});

test("the session of a revoked root key ends at its next call", async () => {
  const [id = "", key = ""] = latchkey.server.command("root-key", "create", "--permissions", "*").split("\n");
  const page = await latchkey.arrive("/identities");
  await signIn(page, key);
  await page.getByRole("link", { name: "customer_0001" }).waitFor();
  latchkey.server.command("root-key", "revoke", id);
  await page.getByRole("link", { name: "customer_0001" }).click();
  await page.getByRole("heading", { name: "The session has ended" }).waitFor();
  await signIn(page, key);
  await page.getByRole("alert").getByText("No root key matches").waitFor();
});

test("an action that the root key may not do is disabled and names the permission", async () => {
  const reader = latchkey.server
    .command("root-key", "create", "--permissions", "api.*.read_key,api.*.read_api")
    .split("\n")[1];
  const page = await latchkey.arrive(`/keys/${latchkey.seeded.keyId}`);
  await signIn(page, reader ?? "");
  const disable = page.getByRole("button", { name: "Disable" });
  await disable.waitFor();
  assert.equal(await disable.getAttribute("aria-disabled"), "true");
  assert.equal(await disable.getAttribute("title"), "Needs the permission api.<id>.update_key");
  await page.getByRole("button", { name: "More" }).click();
  await page.getByRole("menuitem", { name: "Delete needs api.<id>.delete_key" }).waitFor();
});

test("a session outlives a restart of the server", async () => {
  const page = await latchkey.arrive("/identities");
  await signIn(page, rootKey);
  await latchkey.server.restart();
  await page.getByRole("link", { name: "customer_0004" }).click();
  await page.getByRole("heading", { name: "customer_0004" }).waitFor();
});

test("the first load is at most 250 kB compressed, and nothing of it is loaded again", async () => {
  const page = await latchkey.arrive("/");
  await page.getByLabel("Root key").waitFor();
  const sizes = () =>
    page.evaluate(() =>
      performance
        .getEntriesByType("resource")
        .map((entry) => (entry as PerformanceResourceTiming).transferSize)
        .reduce((sum, size) => sum + size, 0),
    );
  const first = await sizes();
  assert.ok(first > 50_000 && first < 250_000, `${first} bytes`);
  await page.reload();
  await page.getByLabel("Root key").waitFor();
  assert.ok((await sizes()) < 5_000);
});
