const ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
const NO_LETTER = 255;
const valueOfLetter = new Uint8Array(128).fill(NO_LETTER);
for (let value = 0; value < 58; value += 1) valueOfLetter[ALPHABET.charCodeAt(value)] = value;
const ROOT_KEY_PREFIX = "latchkey_root_";
const ROOT_KEY_MIN_BYTES = 24;
const ROOT_KEY_MAX_BYTES = 64;
const CHECKSUM_BYTES = 4;
/**
 * Decoding base58 takes time that grows with the square of the length, so longer texts are not decoded. The longest
 * root key has 93 letters after the prefix, for 64 + 4 bytes.
 */
const ROOT_KEY_MAX_LETTERS = 100;

/**
 * base58 with Bitcoin's alphabet; each leading zero byte becomes a `1`. Only for tens of bytes, because the time grows
 * with the square of their number.
 */
export function base58(bytes: Uint8Array): string {
  const zeros = countZeros(bytes);
  // the least significant digit first; a byte needs log 256 / log 58 = 1.366 digits
  const digits = new Uint8Array(Math.ceil(bytes.length * 1.37));
  let length = 0;
  for (const byte of bytes) {
    let carry = byte;
    for (let i = 0; i < length || carry > 0; i += 1) {
      carry += (digits[i] ?? 0) * 256;
      digits[i] = carry % 58;
      carry = (carry / 58) | 0;
      if (i === length) length += 1;
    }
  }
  let text = "1".repeat(zeros);
  for (let i = length - 1; i >= 0; i -= 1) text += ALPHABET.charAt(digits[i] ?? 0);
  return text;
}

/**
 * A new API key from random `bytes`: `<prefix>_<base58>`, or `<base58>` alone if `prefix` is `undefined` or empty.
 * `start` is the part that may be stored and shown: the prefix and the first four letters after it.
 */
export function apiKeySecret(prefix: string | undefined, bytes: Uint8Array): { key: string; start: string } {
  const head = prefix ? `${prefix}_` : "";
  const secret = base58(bytes);
  return { key: head + secret, start: head + secret.slice(0, 4) };
}

/**
 * A new root key from 24 to 64 random bytes: `latchkey_root_` + base58 of the bytes and their CRC-32 (4 bytes,
 * big-endian). Throws a RangeError for another number of bytes.
 */
export function rootKeySecret(bytes: Uint8Array): string {
  if (bytes.length < ROOT_KEY_MIN_BYTES || bytes.length > ROOT_KEY_MAX_BYTES) {
    throw new RangeError(`a root key needs ${ROOT_KEY_MIN_BYTES} to ${ROOT_KEY_MAX_BYTES} random bytes`);
  }
  const body = new Uint8Array(bytes.length + CHECKSUM_BYTES);
  body.set(bytes);
  new DataView(body.buffer).setUint32(bytes.length, crc32(bytes));
  return ROOT_KEY_PREFIX + base58(body);
}

/** The first and last characters of a root key, which may be stored and shown, so that people recognize the key. */
export function rootKeyParts(rootKey: string): { start: string; end: string } {
  if (!rootKey.startsWith(ROOT_KEY_PREFIX)) return { start: "", end: "" };
  return { start: rootKey.slice(0, ROOT_KEY_PREFIX.length + 4), end: rootKey.slice(-4) };
}

/**
 * Whether the text has the form of a root key. `ok`: it has the form, and its checksum is right. `mistyped`: it has the
 * prefix of a root key, but cannot be a root key, so no look-up is needed. `other`: it lacks the prefix, but may be a
 * root key that was set by hand.
 */
export function looksLikeRootKey(text: string): "ok" | "mistyped" | "other" {
  if (!text.startsWith(ROOT_KEY_PREFIX)) return "other";
  if (text.length > ROOT_KEY_PREFIX.length + ROOT_KEY_MAX_LETTERS) return "mistyped";
  const body = fromBase58(text.slice(ROOT_KEY_PREFIX.length));
  if (body === undefined || body.length < ROOT_KEY_MIN_BYTES + CHECKSUM_BYTES) return "mistyped";
  const split = body.length - CHECKSUM_BYTES;
  const checksum = new DataView(body.buffer).getUint32(split);
  return checksum === crc32(body.subarray(0, split)) ? "ok" : "mistyped";
}

function fromBase58(text: string): Uint8Array<ArrayBuffer> | undefined {
  const bytes = new Uint8Array(text.length); // more than enough, filled from the end
  let first = bytes.length;
  let zeros = 0;
  for (let at = 0; at < text.length; at += 1) {
    const value = valueOfLetter[text.charCodeAt(at)] ?? NO_LETTER;
    if (value === NO_LETTER) return undefined;
    if (value === 0 && at === zeros) zeros += 1;
    first = appendDigit(bytes, first, value);
  }
  return bytes.slice(first - zeros);
}

/** Multiplies the number in `bytes` from `first` on by 58, and adds `value`. Returns where the number begins now. */
function appendDigit(bytes: Uint8Array, first: number, value: number): number {
  let carry = value;
  let at = bytes.length - 1;
  for (; at >= first || carry > 0; at -= 1) {
    carry += (bytes[at] ?? 0) * 58;
    bytes[at] = carry & 255;
    carry >>= 8;
  }
  return at + 1;
}

/** How many leading values are zero. */
function countZeros(values: Uint8Array): number {
  let count = 0;
  while (values[count] === 0) count += 1;
  return count;
}

/** CRC-32 as in zip and PNG (reflected, polynomial 0xEDB88320). Without a table, because a key is short. */
function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc >>> 1) ^ (0xedb88320 & -(crc & 1));
  }
  return (crc ^ 0xffffffff) >>> 0;
}
