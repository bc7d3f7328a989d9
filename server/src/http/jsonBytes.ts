/** What the bytes of a JSON text mean, without any state: the small change of `scanJson.ts`. */

export const QUOTE = 0x22;
export const BACKSLASH = 0x5c;
export const LETTER_U = 0x75;

/** 1 for the bytes that may stand in a string as they are. */
export const isPlain = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte >= 0x20 && byte !== QUOTE && byte !== BACKSLASH ? 1 : 0,
);

/** The position of the first byte at or after `from` that may not stand in a string as it is. */
export function skipPlain(bytes: Uint8Array, from: number): number {
  let at = from;
  while (at < bytes.length && isPlain[bytes[at] ?? 0] === 1) at += 1;
  return at;
}

const NO_DIGIT = 255;
const hexDigit = new Uint8Array(256).fill(NO_DIGIT);
for (const [value, digit] of Array.from("0123456789abcdef").entries()) {
  hexDigit[digit.charCodeAt(0)] = value;
  hexDigit[digit.toUpperCase().charCodeAt(0)] = value;
}

/** The value of four hexadecimal digits, -1 where they are none. */
export function readHex(bytes: Uint8Array, from: number): number {
  let value = 0;
  for (let at = from; at < from + 4; at += 1) {
    const digit = hexDigit[bytes[at] ?? 0] ?? 0;
    if (digit === NO_DIGIT) return -1;
    value = value * 16 + digit;
  }
  return value;
}

/** What a byte can be in a number: INTEGER for digits and the sign, POINT, EXPONENT for its letter and plus. */
export const INTEGER = 1;
const POINT = 2;
export const EXPONENT = 4;
export const numberPart = new Uint8Array(256);
for (const digit of "-0123456789") numberPart[digit.charCodeAt(0)] = INTEGER;
for (const letter of "eE+") numberPart[letter.charCodeAt(0)] = EXPONENT;
numberPart[0x2e] = POINT;

/** Whether a number's literal denotes what can be kept: a safe integer, or with a point or exponent any finite number. */
export function isInRange(literal: string): boolean {
  const value = Math.abs(Number(literal));
  return /[.eE]/.test(literal) ? value !== Infinity : !(value > Number.MAX_SAFE_INTEGER);
}

/** Without `ignoreBOM` a name that begins with U+FEFF would lose it. */
const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });

export function decode(bytes: Uint8Array): string {
  return utf8.decode(bytes);
}

/** The text of a string's inside; as it stands where its escapes are broken. */
export function unescaped(bytes: Uint8Array): string {
  const text = decode(bytes);
  try {
    return String(JSON.parse(`"${text}"`));
  } catch {
    return text;
  }
}

/** Whether two stretches of `bytes`, each up to and without its end, are equal. */
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
