/** A key in the form of seamapi's prefixed-api-key: `<prefix>_<short token>_<long token>`. */
export type PrefixedKey = { prefix: string; start: string; longToken: string };

/** Returns undefined if the key has fewer than three parts. The system that issued it hashed only the long token. */
export function parsePrefixedKey(key: string): PrefixedKey | undefined {
  const parts = key.split("_");
  const longToken = parts.at(-1);
  const shortToken = parts.at(-2);
  if (parts.length < 3 || longToken === undefined || shortToken === undefined) return undefined;
  const prefix = parts.slice(0, -2).join("_");
  return { prefix, start: `${prefix}_${`${shortToken}_${longToken}`.slice(0, 4)}`, longToken };
}

const hex = /^[0-9a-fA-F]{64}$/;
/** the last of 43 digits has two bits that 32 bytes leave unset */
const base64 = /^[A-Za-z0-9+/_-]{42}[AEIMQUYcgkosw048]=?$/;

/** A SHA-256 in base64url without padding, from hex, base64 or base64url; undefined for anything else. */
export function parseSha256(text: string): string | undefined {
  if (hex.test(text)) return hexToBase64url(text);
  if (!base64.test(text)) return undefined;
  return text.slice(0, 43).replaceAll("+", "-").replaceAll("/", "_");
}

const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

function hexToBase64url(text: string): string {
  const bits = Array.from(text, (digit) => Number.parseInt(digit, 16).toString(2).padStart(4, "0")).join("");
  const sextets = bits.padEnd(Math.ceil(bits.length / 6) * 6, "0").match(/.{6}/g) ?? [];
  return sextets.map((sextet) => digits[Number.parseInt(sextet, 2)]).join("");
}
