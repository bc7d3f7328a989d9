/** The hashes with which other systems store keys. This server itself stores the SHA-256 of the whole key. */
import { closest } from "./closest.ts";
import {
  asciiToBase64url,
  base64ByteLength,
  parseDigest,
  parseSha256,
  withoutPadding,
} from "./foreignKeys.ts";

/** Hashes without a salt. The hash of a presented key can be computed, so the stored key is looked up by its hash. */
export const digestSchemes = ["sha512", "hmac-sha256", "hmac-sha512"] as const;

/**
 * Hashes with a salt. The stored hashes are looked up by the key's first characters, and each is compared with the key.
 */
const saltedSchemes = ["bcrypt", "argon2", "pbkdf2"] as const;

const oldSchemes = [...digestSchemes, ...saltedSchemes] as const;

export type DigestScheme = (typeof digestSchemes)[number];
export type OldScheme = (typeof oldSchemes)[number];

/** The length of each digest in bytes. */
const digestLengths = { sha512: 64, "hmac-sha256": 32, "hmac-sha512": 64 } as const;

/** The most expensive hashes that are accepted. They limit the work of each comparison with a presented key. */
const bounds = {
  bcryptCost: 14,
  argon2MemoryKib: 262_144,
  /** passes times KiB */
  argon2Work: 1_048_576,
  argon2Lanes: 16,
  /** iterations times the blocks of the derived key */
  pbkdf2Work: 3_000_000,
} as const;

/**
 * At most this many keys with a salted hash may have the same first characters, because a look-up compares all of them.
 */
export const mostPerStart = 8;

/**
 * The most work that one comparison may take, and that the comparisons with all keys of the same first characters may
 * take together. A unit is a millionth of the most expensive comparison.
 */
export const mostWork = 1_000_000;

/** The server looks up a key with a salted hash by its first characters: at most this many. */
export const longestStart = 64;

/** A digest in its stored form. */
export function storedDigest(scheme: DigestScheme, base64url: string): string {
  return `${scheme}:${base64url}`;
}

/** How a stored hash was computed. Undefined if it is a SHA-256, or if the key waits without a hash. */
export function schemeOf(hash: string): OldScheme | undefined {
  if (hash.startsWith("$2")) return "bcrypt";
  if (hash.startsWith("$argon2")) return "argon2";
  if (hash.startsWith("$pbkdf2")) return "pbkdf2";
  return digestSchemes.find((scheme) => hash.startsWith(`${scheme}:`));
}

export function isSalted(hash: string): boolean {
  return hash.startsWith("$");
}

/** The work of one comparison with this stored hash, in the unit of `mostWork`. */
export function workOf(hash: string): number {
  return Math.floor(mostWork * shareOf(hash));
}

function shareOf(hash: string): number {
  const [, name = "", first = "", second = "", last = ""] = hash.split("$");
  switch (schemeOf(hash)) {
    case "bcrypt":
      return 2 ** (Number(first) - bounds.bcryptCost);
    case "argon2": {
      const [memory = 0, passes = 0] = Array.from(second.matchAll(/\d+/g), Number);
      return (memory * passes) / bounds.argon2Work;
    }
    case "pbkdf2": {
      const blocks = pbkdf2Blocks(name.slice("pbkdf2-".length), last);
      return (Number(first.slice("i=".length)) * blocks) / bounds.pbkdf2Work;
    }
    default:
      return 0;
  }
}

/** A hash in the form in which it is stored, or why it cannot be stored, and what to do. */
export type ParsedHash = { hash: string } | { flaw: string };

/** Why this text is not a hash in its stored form; undefined if it is. The text must not be a SHA-256. */
export function flawOfStored(text: string): string | undefined {
  const scheme = digestSchemes.find((one) => one === schemeOf(text));
  const parsed =
    scheme === undefined ? parseSalted(text) : parseDigestOf(scheme, text.slice(scheme.length + 1));
  if ("flaw" in parsed) return parsed.flaw;
  return parsed.hash === text ? undefined : `it is written in another form: write it as ${parsed.hash}`;
}

const algorithms = ["sha256", ...oldSchemes] as const;

/** Parses a hash as other systems write it. `algorithm` is needed only for digests other than a SHA-256. */
export function parseForeignHash(text: string, algorithm: string | undefined): ParsedHash {
  const known = algorithms.find((one) => one === algorithm);
  if (algorithm !== undefined && known === undefined) {
    const near = closest(algorithm, algorithms);
    return {
      flaw: `its algorithm is not one of ${algorithms.join(", ")}${near === undefined ? "" : `: did you mean ${near}?`}`,
    };
  }
  const digest = digestSchemes.find((one) => one === known);
  if (digest !== undefined) return parseDigestOf(digest, text);
  const isSha256 = known === "sha256" || (known === undefined && !/^\$|^pbkdf2/.test(text));
  return isSha256 ? parseUnnamed(text) : ofScheme(parseSalted(text), known);
}

function parseUnnamed(text: string): ParsedHash {
  const hash = parseSha256(text);
  if (hash !== undefined) return { hash };
  return {
    flaw:
      parseDigest(text, 64) === undefined
        ? "its hash is not a SHA-256 in hex, base64 or base64url"
        : "its hash has 64 bytes: add a column algorithm, with sha512 or hmac-sha512",
  };
}

function ofScheme(parsed: ParsedHash, scheme: string | undefined): ParsedHash {
  if ("flaw" in parsed || scheme === undefined || schemeOf(parsed.hash) === scheme) return parsed;
  return { flaw: `its hash is not of the algorithm ${scheme}: correct the hash or the algorithm` };
}

/** A digest in hex, base64 or base64url. */
function parseDigestOf(scheme: DigestScheme, text: string): ParsedHash {
  const length = digestLengths[scheme];
  const digest = parseDigest(text, length);
  if (digest !== undefined) return { hash: storedDigest(scheme, digest) };
  return { flaw: `its ${scheme} is not ${length} bytes in hex, base64 or base64url: copy the whole hash` };
}

/** A hash that begins with its scheme, as bcrypt, argon2, passlib and Django write it. */
function parseSalted(text: string): ParsedHash {
  if (text.startsWith("$2")) return parseBcrypt(text);
  if (text.startsWith("$argon2")) return parseArgon2(text);
  if (/^\$?pbkdf2/.test(text)) return parsePbkdf2(text);
  return {
    flaw: "its hash is of no known form: use SHA-256, SHA-512, HMAC-SHA-256, HMAC-SHA-512, bcrypt, argon2 or PBKDF2",
  };
}

function parseBcrypt(text: string): ParsedHash {
  const [, version, digits] = /^\$2([a-z]?)\$(\d\d)\$[./A-Za-z0-9]{53}$/.exec(text) ?? [];
  if (version === undefined) {
    return {
      flaw: "its bcrypt hash is malformed: it must have 60 characters, and begin with $2a$, $2b$ or $2y$",
    };
  }
  if (!["a", "b", "y"].includes(version)) {
    return { flaw: `its bcrypt hash is of the version 2${version}, which is not supported: issue a new key` };
  }
  const cost = Number(digits);
  if (cost >= 4 && cost <= bounds.bcryptCost) return { hash: withoutUnusedBits(text) };
  return {
    flaw: `its bcrypt cost is ${cost}, but only 4 to ${bounds.bcryptCost} are supported: issue a new key`,
  };
}

const bcryptDigits = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/**
 * Clears unused bits: four in the last character of the salt, and two in the last character of the hash. Some programs
 * set them, and then the bcrypt of the runtime does not verify the hash.
 */
function withoutUnusedBits(bcrypt: string): string {
  const cleared = (digit: string, bits: number) => {
    const value = bcryptDigits.indexOf(digit);
    return bcryptDigits.charAt(value - (value % 2 ** bits));
  };
  return `${bcrypt.slice(0, 28)}${cleared(bcrypt.charAt(28), 4)}${bcrypt.slice(29, 59)}${cleared(bcrypt.charAt(59), 2)}`;
}

function parseArgon2(text: string): ParsedHash {
  const form =
    /^\$argon2(?:id|i|d)\$v=(\d+)\$m=(\d{1,9}),t=(\d{1,9}),p=(\d{1,9})\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/;
  const [, version, memory, passes, lanes, salt = "", digest = ""] = form.exec(text) ?? [];
  if (version === undefined || !isSized(salt, 8, 64) || !isSized(digest, 16, 64)) {
    return {
      flaw: "its argon2 hash is malformed: it must have the form $argon2id$v=19$m=…,t=…,p=…$salt$hash in base64 without padding, with a salt of 8 to 64 bytes and a hash of 16 to 64",
    };
  }
  if (version !== "19") {
    return { flaw: `its argon2 hash has version ${version}, but only 19 is supported: issue a new key` };
  }
  const [m, t, p] = [Number(memory), Number(passes), Number(lanes)];
  const isPossible = t >= 1 && p >= 1 && m >= 8 * p;
  const isBounded = p <= bounds.argon2Lanes && m <= bounds.argon2MemoryKib && m * t <= bounds.argon2Work;
  if (isPossible && isBounded) return { hash: text };
  return {
    flaw: `its argon2 parameters m=${m},t=${t},p=${p} are not supported: m must be at least 8p and at most ${bounds.argon2MemoryKib}, m times t at most ${bounds.argon2Work}, and p 1 to ${bounds.argon2Lanes}; issue a new key`,
  };
}

const digestBytes: Readonly<Record<string, number>> = { sha1: 20, sha256: 32, sha512: 64 };

/** Parses the forms of passlib, of PHC strings, and of Django. */
function parsePbkdf2(text: string): ParsedHash {
  const passlib =
    /^\$pbkdf2(?:-(sha1|sha256|sha512))?\$(?:i=)?(\d{1,9})(?:,l=\d+)?\$([A-Za-z0-9+/.]+)\$([A-Za-z0-9+/.]+)$/;
  const django = /^pbkdf2_(sha1|sha256|sha512)\$(\d{1,9})\$([ -#%-~]+)\$([A-Za-z0-9+/]+=*)$/;
  const ofPasslib = passlib.exec(text);
  const [, digest = "sha1", iterations, salt = "", key = ""] = ofPasslib ?? django.exec(text) ?? [];
  const saltBase64 = ofPasslib === null ? asciiToBase64url(salt) : salt;
  const parts = [saltBase64, withoutPadding(key) ?? ""].map(plainBase64);
  const [saltPart = "", keyPart = ""] = parts;
  if (iterations === undefined || !isSized(saltPart, 1, 128) || !isSized(keyPart, 16, 64)) {
    return {
      flaw: "its PBKDF2 hash is malformed: it must have the form $pbkdf2-sha256$i=…$salt$hash in base64 without padding, or pbkdf2_sha256$…$salt$hash, with a hash of 16 to 64 bytes of sha1, sha256 or sha512",
    };
  }
  const count = Number(iterations);
  const blocks = pbkdf2Blocks(digest, keyPart);
  if (count >= 1 && count * blocks <= bounds.pbkdf2Work) {
    return { hash: `$pbkdf2-${digest}$i=${count}$${saltPart}$${keyPart}` };
  }
  return {
    flaw: `its PBKDF2 hash has ${count} iterations for ${blocks} blocks: their product must be 1 to ${bounds.pbkdf2Work}; issue a new key`,
  };
}

function pbkdf2Blocks(digest: string, keyBase64: string): number {
  return Math.ceil((base64ByteLength(keyBase64) ?? 0) / (digestBytes[digest] ?? 1));
}

/** Converts base64url, and passlib's form of base64, to base64. */
function plainBase64(text: string): string {
  return text.replaceAll(/[-.]/g, "+").replaceAll("_", "/");
}

function isSized(base64: string, min: number, max: number): boolean {
  const bytes = base64ByteLength(base64);
  return bytes !== undefined && bytes >= min && bytes <= max;
}
