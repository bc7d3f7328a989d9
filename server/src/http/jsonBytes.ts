/** Stateless helpers of `scanJson.ts` for the bytes of a JSON text. */

export const QUOTE = 0x22;
export const BACKSLASH = 0x5c;
export const LETTER_U = 0x75;

/** By byte: 1 if a string may contain the byte unescaped, else 0. */
export const isPlain = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte >= 0x20 && byte !== QUOTE && byte !== BACKSLASH ? 1 : 0,
);

/** The position of the first byte at or after `from` that a string may not contain unescaped. */
export function skipPlain(bytes: Uint8Array, from: number): number {
  let at = from;
  while (at < bytes.length && isPlain[bytes[at] ?? 0] === 1) at += 1;
  return at;
}

const NOT_A_DIGIT = 255;
const hexDigit = new Uint8Array(256).fill(NOT_A_DIGIT);
for (const [value, digit] of Array.from("0123456789abcdef").entries()) {
  hexDigit[digit.charCodeAt(0)] = value;
  hexDigit[digit.toUpperCase().charCodeAt(0)] = value;
}

/** The value of the four hexadecimal digits at `from`; -1 if any of the four bytes is not a hexadecimal digit. */
export function readHex(bytes: Uint8Array, from: number): number {
  let value = 0;
  for (let at = from; at < from + 4; at += 1) {
    const digit = hexDigit[bytes[at] ?? 0] ?? 0;
    if (digit === NOT_A_DIGIT) return -1;
    value = value * 16 + digit;
  }
  return value;
}

/** The kinds of bytes in a number. INTEGER: a digit or a minus. POINT: the point. EXPONENT: `e`, `E` or a plus. */
export const INTEGER = 1;
const POINT = 2;
export const EXPONENT = 4;
/** By byte: its kind; 0 if no number contains the byte. */
export const numberPart = new Uint8Array(256);
for (const digit of "-0123456789") numberPart[digit.charCodeAt(0)] = INTEGER;
for (const letter of "eE+") numberPart[letter.charCodeAt(0)] = EXPONENT;
numberPart[0x2e] = POINT;

/** Whether a number can be stored: a safe integer, or any finite number if it has a point or an exponent. */
export function isInRange(literal: string): boolean {
  const value = Math.abs(Number(literal));
  return /[.eE]/.test(literal) ? value !== Infinity : !(value > Number.MAX_SAFE_INTEGER);
}

/** `ignoreBOM` keeps U+FEFF at the start of a name. */
const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });

export function decode(bytes: Uint8Array): string {
  return utf8.decode(bytes);
}

/** Decodes the bytes between a string's quotes. If an escape is broken, returns the text with its escapes. */
export function unescaped(bytes: Uint8Array): string {
  const text = decode(bytes);
  try {
    return String(JSON.parse(`"${text}"`));
  } catch {
    return text;
  }
}

/** Whether two ranges of `bytes` have the same content. `end` and `otherEnd` are exclusive. */
export function sameBytes(
  bytes: Uint8Array,
  from: number,
  end: number,
  otherFrom: number,
  otherEnd: number,
): boolean {
  if (end - from !== otherEnd - otherFrom) return false;
  for (let i = 0; from + i < end; i += 1) {
    if (bytes[from + i] !== bytes[otherFrom + i]) return false;
  }
  return true;
}
