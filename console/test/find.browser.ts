/** Tests that a key is found by its secret, which never leaves the browser, and that its refusals are explained. */
import assert from "node:assert/strict";
import { paste, sentBy, testMainFlows } from "./mainFlows.ts";
import { test, testConsole } from "./setUp.ts";

const latchkey = testConsole();
testMainFlows(latchkey);

test("an unknown key is not found, and is sent only if the user says that it is not a secret", async () => {
  const page = await latchkey.visit("/identities");
  const sent = sentBy(page);
  const unknown = "pay_7hG2kLmNpQrStUvWxYz3A4";
  await paste(page, unknown);
  await page.getByText("No key with this hash").waitFor();
  assert.equal(await page.getByRole("searchbox", { name: "Find" }).inputValue(), "");
  assert.ok(!sent.some((one) => one.includes(unknown)));
  await page.getByRole("button", { name: "This is not a secret" }).click();
  await page.getByText("No identity, key or api has this text").waitFor();
});

test("a pasted root key is recognized and never sent", async () => {
  const page = await latchkey.visit("/identities");
  const sent = sentBy(page);
  await paste(page, "latchkey_root_2cGKbMxRyIzhCxo1Idjz8q2cGKbMxRyIzh");
  await page.getByText("This is a root key").waitFor();
  assert.deepEqual(sent, []);
});

test("a pasted id opens its record, and a text finds identities, keys and apis", async () => {
  const page = await latchkey.visit("/identities");
  await paste(page, latchkey.seeded.keyId);
  await page.waitForURL(`**/keys/${latchkey.seeded.keyId}`);
  await page.keyboard.press("/");
  await page.getByRole("searchbox", { name: "Find" }).fill("acme");
  await page.getByRole("region", { name: "Keys" }).getByRole("link", { name: "Acme, production" }).waitFor();
  await page.getByRole("region", { name: "Identities" }).getByRole("link", { name: "acme" }).click();
  await page.getByRole("heading", { name: "acme", level: 1 }).waitFor();
});

test("while the server has searched only a part of the records, the page does not say that nothing has the text", async () => {
  const page = await latchkey.visit("/identities");
  await page.route(/identities\.listIdentities$/, async (route) => {
    const response = await route.fetch();
    const body = await response.json(); // as in a workspace with more records than one search reads
    const pagination = { hasMore: true, cursor: "any" };
    await route.fulfill({ response, json: { ...body, data: [], pagination } });
  });
  await paste(page, "no such name");
  await page.getByText("Nothing found yet.").waitFor();
});

test("the explanation shows the permission query as a tree, and asking again changes nothing", async () => {
  const { keyId } = latchkey.seeded;
  const page = await latchkey.visit(`/why?keyId=${keyId}`);
  await page.getByText("The request passes now.").waitFor();
  await page.getByLabel("Permission query").fill("documents.read AND (a.b OR c.d)");
  await page.getByRole("button", { name: "Explain" }).click();
  await page.getByText("any of").waitFor();
  await page.getByRole("button", { name: "Explain" }).click();
  await page.getByLabel("Cost in credits").fill("1,000");
  const explained = page.waitForResponse(/keys\.explain$/);
  await page.getByRole("button", { name: "Explain" }).click();
  assert.equal((await explained).status(), 200);
  await page.getByLabel("Permission query").fill("documents.read AND");
  await page.getByRole("button", { name: "Explain" }).click();
  await page.getByRole("alert").waitFor();
  await page.goBack();
  const used = await latchkey.server.call("keys.getKey", { keyId });
  await page.reload();
  assert.equal((await latchkey.server.call("keys.getKey", { keyId })).lastUsedAt, used.lastUsedAt);
});

test("a secret that is pasted into the form is hashed and leaves the field", async () => {
  const page = await latchkey.visit("/why");
  const sent = sentBy(page);
  await page.getByLabel("Key or key id").fill(latchkey.seeded.refusedKey);
  await page.getByRole("button", { name: "Explain" }).click();
  await page.getByText("Rate limited").first().waitFor();
  assert.equal(await page.getByLabel("Key or key id").inputValue(), "");
  assert.ok(!sent.some((one) => one.includes(latchkey.seeded.refusedKey)));
  assert.ok(!page.url().includes(latchkey.seeded.refusedKey));
});

test("from an event, the recorded request is explained with everything that it asked for", async () => {
  const { call } = latchkey.server;
  const { key } = await call("keys.createKey", { apiId: latchkey.seeded.apiId, externalId: "one_request" });
  await call("keys.verifyKey", { key, permissions: "reports.read OR reports.export" });
  const page = await latchkey.visit("/live?outcome=INSUFFICIENT_PERMISSIONS");
  await page.getByRole("row", { name: "one_request" }).getByRole("link", { name: "Why?" }).click();
  await page.getByText("The same request now:").waitFor();
  await page.getByText("reports.export").first().waitFor();
  await page.getByRole("link", { name: "Open the key" }).click();
  await page.getByRole("heading", { level: 1 }).waitFor();
  await page.goto("/console/why?requestId=req_0VcKQ6lbjdhiMhjKUc0pvAA&keyId=key_0VcKQ6lbjdhiMhjKUc0pvA");
  await page.getByRole("alert").waitFor();
  await page.getByRole("button", { name: "Explain the key without this request" }).click();
  await page.waitForURL((url) => !url.search.includes("requestId"));
});
