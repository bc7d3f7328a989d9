import { hash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { join as joinAddress } from "node:path/posix";
import { fileURLToPath } from "node:url";
import { documentOf } from "../http/page.ts";
import { markdownToHtml, type Resolve } from "./markdown.ts";

/** A page as HTML. `tag` is its ETag, which changes with the content. */
export type Page = { document: string; tag: string };

const here = dirname(fileURLToPath(import.meta.url));
/** where the pages are in the published package and in the image: next to the bundled program */
const shipped = join(here, "docs");
/** where the pages are in a checkout */
const source = join(here, "../../../docs");

/**
 * Returns a function that finds a page by its address. A page is read and rendered when it is first opened.
 * Errors: those of the file system.
 */
export function readPages(): (address: string) => Page | undefined {
  const folder = existsSync(shipped) ? shipped : source;
  const files = filesOf(folder);
  const rendered = new Map<string, Page>();
  return (address) => {
    const file = files.get(address);
    if (file === undefined) return undefined;
    const page = rendered.get(address) ?? render(readFileSync(join(folder, file), "utf8"), file, files);
    rendered.set(address, page);
    return page;
  };
}

/** Lists the files of the pages, by address. */
function filesOf(folder: string): ReadonlyMap<string, string> {
  const names = existsSync(folder) ? readdirSync(folder, { recursive: true, encoding: "utf8" }) : [];
  const pages = names.map((name) => name.replaceAll("\\", "/")).filter((name) => name.endsWith(".md"));
  return new Map(pages.map((name) => [addressOf(name), name]));
}

/** Returns the address of a page. A README has the address of its folder. */
function addressOf(file: string): string {
  return joinAddress("/docs", file.replace(/\.md$/, "").replace(/(^|\/)README$/, "")).replace(/\/$/, "");
}

function render(markdown: string, file: string, files: ReadonlyMap<string, string>): Page {
  const resolve: Resolve = (target) => {
    if (/^(https?:|#)/.test(target)) return target;
    const [path = "", anchor] = target.split("#");
    const address = addressOf(joinAddress(dirname(file), path));
    if (!files.has(address)) return undefined;
    return anchor === undefined ? address : `${address}#${anchor}`;
  };
  const title = (/^# (.*)/.exec(markdown)?.[1] ?? "Documentation").replaceAll("`", "");
  const document = documentOf(title, markdownToHtml(markdown, resolve));
  return { document, tag: `"${hash("sha256", document, "base64url")}"` };
}
