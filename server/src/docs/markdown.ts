/** Returns the address of a link's target, or `undefined` if the server does not serve it. */
export type Resolve = (target: string) => string | undefined;

const options = { headings: { ids: true }, noHtmlBlocks: true, noHtmlSpans: true } as const;

/**
 * Renders Markdown as HTML. Raw HTML becomes text, a link to something that is not served becomes plain text, and
 * pictures are left out. Wide tables and code get their own scroll bars, so they can have the keyboard focus.
 */
export function markdownToHtml(markdown: string, resolve: Resolve): string {
  const html = Bun.markdown.html(markdown, options).replaceAll("<th></th>", "<td></td>"); // an empty header cell is not a header
  return new HTMLRewriter()
    .on("a", {
      element(link) {
        const address = resolve(link.getAttribute("href") ?? "");
        if (address === undefined) link.removeAndKeepContent();
        else link.setAttribute("href", address);
      },
    })
    .on("img", { element: (picture) => void picture.remove() })
    .on("pre", { element: (code) => void code.setAttribute("tabindex", "0") })
    .on("table", {
      element(table) {
        table.before('<div class="table" tabindex="0">', { html: true });
        table.after("</div>", { html: true });
      },
    })
    .on("th", { element: (head) => void head.setAttribute("scope", "col") })
    .transform(html);
}
