import { describe, expect, test } from "bun:test";
import { globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expectRefusal } from "../../test/refusal.ts";
import { readReply } from "../../test/reply.ts";
import { testServer } from "../../test/setUp.ts";
import { operations } from "../operations/index.ts";
import { markdownToHtml } from "./markdown.ts";

const server = testServer();
const get = async (path: string, headers: Record<string, string> = {}) =>
  readReply(await fetch(server.url + path, { headers, redirect: "error" }));

const root = join(import.meta.dir, "../../..");
const files = globSync(["docs/**/*.md", "sdk/README.md", "testing/README.md"], { cwd: root });
const addressOf = (file: string) => `/docs/${file.replace(/^docs\//, "")}`.replace(/(\/README)?\.md$/, "");
const addresses = files.map(addressOf);

describe("the documentation of a running server", () => {
  test("has an index that links every operation by its group, the concepts and the recipes", async () => {
    const { text } = await get("/docs");
    for (const { name } of operations) {
      expect(text).toContain(`<a href="/docs/reference/${name}">${name}</a>`);
      expect(text).toContain(`<h3 id="${name.split(".")[0]?.toLowerCase()}">`);
    }
    for (const page of ["concepts", "recipes", "errors"]) expect(text).toContain(`<a href="/docs/${page}">`);
    expect((await get("/docs/")).text).toBe(text);
  });

  test("serves every page of the repository without leftovers of Markdown, and no link is broken", async () => {
    const pages = await Promise.all(addresses.map(async (path) => ({ path, ...(await get(path)) })));
    const anchors = new Set(
      pages.flatMap(({ path, text }) => [
        path,
        ...[...text.matchAll(/ id="([^"]+)"/g)].map(([, id]) => `${path}#${id}`),
      ]),
    );
    for (const { path, status, text } of pages) {
      expect([path, status]).toEqual([path, 200]);
      expect([path, text.match(/<h1/g)?.length]).toEqual([path, 1]);
      const prose = text.replace(/<(pre|code)\b[\s\S]*?<\/\1>/g, "");
      expect([path, prose.match(/`|\*\*|\]\(|^#|^\||^- /gm)]).toEqual([path, null]);
      const links = [...text.matchAll(/ href="([^"]+)"/g)].map(([, link = ""]) =>
        link.startsWith("#") ? path + link : link,
      );
      const own = links.filter((link) => link.startsWith("/docs"));
      expect([path, own.filter((link) => !anchors.has(link))]).toEqual([path, []]);
    }
    expect(pages.length).toBeGreaterThan(operations.length);
  });

  test("keeps every link between pages of the repository", async () => {
    const found: string[] = [];
    for (const file of files) {
      const { text } = await get(addressOf(file));
      const prose = readFileSync(join(root, file), "utf8").replace(/^```[\s\S]*?^```/gm, "");
      for (const [, target = ""] of prose.matchAll(/\]\(([\w./-]+\.md)(?:#[^)]*)?\)/g)) {
        const linked = join(dirname(file), target);
        if (!files.includes(linked)) continue; // some pages exist only in the repository, such as SECURITY.md
        found.push(linked);
        expect([file, target, text.includes(` href="${addressOf(linked)}`)]).toEqual([file, target, true]);
      }
    }
    expect(found).toContain("sdk/README.md");
    expect(found).toContain("testing/README.md");
  });

  test("has this server's address in its examples, and keeps the default address in the text that explains the default", async () => {
    const { text } = await get("/docs/quickstarts/hono");
    expect(text).toContain(`url=${server.url}\n`);
    expect(text).not.toContain("127.0.0.1:7070");
    expect((await get("/docs/sdk")).text).toContain("<code>http://127.0.0.1:7070</code>");
  });

  test("is not sent again while it is unchanged", async () => {
    const first = await get("/docs/concepts");
    const tag = first.headers.get("etag") ?? "";
    expect(tag).toMatch(/^"[\w-]{43}"$/);
    const again = await get("/docs/concepts", { "If-None-Match": tag });
    expect([again.status, again.text, again.headers.get("etag")]).toEqual([304, "", tag]);
    const other = await get("/docs/quotas", { "If-None-Match": tag });
    expect(other.status).toBe(200);
  });

  test("serves no other file", async () => {
    for (const path of [
      "/docs/no-such",
      "/docs/reference",
      "/docs/concepts.md",
      "/docs/..%2f..%2fpackage",
      "/docs/console/key-light.png",
    ]) {
      expectRefusal(await get(path), "unknown_operation");
    }
  });
});

describe("Markdown", () => {
  const html = (markdown: string) =>
    markdownToHtml(markdown, (target) => (target === "none.md" ? undefined : target));

  test("becomes HTML", () => {
    expect(html("# The `x` of y\nText with **bold**\nand `a<b`.\n\n- one\n  more\n- two\n\n1. first")).toBe(
      '<h1 id="the-x-of-y">The <code>x</code> of y</h1>\n<p>Text with <strong>bold</strong>\nand <code>a&lt;b</code>.</p>\n<ul>\n<li>one\nmore</li>\n<li>two</li>\n</ul>\n<ol>\n<li>first</li>\n</ol>\n',
    );
    expect(html("```sh\n# not a heading\n\n[a](b)\n```\nafter")).toBe(
      '<pre tabindex="0"><code class="language-sh"># not a heading\n\n[a](b)\n</code></pre>\n<p>after</p>\n',
    );
    expect(html("| a | b |\n|---|---|\n| `1` | \\| |")).toBe(
      '<div class="table" tabindex="0"><table>\n<thead>\n<tr><th scope="col">a</th><th scope="col">b</th></tr>\n</thead>\n<tbody>\n<tr><td><code>1</code></td><td>|</td></tr>\n</tbody>\n</table></div>\n',
    );
  });

  test("keeps links to pages that are served, and turns other links into plain text", () => {
    expect(html("[`x`](a.md#b) and [y](none.md)")).toBe('<p><a href="a.md#b"><code>x</code></a> and y</p>\n');
  });

  test("cannot add HTML elements or attributes of its own", () => {
    expect(html('<script>alert(1)</script> [a](x" onclick="y)')).not.toMatch(/<script|" onclick/);
  });
});
