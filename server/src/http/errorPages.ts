import { catalogue } from "../errors/catalogue.ts";
import { documentOf, html, page } from "./page.ts";

const rows = Object.entries(catalogue).sort(([, a], [, b]) => a.status - b.status);
const prefix = "/errors/";

/** Returns the page of the error whose type ends with this path; undefined if no error has that type. */
export function errorPage(path: string): Response | undefined {
  const document = documents().get(path);
  return document === undefined ? undefined : page(document);
}

/** Lists every error, with a link to its page. */
export function errorIndex(): Response {
  return page(documents().get(index) ?? "");
}

const index = "/errors";
let built: ReadonlyMap<string, string> | undefined;

/** The pages by path, built on first use. */
function documents(): ReadonlyMap<string, string> {
  built ??= new Map([
    [index, indexDocument()],
    ...rows.map(([, { type }]) => [prefix + type, errorDocument(type)] as const),
  ]);
  return built;
}

function errorDocument(type: string): string {
  const sections = rows
    .filter(([, row]) => row.type === type)
    .map(
      ([code, { status, title, when, fix }]) =>
        `<h2>${status} ${title} <code>${code}</code></h2><p>${html(when)}</p><p>${html(fix)}</p>`,
    );
  return documentOf(type, `<h1>${type}</h1>${sections.join("")}`);
}

function indexDocument(): string {
  const items = rows.map(
    ([code, row]) => `<li>${row.status} <a href="${prefix}${row.type}">${code}</a>: ${html(row.when)}</li>`,
  );
  return documentOf("Errors", `<h1>Errors</h1><ul>${items.join("")}</ul>`);
}
