import { hash } from "node:crypto";

const style = [
  ":root{color-scheme:light dark;background:Canvas;color:CanvasText}",
  "body{font:1rem/1.5 system-ui,sans-serif;max-width:46rem;margin:0 auto;padding:1rem}",
  "h1,h2,h3,p,li,th{overflow-wrap:anywhere}",
  "pre,.table{overflow-x:auto}",
  "pre{padding:.75rem;border:1px solid #8888;border-radius:.25rem}",
  "table{border-collapse:collapse}",
  "th,td{padding:.25rem .5rem;border:1px solid #8888;text-align:start;vertical-align:top}",
].join("");

const headers = {
  "Content-Type": "text/html; charset=utf-8",
  "X-Content-Type-Options": "nosniff",
  "Content-Security-Policy": `default-src 'none'; style-src 'sha256-${hash("sha256", style, "base64")}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
};

/** An HTML document in the style of all our pages. `body` is HTML that begins with the heading. */
export function documentOf(title: string, body: string): string {
  const head = `<meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><title>${escaped(title)} - Latchkey</title><style>${style}</style>`;
  const nav = `<nav aria-label="Latchkey"><a href="/">Latchkey</a> / <a href="/docs">Documentation</a></nav>`;
  return `<!doctype html><html lang="en"><head>${head}</head><body>${nav}<main>${body}</main></body></html>`;
}

/** The response with an HTML document. If `document` is null, the response has no body, as status 304 requires. */
export function page(document: string | null, status = 200): Response {
  return new Response(document, { status, headers });
}

/** Turns a text into HTML: escapes it, and shows what is between backticks as code. */
export function html(text: string): string {
  return escaped(text).replace(/`([^`]+)`/g, "<code>$1</code>");
}

/** Escapes a text, so that an HTML page or an attribute shows it unchanged. */
export function escaped(text: string): string {
  return text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;").replace(/"/g, "&quot;");
}
