/** Tests the login link that a start on a terminal prints, and the built files of the console. */
import { expect, test } from "bun:test";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { openBrowser } from "../../test/browser.ts";
import { newFolder, startServing } from "../../test/program.ts";
import { expectRefusal } from "../../test/refusal.ts";
import { testServer } from "../../test/setUp.ts";
import { until } from "../../test/until.ts";

const main = join(import.meta.dir, "../main.ts");

test("on a terminal, the server prints a link that signs in once; without a terminal it prints none", async () => {
  const folder = newFolder();
  const env = { PATH: process.env["PATH"] ?? "", PORT: "0", DATABASE_URL: ":memory:" };
  let shown = "";
  const decoder = new TextDecoder();
  const child = Bun.spawn([process.execPath, main, "serve"], {
    cwd: folder,
    env,
    terminal: {
      data(_, part) {
        shown += decoder.decode(part);
      },
    },
  });
  const link = await until(() => /(http:\S+)\/console\/#login=([\w-]{43})/.exec(shown) ?? undefined);
  const [, url = "", loginToken] = link;
  const browser = openBrowser({ url });
  expect((await browser.session("POST", { loginToken })).status).toBe(200);
  expectRefusal(await browser.session("POST", { loginToken }), "login_link_invalid");
  child.kill("SIGINT");
  await child.exited;
  const piped = await startServing({ env });
  expect(piped.stderr()).not.toContain("#login");
  piped.child.kill("SIGINT");
  await piped.ended;
  rmSync(folder, { recursive: true });
});

const server = testServer();

test("a browser asks for the page again each time, for its assets only once, and gets both compressed", async () => {
  const get = (path: string, encoding: string) =>
    fetch(`${server.url}/console/${path}`, { headers: { "Accept-Encoding": encoding } });
  const page = await get("", "identity");
  expect(page.headers.get("cache-control")).toBe("no-cache");
  expect(page.headers.get("content-type")).toBe("text/html; charset=utf-8");
  const html = await page.text();
  expect(html).not.toMatch(/<script(?![^>]* src=)|<style| style=| on\w+=/);
  const assets = [...html.matchAll(/\/console\/(assets\/[^"]+)/g)].map(([, path = ""]) => path);
  expect(assets.length).toBeGreaterThanOrEqual(3);
  for (const path of assets) {
    const plain = await get(path, "identity");
    const text = await plain.text();
    expect(plain.headers.get("cache-control")).toBe("public, max-age=31536000, immutable");
    for (const encoding of ["br", "gzip"]) {
      const packed = await get(path, encoding);
      expect(packed.headers.get("content-encoding")).toBe(encoding);
      expect(await packed.text()).toBe(text);
    }
  }
});

test("every path without a file serves the page, except below /console/assets and /console/api", async () => {
  const status = async (path: string) => (await fetch(`${server.url}/console/${path}`)).status;
  for (const path of ["", "keys", "identities/user.name", "index.html"]) expect(await status(path)).toBe(200);
  for (const path of ["assets/", "assets/missing.js", "assets/..%2f..%2fbuild.ts", "api/", "api/x"]) {
    expect(await status(path)).toBe(404);
  }
  const redirected = await fetch(`${server.url}/console`, { redirect: "manual" });
  expect([redirected.status, redirected.headers.get("location")]).toEqual([308, "/console/"]);
});
