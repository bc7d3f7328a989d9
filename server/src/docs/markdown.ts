/** Returns the address of a link's target, or `undefined` if the server does not serve it. */
export type Resolve = (target: string) => string | undefined;

const options = { headings: { ids: true }, noHtmlBlocks: true, noHtmlSpans: true } as const;

/**
 * Renders Markdown as HTML. HTML elements in the Markdown become text, a link to something that is not served becomes
 * plain text, and pictures are left out. Tables and code blocks scroll on their own if they are wide, so they can get
 * the keyboard focus (`tabindex`) to be scrolled with the arrow keys.
 */
export function markdownToHtml(markdown: string, resolve: Resolve): string {
  // a screen reader would announce an empty header
  const html = Bun.markdown.html(markdown, options).replaceAll("<th></th>", "<td></td>");
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
