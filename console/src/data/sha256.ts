/** Returns the SHA-256 of a key in base64url. The server stores this hash instead of the key. */
export async function hashKey(key: string): Promise<string> {
  const bytes = new TextEncoder().encode(key);
  // browsers have `crypto.subtle` only over HTTPS and on localhost
  const digest =
    crypto.subtle === undefined
      ? sha256(bytes)
      : new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return base64url(digest);
}

function base64url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replace(/=+$/, "");
}

/** Returns the SHA-256 of a message, as FIPS 180-4 defines it. */
export function sha256(message: Uint8Array): Uint8Array {
  const state = new Uint32Array(initial);
  const padded = pad(message);
  for (let at = 0; at < padded.byteLength; at += 64) addBlock(state, new DataView(padded.buffer, at, 64));
  const digest = new DataView(new ArrayBuffer(32));
  state.forEach((word, index) => {
    digest.setUint32(index * 4, word);
  });
  return new Uint8Array(digest.buffer);
}

/**
 * Returns the message, followed by a 1 bit, zeros, and its length in bits. The length of the result is a multiple of 64
 * bytes.
 */
function pad(message: Uint8Array): Uint8Array<ArrayBuffer> {
  const padded = new Uint8Array(Math.ceil((message.byteLength + 9) / 64) * 64);
  padded.set(message);
  padded[message.byteLength] = 0x80;
  new DataView(padded.buffer).setBigUint64(padded.byteLength - 8, BigInt(message.byteLength) * 8n);
  return padded;
}

const rotate = (word: number, by: number) => (word >>> by) | (word << (32 - by));

function addBlock(state: Uint32Array, block: DataView): void {
  const words = schedule(block);
  let [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = state;
  for (let i = 0; i < 64; i += 1) {
    const high = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25);
    const first = (h + high + ((e & f) ^ (~e & g)) + (constants[i] ?? 0) + (words[i] ?? 0)) | 0;
    const low = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22);
    const second = (low + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    [h, g, f, e, d, c, b, a] = [g, f, e, (d + first) | 0, c, b, a, (first + second) | 0];
  }
  [a, b, c, d, e, f, g, h].forEach((word, index) => {
    state[index] = ((state[index] ?? 0) + word) | 0;
  });
}

function schedule(block: DataView): Int32Array {
  const words = new Int32Array(64);
  for (let i = 0; i < 16; i += 1) words[i] = block.getInt32(i * 4);
  for (let i = 16; i < 64; i += 1) {
    const [old = 0, recent = 0] = [words[i - 15], words[i - 2]];
    const s0 = rotate(old, 7) ^ rotate(old, 18) ^ (old >>> 3);
    const s1 = rotate(recent, 17) ^ rotate(recent, 19) ^ (recent >>> 10);
    words[i] = ((words[i - 16] ?? 0) + s0 + (words[i - 7] ?? 0) + s1) | 0;
  }
  return words;
}

const primes = firstPrimes(64);
/** SHA-256 takes its constants from the fractions of primes' cube roots, and its initial state from square roots. */
const constants = primes.map((prime) => fraction(Math.cbrt(prime)));
const initial = primes.slice(0, 8).map((prime) => fraction(Math.sqrt(prime)));

function fraction(root: number): number {
  return ((root - Math.floor(root)) * 2 ** 32) | 0;
}

function firstPrimes(count: number): number[] {
  const found: number[] = [];
  for (let next = 2; found.length < count; next += 1) {
    if (found.every((prime) => next % prime !== 0)) found.push(next);
  }
  return found;
}
