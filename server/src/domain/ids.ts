export type IdPrefix =
  | "id"
  | "key"
  | "api"
  | "ks"
  | "rl"
  | "perm"
  | "role"
  | "rlns"
  | "rlor"
  | "ws"
  | "req"
  | "log"
  | "mig"
  | "hit"
  | "root"
  | "grant"
  | "hold"
  | "mov";

/** Creates one id. `nowMs` is the wall clock in whole milliseconds since 1970. */
export type MakeId = (prefix: IdPrefix, nowMs: number) => string;

/** When the id was created, by the clock of the process that created it; undefined if this is not an id. */
export function createdAtMs(id: string): number | undefined {
  const [, time = ""] = /^[a-z]+_([0-9A-Za-z]{8})[0-9A-Za-z]{14}$/.exec(id) ?? [];
  if (time === "") return undefined;
  return Array.from(time).reduce((sum, digit) => sum * 62 + DIGITS.indexOf(digit), 0);
}

/** All ids with this prefix that were created before this time sort before the returned text. */
export function startOfIds(prefix: IdPrefix, ms: number): string {
  return `${prefix}_${encode8(ms)}`;
}

/**
 * Whether `ref` has the form of an id, but is the name of the record that was found. The caller probably means the id
 * of another record, which may be deleted already, so an operation that deletes must not delete the found record.
 */
export function looksLikeIdOfAnother(ref: string, prefix: IdPrefix, foundId: string): boolean {
  return (
    ref !== foundId && ref.startsWith(`${prefix}_`) && /^[0-9A-Za-z]{22}$/.test(ref.slice(prefix.length + 1))
  );
}

/** The digits are in byte order. So ids of one prefix sort by the time of their creation. */
const DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const POW4 = 62 ** 4;
const POW7 = 62 ** 7;
const POOL_BYTES = 4096;
/** All pairs of letters, in order. Looking up a pair is faster than computing its two letters. */
const PAIRS = Array.from(DIGITS, (first) => Array.from(DIGITS, (second) => first + second)).flat();

/**
 * Creates ids of the form `prefix_` + 8 letters of time + 14 random letters (83 bits), all base62.
 * `randomBytes(n)` must return n bytes of a CSPRNG.
 *
 * Each id sorts after the previous id of the same prefix: within a millisecond, the random part grows by a random step,
 * and if the clock is set back, ids keep the last time until the clock has passed it.
 */
export function idMaker(randomBytes: (n: number) => Uint8Array): MakeId {
  const random = randomPool(randomBytes);
  let lastMs = 0;
  let time = encode8(0);
  let high = random.digits7();
  let low = random.digits7();
  let head = time + encode7(high); // everything before the letters of `low`

  function start(ms: number): void {
    lastMs = ms;
    time = encode8(ms);
    high = random.digits7();
    low = random.digits7();
    head = time + encode7(high);
  }

  function step(): void {
    low += random.step();
    if (low < POW7) return;
    low -= POW7;
    high += 1;
    if (high < POW7) head = time + encode7(high);
    else start(lastMs + 1); // the random part is exhausted, so use the next millisecond early
  }

  return (prefix, nowMs) => {
    if (nowMs > lastMs) start(nowMs);
    else step();
    return `${prefix}_${head}${encode7(low)}`;
  };
}

function randomPool(randomBytes: (n: number) => Uint8Array) {
  let pool: DataView = new DataView(new ArrayBuffer(0));
  let at = 0;

  /** Where the next `count` unused bytes of the pool begin. */
  function take(count: number): number {
    if (at + count > pool.byteLength) {
      const bytes = randomBytes(POOL_BYTES);
      pool = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      at = 0;
    }
    at += count;
    return at - count;
  }

  return {
    /**
     * A uniform random number from 0 to 62^7 − 1. It is drawn from 42 random bits. A draw that is too large, one in
     * five, is discarded.
     */
    digits7(): number {
      for (;;) {
        const from = take(6);
        const drawn = (pool.getUint16(from) & 0x3ff) * 2 ** 32 + pool.getUint32(from + 2);
        if (drawn < POW7) return drawn;
      }
    },
    /** A random step from 1 to 2^20. */
    step(): number {
      return (pool.getUint32(take(4)) & 0xfffff) + 1;
    },
  };
}

function encode8(value: number): string {
  return encode4(Math.floor(value / POW4)) + encode4(value % POW4);
}

function encode7(value: number): string {
  return encode3(Math.floor(value / POW4)) + encode4(value % POW4);
}

function encode4(value: number): string {
  return (PAIRS[Math.floor(value / PAIRS.length)] ?? "") + (PAIRS[value % PAIRS.length] ?? "");
}

function encode3(value: number): string {
  return (DIGITS[Math.floor(value / PAIRS.length)] ?? "") + (PAIRS[value % PAIRS.length] ?? "");
}
