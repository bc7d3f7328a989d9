const PREFIX = "cursor_";
const MAX_LETTERS = 1024;
const BASE64_TEXT = /^[A-Za-z0-9+/_-]+={0,2}$/;
const ID_TEXT = /^[a-z]+_[A-Za-z0-9]{1,64}$/;

/** The cursor of the page that follows the row with this id: `cursor_` + base64url of `{"key":"<id>"}`. */
export function encodeCursor(lastId: string): string {
  const base64 = btoa(JSON.stringify({ key: lastId }));
  return PREFIX + base64.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/**
 * The id a page starts after, or undefined where `text` is no cursor. Accepted: with or without `cursor_`, base64 or
 * base64url, padded or not, at most 1024 characters, a JSON object whose `key` (else `lastId`) is shaped like an id.
 */
export function decodeCursor(text: string): string | undefined {
  if (text.length > MAX_LETTERS) return undefined;
  const encoded = text.startsWith(PREFIX) ? text.slice(PREFIX.length) : text;
  if (!BASE64_TEXT.test(encoded)) return undefined;
  const position = readPosition(encoded.replaceAll("-", "+").replaceAll("_", "/"));
  return typeof position === "string" && ID_TEXT.test(position) ? position : undefined;
}

function readPosition(base64: string): unknown {
  try {
    const content: unknown = JSON.parse(atob(base64));
    if (typeof content !== "object" || content === null) return undefined;
    if ("key" in content) return content.key;
    return "lastId" in content ? content.lastId : undefined;
  } catch {
    return undefined; // atob and JSON.parse throw on anything malformed
  }
}
