/**
 * Meta as JSON. Characters that change the text direction are shown as escapes, so that they cannot reorder the page.
 */
export function Meta({ meta }: { meta: object }) {
  return <pre className="code">{visible(JSON.stringify(meta, null, 2))}</pre>;
}

function visible(text: string): string {
  return text.replaceAll(
    /[\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]/g,
    (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
