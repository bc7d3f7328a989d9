import { catalogue } from "../errors.ts";

const rows = Object.entries(catalogue);
const prefix = "/errors/";

/** The page of the error whose type ends like this path, where there is one. */
export function errorPage(path: string): Response | undefined {
  if (!path.startsWith(prefix)) return undefined;
  const matching = rows.filter(([, row]) => prefix + row.type === path);
  if (matching.length === 0) return undefined;
  const sections = matching.map(
    ([code, { status, title, when, fix }]) =>
      `<h2>${status} ${title} <code>${code}</code></h2><p>${html(when)}</p><p>${html(fix)}</p>`,
  );
  return page(path.slice(prefix.length), sections.join(""));
}

/** Every error, each with a link to its page. */
export function errorIndex(): Response {
  const items = rows.map(
    ([code, row]) => `<li>${row.status} <a href="${prefix}${row.type}">${code}</a>: ${html(row.when)}</li>`,
  );
  return page("Errors", `<ul>${items.join("")}</ul>`);
}

function page(title: string, body: string): Response {
  const document = `<!doctype html><html lang="en"><meta charset="utf-8"><title>${title} - Latchkey</title><body style="font-family:system-ui;max-width:44rem;margin:2rem auto;line-height:1.5"><h1>${title}</h1>${body}</body></html>`;
  return new Response(document, { headers: { "Content-Type": "text/html; charset=utf-8" } });
}

function html(text: string): string {
  return text
    .replace(/&/g, "&amp;")
    .replace(/</g, "&lt;")
    .replace(/>/g, "&gt;")
    .replace(/`([^`]+)`/g, "<code>$1</code>");
}
