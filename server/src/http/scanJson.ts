import { memberPath } from "../domain/location.ts";
import {
  BACKSLASH,
  decode,
  EXPONENT,
  INTEGER,
  isInRange,
  isPlain,
  LETTER_U,
  numberPart,
  QUOTE,
  readHex,
  sameBytes,
  skipPlain,
  unescaped,
} from "./jsonBytes.ts";

/**
 * Something that we refuse in a body although JSON allows it. `location` is a path such as `body.ratelimits[0].limit`.
 * `message` continues the sentence that `location` begins.
 */
export type JsonFlaw = { kind: JsonFlawKind; location: string; message: string; fix: string };

export type JsonFlawKind = "too_deep" | "duplicate_member" | "lone_surrogate" | "nul" | "number_out_of_range";

const MAX_DEPTH = 32;
/**
 * Up to this many names of an object are compared pair by pair. If an object has more names, they are put into a Set.
 */
const MAX_COMPARED_NAMES = 128;
const STOP = -1;
const ARRAY = 0;
const OBJECT = 1;
const OBJECT_WITH_SET = 2;

const TEXTS: Record<JsonFlawKind, { message: string; fix: string }> = {
  too_deep: {
    message: `is nested deeper than ${MAX_DEPTH} levels`,
    fix: `nest arrays and objects at most ${MAX_DEPTH} levels deep`,
  },
  duplicate_member: {
    message: "appears twice in the same object",
    fix: "send each member once",
  },
  lone_surrogate: {
    message: "contains half of a surrogate pair, which is not a character",
    fix: "send surrogates in pairs: \\ud800 to \\udbff must be followed by \\udc00 to \\udfff",
  },
  nul: {
    message: "contains the character NUL (\\u0000)",
    fix: "remove the NUL character",
  },
  number_out_of_range: {
    message: "is a number too large to be stored exactly",
    fix: `send an integer of at most ±${Number.MAX_SAFE_INTEGER}, or the number as a string`,
  },
};

type Scan = {
  bytes: Uint8Array;
  /** How many arrays and objects are open. */
  depth: number;
  /** How many arrays and objects may be open at this point. */
  maxDepth: number;
  /** The depth of the object whose member `meta` is being read; 0 outside of metadata. */
  metaDepth: number;
  /** Whether the next string is a member's name, not a value. */
  nameDue: boolean;
  /** By depth: the names of an object with many names, or with escapes in its names. */
  nameSets: Set<string>[];
  flaw: JsonFlaw | undefined;
};

/**
 * The open arrays and objects, by depth. All scans share these arrays: a scan is synchronous and overwrites what
 * it uses.
 */
const FRAMES = 2 * MAX_DEPTH + 1;
const frameKind = new Uint8Array(FRAMES);
/** For an array, the index of the current item. For an object, the number of names read. */
const frameCount = new Int32Array(FRAMES);
/** Where the current member's name begins. */
const frameName = new Int32Array(FRAMES);
const nameStart = new Int32Array(FRAMES * MAX_COMPARED_NAMES);
const nameEnd = new Int32Array(FRAMES * MAX_COMPARED_NAMES);
const nameTag = new Int32Array(FRAMES * MAX_COMPARED_NAMES);
/** Seeds the tags, the hashes of names. Random, so that no sender can slow us down with names that have equal tags. */
const TAG_SEED = (Math.random() * 2 ** 32) | 0;

/**
 * Finds the first thing in a body of UTF-8 JSON that we refuse before parsing it: nesting deeper than 32 levels, a
 * member name twice in one object (after unescaping), a lone surrogate, NUL, an integer beyond ±(2^53 − 1), or a number
 * that overflows to Infinity. Parsers treat these differently, or spend too much time on them.
 *
 * Arrays and objects count alike, and the body itself is level 1. The value of the outermost member named `meta` is
 * level 1 again, so that metadata may nest 32 levels deep wherever it is in the body.
 *
 * The scan is one pass without recursion, in linear time. It leaves syntax errors to the parser: for broken JSON it
 * returns undefined or a flaw, and has scanned everything that the parser reads before it finds the syntax error.
 */
export function scanJson(bytes: Uint8Array): JsonFlaw | undefined {
  const scan: Scan = {
    bytes,
    depth: 0,
    maxDepth: MAX_DEPTH,
    metaDepth: 0,
    nameDue: false,
    nameSets: [],
    flaw: undefined,
  };
  const { length } = bytes;
  let at = 0;
  while (at !== STOP && at < length) at = readToken(scan, bytes[at] ?? 0, at);
  return scan.flaw;
}

/** Each `read…` takes the position of its first byte and returns the position to read next, or STOP. */
function readToken(scan: Scan, byte: number, at: number): number {
  switch (byte) {
    case QUOTE:
      return scan.nameDue ? readName(scan, at + 1) : readString(scan, at + 1);
    case 0x2c: // ,
      if (frameKind[scan.depth] === ARRAY) addOne(frameCount, scan.depth);
      else scan.nameDue = true;
      return at + 1;
    case 0x5b: // [
      return open(scan, ARRAY) ? at + 1 : STOP;
    case 0x7b: // {
      return open(scan, OBJECT) ? at + 1 : STOP;
    case 0x5d: // ]
    case 0x7d: // }
      return close(scan) ? at + 1 : STOP;
    default:
      // spaces, colons, true, false, null, and whatever the parser will refuse
      return numberPart[byte] === INTEGER ? readNumber(scan, at) : at + 1;
  }
}

function addOne(counts: Int32Array, index: number): void {
  counts[index] = (counts[index] ?? 0) + 1;
}

function open(scan: Scan, kind: number): boolean {
  if (scan.depth >= scan.maxDepth) return refuse(scan, "too_deep");
  scan.depth += 1;
  scan.nameDue = kind === OBJECT;
  frameKind[scan.depth] = kind;
  frameCount[scan.depth] = 0;
  frameName[scan.depth] = scan.bytes.length; // no name yet
  return true;
}

function close(scan: Scan): boolean {
  if (scan.depth === 0) return false;
  scan.depth -= 1;
  scan.nameDue = false;
  if (scan.depth < scan.metaDepth) leaveMeta(scan);
  return true;
}

function leaveMeta(scan: Scan): void {
  scan.metaDepth = 0;
  scan.maxDepth = MAX_DEPTH;
}

function readName(scan: Scan, from: number): number {
  const { bytes } = scan;
  frameName[scan.depth] = from;
  scan.nameDue = false;
  let tag = TAG_SEED;
  let at = from;
  for (; at < bytes.length; at += 1) {
    const byte = bytes[at] ?? 0;
    if (isPlain[byte] === 0) break;
    tag = Math.imul(tag ^ byte, 0x01000193);
  }
  if (bytes[at] === QUOTE) return addPlainName(scan, from, at, tag) ? at + 1 : STOP;
  const end = findQuote(scan, at);
  return end !== STOP && addToSet(scan, unescaped(bytes.subarray(from, end))) ? end + 1 : STOP;
}

function addPlainName(scan: Scan, from: number, end: number, tag: number): boolean {
  const { bytes, depth } = scan;
  const count = frameCount[depth] ?? 0;
  if (frameKind[depth] === OBJECT_WITH_SET || count === MAX_COMPARED_NAMES) {
    return addToSet(scan, decode(bytes.subarray(from, end)));
  }
  const first = depth * MAX_COMPARED_NAMES;
  const free = first + count;
  for (let i = first; i < free; i += 1) {
    if (nameTag[i] === tag && sameBytes(bytes, nameStart[i] ?? 0, nameEnd[i] ?? 0, from, end)) {
      return refuse(scan, "duplicate_member");
    }
  }
  nameStart[free] = from;
  nameEnd[free] = end;
  nameTag[free] = tag;
  frameCount[depth] = count + 1;
  enterMember(scan, isMeta(bytes, from, end));
  return true;
}

function addToSet(scan: Scan, name: string): boolean {
  const { depth } = scan;
  const names = (frameKind[depth] === OBJECT_WITH_SET && scan.nameSets[depth]) || moveToSet(scan);
  if (names.has(name)) return refuse(scan, "duplicate_member");
  names.add(name);
  enterMember(scan, name === "meta");
  return true;
}

function moveToSet(scan: Scan): Set<string> {
  const { bytes, depth } = scan;
  const names = new Set<string>();
  const first = depth * MAX_COMPARED_NAMES;
  for (let i = first; i < first + (frameCount[depth] ?? 0); i += 1) {
    names.add(decode(bytes.subarray(nameStart[i], nameEnd[i])));
  }
  frameKind[depth] = OBJECT_WITH_SET;
  scan.nameSets[depth] = names;
  return names;
}

function enterMember(scan: Scan, meta: boolean): void {
  if (scan.depth <= scan.metaDepth) leaveMeta(scan);
  if (!meta || scan.metaDepth > 0) return;
  scan.metaDepth = scan.depth;
  scan.maxDepth = scan.depth + MAX_DEPTH;
}

function isMeta(bytes: Uint8Array, from: number, end: number): boolean {
  if (end - from !== 4 || bytes[from] !== 0x6d) return false;
  return bytes[from + 1] === 0x65 && bytes[from + 2] === 0x74 && bytes[from + 3] === 0x61;
}

function readString(scan: Scan, from: number): number {
  const quote = findQuote(scan, from);
  return quote === STOP ? STOP : quote + 1;
}

/** The position of the string's closing quote; STOP if it is missing. */
function findQuote(scan: Scan, from: number): number {
  const { bytes } = scan;
  let at = skipPlain(bytes, from);
  while (bytes[at] === BACKSLASH) {
    at = readEscape(scan, at);
    if (at === STOP) return STOP;
    at = skipPlain(bytes, at);
  }
  if (bytes[at] === QUOTE) return at;
  return bytes[at] === 0 ? stop(scan, "nul") : STOP;
}

function readEscape(scan: Scan, at: number): number {
  const { bytes } = scan;
  if (bytes[at + 1] !== LETTER_U) return at + 2; // skips two bytes; the parser refuses a wrong escape
  const unit = readHex(bytes, at + 2);
  if (unit === 0) return stop(scan, "nul");
  if (unit < 0xd800 || unit > 0xdfff) return unit < 0 ? STOP : at + 6;
  const paired = unit < 0xdc00 && bytes[at + 6] === BACKSLASH && bytes[at + 7] === LETTER_U;
  const low = paired ? readHex(bytes, at + 8) : -1;
  return low >= 0xdc00 && low <= 0xdfff ? at + 12 : stop(scan, "lone_surrogate");
}

function readNumber(scan: Scan, from: number): number {
  const { bytes } = scan;
  let at = from;
  let seen = 0;
  for (; at < bytes.length; at += 1) {
    const part = numberPart[bytes[at] ?? 0] ?? 0;
    if (part === 0) break;
    seen |= part;
  }
  const length = at - from;
  const isSmall = seen === INTEGER ? length < 16 : seen < EXPONENT && length < 300;
  return isSmall || isInRange(decode(bytes.subarray(from, at))) ? at : stop(scan, "number_out_of_range");
}

function stop(scan: Scan, kind: JsonFlawKind): typeof STOP {
  refuse(scan, kind);
  return STOP;
}

function refuse(scan: Scan, kind: JsonFlawKind): false {
  scan.flaw = { kind, location: currentPath(scan), ...TEXTS[kind] };
  return false;
}

function currentPath(scan: Scan): string {
  let path = "body";
  for (let depth = 1; depth <= scan.depth; depth += 1) {
    const isArray = frameKind[depth] === ARRAY;
    path = memberPath(path, isArray ? (frameCount[depth] ?? 0) : nameAt(scan.bytes, frameName[depth] ?? 0));
  }
  return path;
}

/** The name that begins at `from`. If the flaw is in the name itself, returns as much of the name as can be decoded. */
function nameAt(bytes: Uint8Array, from: number): string {
  let end = from;
  while (end < bytes.length && bytes[end] !== QUOTE) end += bytes[end] === BACKSLASH ? 2 : 1;
  return unescaped(bytes.subarray(from, end));
}
