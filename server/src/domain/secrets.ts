const ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
const ROOT_KEY_PREFIX = "latchkey_root_";
const ROOT_KEY_MIN_BYTES = 24;
const ROOT_KEY_MAX_BYTES = 64;
const CHECKSUM_BYTES = 4;
/** base58 takes quadratic time, so a presented key is only decoded up to this length; 64 + 4 bytes are 93 letters. */
const ROOT_KEY_MAX_LETTERS = 100;

/** base58 with Bitcoin's alphabet; each leading zero byte becomes a `1`. Quadratic: for tens of bytes. */
export function base58(bytes: Uint8Array): string {
  const zeros = countZeros(bytes);
  const digits = changeBase(bytes.subarray(zeros), 256, 58);
  return "1".repeat(zeros) + digits.reduceRight((text, digit) => text + ALPHABET.charAt(digit), "");
}

/**
 * A new API key from random `bytes`: `<prefix>_<base58>`, or `<base58>` alone where no prefix is wanted
 * (`undefined` or empty). `start` is what may be stored and shown: the prefix and the first four letters.
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
    throw new RangeError(`a root key takes ${ROOT_KEY_MIN_BYTES} to ${ROOT_KEY_MAX_BYTES} random bytes`);
  }
  const body = new Uint8Array(bytes.length + CHECKSUM_BYTES);
  body.set(bytes);
  new DataView(body.buffer).setUint32(bytes.length, crc32(bytes));
  return ROOT_KEY_PREFIX + base58(body);
}

/**
 * Whether a presented text is one of our root keys: `ok` when its checksum holds, `mistyped` when it begins like one
 * and is none (so no look-up is needed), `other` when it does not begin like one and says nothing.
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
  const values = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i += 1) {
    const value = ALPHABET.indexOf(text.charAt(i));
    if (value < 0) return undefined;
    values[i] = value;
  }
  const zeros = countZeros(values);
  const tail = changeBase(values.subarray(zeros), 58, 256).reverse();
  const bytes = new Uint8Array(zeros + tail.length);
  bytes.set(tail, zeros);
  return bytes;
}

/** The same number in another base of at most 256: `digits` most significant first, the answer least significant first. */
function changeBase(digits: Uint8Array, from: number, to: number): Uint8Array {
  const answer = new Uint8Array(Math.ceil((digits.length * Math.log(from)) / Math.log(to)) + 1);
  let length = 0;
  for (const digit of digits) {
    let carry = digit;
    for (let i = 0; i < length || carry > 0; i += 1) {
      carry += (answer[i] ?? 0) * from;
      answer[i] = carry % to;
      carry = (carry / to) | 0;
      if (i === length) length += 1;
    }
  }
  return answer.subarray(0, length);
}

/** How many leading values are zero. */
function countZeros(values: Uint8Array): number {
  let count = 0;
  while (values[count] === 0) count += 1;
  return count;
}

/** CRC-32 as in zip and PNG (reflected, polynomial 0xEDB88320), bit by bit: a key is short. */
function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return (crc ^ 0xffffffff) >>> 0;
}
