/** Tests the screen with the state of the server. */
import assert from "node:assert/strict";
import { operatorKey, signIn, test, testConsole } from "./setUp.ts";

const metrics = "127.0.0.1:19464";
const latchkey = testConsole({ METRICS_ADDRESS: metrics });

test("an operator sees the node, its cache, and every setting with secrets masked", async () => {
  const page = await latchkey.arrive("/server");
  await signIn(page, operatorKey(latchkey));
  await page.getByRole("region", { name: "Node" }).getByText("SQLite").waitFor();
  await page.getByRole("region", { name: "Memory and usage" }).getByText("MiB").first().waitFor();
  const link = page.getByRole("link", { name: "Metrics" });
  assert.equal(await link.getAttribute("href"), `http://${metrics}/metrics`);
  const settings = page.getByRole("region", { name: "Settings" });
  await settings.getByRole("searchbox", { name: "Setting" }).fill("root_key");
  await settings.getByRole("row", { name: "LATCHKEY_ROOT_KEY", exact: false }).first().waitFor();
  const text = await page.locator("#main").textContent();
  assert.ok(text?.includes("console-tests-root-key") === false, "the root key is shown");
  await settings.getByRole("searchbox", { name: "Setting" }).fill("no such setting");
  await settings.getByText("No setting contains this text.").waitFor();
});

test("a session without the permission to read the server's state is told which one it needs, and asks for nothing", async () => {
  const page = await latchkey.visit("/");
  const asked: string[] = [];
  page.on("request", (request) => asked.push(request.url()));
  await page.getByRole("link", { name: "Server" }).click();
  await page.getByText("This session may not read the state of the server").waitFor();
  await page.getByText("latchkey root-key create").waitFor();
  assert.deepEqual(
    asked.filter((url) => url.includes("server.getStatus")),
    [],
  );
});
