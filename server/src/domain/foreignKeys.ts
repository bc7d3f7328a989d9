/** A key in the form of seamapi's prefixed-api-key: `<prefix>_<short token>_<long token>`. */
export type PrefixedKey = { prefix: string; start: string; longToken: string };

/**
 * Splits a key into its prefix and tokens; undefined if the key has fewer than three parts. The system that issued such
 * a key hashed only the long token.
 */
export function parsePrefixedKey(key: string): PrefixedKey | undefined {
  const parts = key.split("_");
  const longToken = parts.at(-1);
  const shortToken = parts.at(-2);
  if (parts.length < 3 || longToken === undefined || shortToken === undefined) return undefined;
  const prefix = parts.slice(0, -2).join("_");
  return { prefix, start: `${prefix}_${`${shortToken}_${longToken}`.slice(0, 4)}`, longToken };
}

/** Converts a SHA-256 from hex, base64 or base64url to base64url without padding. Undefined for any other text. */
export function parseSha256(text: string): string | undefined {
  return parseDigest(text, 32);
}

/**
 * Converts a digest of `byteLength` bytes from hex, base64 or base64url to base64url without padding. Undefined for any
 * other text.
 */
export function parseDigest(text: string, byteLength: number): string | undefined {
  if (text.length === 2 * byteLength && /^[0-9a-fA-F]+$/.test(text)) return hexToBase64url(text);
  const unpadded = withoutPadding(text);
  if (unpadded === undefined || base64ByteLength(unpadded) !== byteLength) return undefined;
  return unpadded.replaceAll("+", "-").replaceAll("/", "_");
}

/** Removes the padding. Undefined if the padding is not the one that base64 has for this length. */
export function withoutPadding(base64: string): string | undefined {
  const unpadded = base64.replace(/={1,2}$/, "");
  return unpadded === base64 || base64.length === Math.ceil(unpadded.length / 4) * 4 ? unpadded : undefined;
}

const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/** How many bytes this base64 or base64url without padding encodes; undefined if it is not valid, or is truncated. */
export function base64ByteLength(text: string): number | undefined {
  if (!/^[A-Za-z0-9+/_-]+$/.test(text)) return undefined;
  const bytes = Math.floor((text.length * 6) / 8);
  const unusedBits = text.length * 6 - bytes * 8;
  const last = digits.indexOf(text.slice(-1).replace("+", "-").replace("/", "_"));
  return unusedBits < 6 && last % 2 ** unusedBits === 0 ? bytes : undefined;
}

function hexToBase64url(text: string): string {
  return bitsToBase64url(
    Array.from(text, (digit) => Number.parseInt(digit, 16).toString(2).padStart(4, "0")),
  );
}

/** Encodes ASCII text. */
export function asciiToBase64url(text: string): string {
  return bitsToBase64url(
    Array.from(text, (character) => character.charCodeAt(0).toString(2).padStart(8, "0")),
  );
}

function bitsToBase64url(parts: readonly string[]): string {
  const bits = parts.join("");
  const sextets = bits.padEnd(Math.ceil(bits.length / 6) * 6, "0").match(/.{6}/g) ?? [];
  return sextets.map((sextet) => digits[Number.parseInt(sextet, 2)]).join("");
}
