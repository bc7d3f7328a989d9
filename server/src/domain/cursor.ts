const PREFIX = "cursor_";
const MAX_LETTERS = 1024;
const BASE64_TEXT = /^[A-Za-z0-9+/_-]+={0,2}$/;
const ID_TEXT = /^[a-z]+_[A-Za-z0-9]{1,64}$/;

/**
 * Where a page begins: after the row with this id. If the list is not ordered by creation, `by` is the field that
 * orders it, and `value` the row's value of that field, or null if it has none.
 */
export type Position = { id: string; by?: string | undefined; value?: number | null | undefined };

/** The cursor of the page after this row: `cursor_` + base64url of `{"key":"<id>"}`, with `by` and `value` if set. */
export function encodeCursor(last: string | Position): string {
  const { id: key, by, value } = typeof last === "string" ? { id: last } : last;
  const base64 = btoa(JSON.stringify({ key, by, value }));
  return PREFIX + base64.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/**
 * The id after which the page begins, or undefined if `text` is not a cursor. Like Unkey, it accepts a cursor of at
 * most 1024 characters with or without `cursor_`, in base64 or base64url, padded or not. The JSON object in it has an
 * id as `key` or, without `key`, as `lastId`.
 */
export function decodeCursor(text: string): string | undefined {
  return decodePosition(text)?.id;
}

/** Like `decodeCursor`, for lists that can be ordered by several fields. */
export function decodePosition(text: string): Position | undefined {
  if (text.length > MAX_LETTERS) return undefined;
  const encoded = text.startsWith(PREFIX) ? text.slice(PREFIX.length) : text;
  if (!BASE64_TEXT.test(encoded)) return undefined;
  const content = readContent(encoded.replaceAll("-", "+").replaceAll("_", "/"));
  const id = "key" in content ? content.key : content.lastId;
  if (typeof id !== "string" || !ID_TEXT.test(id)) return undefined;
  const { by, value } = content;
  if (typeof by !== "string") return { id };
  return value === null || Number.isSafeInteger(value)
    ? { id, by, value: value as number | null }
    : undefined;
}

type Content = { key?: unknown; lastId?: unknown; by?: unknown; value?: unknown };

function readContent(base64: string): Content {
  try {
    const content: unknown = JSON.parse(atob(base64));
    return typeof content === "object" && content !== null ? content : {};
  } catch {
    return {}; // atob and JSON.parse throw on anything malformed
  }
}
