import { hash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { join as joinAddress } from "node:path/posix";
import { fileURLToPath } from "node:url";
import { documentOf } from "../http/page.ts";
import { markdownToHtml, type Resolve } from "./markdown.ts";

/** A page as HTML. `tag` changes with its content. */
export type Page = { document: string; tag: string };

const here = dirname(fileURLToPath(import.meta.url));
/** The folder that contains `docs/`: the bundled program's folder, or the root of a checkout. */
const root = existsSync(join(here, "docs")) ? here : join(here, "../../..");

/**
 * Returns a function that finds a page by its address, such as `/docs/quotas`. The function reads and renders a page
 * when the page is first requested. The examples of a page call the server at `serverUrl`. Errors: those of the file
 * system.
 */
export function readPages(serverUrl: string): (address: string) => Page | undefined {
  const names = namesByAddress();
  const rendered = new Map<string, Page>();
  return (address) => {
    const name = names.get(address);
    if (name === undefined) return undefined;
    const page = rendered.get(address) ?? render(name, serverUrl, names);
    rendered.set(address, page);
    return page;
  };
}

/** Returns the file of every page, as a path in the repository, by the page's address. */
function namesByAddress(): ReadonlyMap<string, string> {
  const docs = join(root, "docs");
  const files = existsSync(docs) ? readdirSync(docs, { recursive: true, encoding: "utf8" }) : [];
  const names = [...files.map((name) => `docs/${name.replaceAll("\\", "/")}`), ...packagePages];
  return new Map(names.filter((name) => name.endsWith(".md")).map((name) => [addressOf(name), name]));
}

const packagePages = ["sdk/README.md", "testing/README.md"];

/** Returns the address of a page. A README has the address of its folder. */
function addressOf(name: string): string {
  const path = name.replace(/^docs\//, "").replace(/\.md$/, "");
  return joinAddress("/docs", path.replace(/(^|\/)README$/, "")).replace(/\/$/, "");
}

/** Replaces the default address by `serverUrl` in code blocks only: the text may explain the default address. */
function callingServer(markdown: string, serverUrl: string): string {
  const examples = /^```[\s\S]*?^```/gm;
  return markdown.replace(examples, (example) =>
    example.replaceAll("http://127.0.0.1:7070", () => serverUrl),
  );
}

function render(name: string, serverUrl: string, names: ReadonlyMap<string, string>): Page {
  const markdown = callingServer(readFileSync(join(root, name), "utf8"), serverUrl);
  const resolve: Resolve = (target) => {
    if (/^(https?:|#)/.test(target)) return target;
    const [path = "", anchor] = target.split("#");
    const address = addressOf(joinAddress(dirname(name), path));
    if (!names.has(address)) return undefined;
    return anchor === undefined ? address : `${address}#${anchor}`;
  };
  const title = (/^# (.*)/.exec(markdown)?.[1] ?? "Documentation").replaceAll("`", "");
  const document = documentOf(title, markdownToHtml(markdown, resolve));
  return { document, tag: `"${hash("sha256", document, "base64url")}"` };
}
