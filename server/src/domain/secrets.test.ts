import { expect, test } from "bun:test";
import fc from "fast-check";
import { apiKeySecret, base58, looksLikeRootKey, rootKeySecret } from "./secrets.ts";

const ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
const someBytes = fc.uint8Array({ minLength: 24, maxLength: 64 });

/** base58 by its definition, with big integers. */
function naiveBase58(bytes: Uint8Array): string {
  let value = bytes.reduce((sum, byte) => sum * 256n + BigInt(byte), 0n);
  let text = "";
  for (; value > 0n; value /= 58n) text = ALPHABET.charAt(Number(value % 58n)) + text;
  const firstOther = bytes.findIndex((byte) => byte !== 0);
  return "1".repeat(firstOther === -1 ? bytes.length : firstOther) + text;
}

test.each([
  ["", ""],
  ["00", "1"],
  ["61", "2g"],
  ["626262", "a3gV"],
  ["73696d706c792061206c6f6e6720737472696e67", "2cFupjhnEsSn59qHXstmK2ffpLv2"],
  ["00eb15231dfceb60925886b67d065299925915aeb172c06647", "1NS17iag9jJgTHD1VXjvLCEnZuQ3rJDE9L"],
  ["00000000000000000000", "1111111111"],
])("base58 of %s is %s, as the published vectors say", (hex, expected) => {
  expect(base58(Uint8Array.fromHex(hex))).toBe(expected);
});

test("base58 writes the bytes as one number, with a 1 for each leading zero byte", () => {
  const bytes = fc.tuple(fc.nat({ max: 3 }), fc.uint8Array({ maxLength: 255 }));
  fc.assert(
    fc.property(bytes, ([zeros, rest]) => {
      const all = Uint8Array.from([...new Uint8Array(zeros), ...rest]);
      expect(base58(all)).toBe(naiveBase58(all));
    }),
  );
});

test("an API key is prefix_base58 and its start shows the prefix and four letters only", () => {
  const bytes = Uint8Array.from({ length: 16 }, (_, i) => i * 7 + 1);
  const secret = base58(bytes);
  expect(apiKeySecret("prod", bytes)).toEqual({ key: `prod_${secret}`, start: `prod_${secret.slice(0, 4)}` });
  expect(apiKeySecret(undefined, bytes)).toEqual({ key: secret, start: secret.slice(0, 4) });
  expect(apiKeySecret("", bytes)).toEqual({ key: secret, start: secret.slice(0, 4) });
});

test("a root key's checksum is the CRC-32 of its random bytes, so that other programs can check it", () => {
  const bytes = new TextEncoder().encode("123456789012345678901234");
  const checksum = Bun.hash.crc32(bytes);
  const body = Uint8Array.from([
    ...bytes,
    checksum >>> 24,
    (checksum >>> 16) & 255,
    (checksum >>> 8) & 255,
    checksum & 255,
  ]);
  expect(rootKeySecret(bytes)).toBe(`latchkey_root_${naiveBase58(body)}`);
});

test("a root key is recognized, also if its random bytes begin with zeros", () => {
  fc.assert(fc.property(someBytes, (bytes) => expect(looksLikeRootKey(rootKeySecret(bytes))).toBe("ok")));
  expect(looksLikeRootKey(rootKeySecret(new Uint8Array(24)))).toBe("ok");
  expect(looksLikeRootKey(rootKeySecret(new Uint8Array(64).fill(255)))).toBe("ok");
});

test("a root key with one letter wrong, two swapped, one missing or one too many is mistyped", () => {
  const slip = fc.record({
    bytes: someBytes,
    at: fc.nat(),
    letter: fc.constantFrom(...ALPHABET.split(""), "0", "l", " ", "é"),
  });
  fc.assert(
    fc.property(slip, ({ bytes, at, letter }) => {
      const key = rootKeySecret(bytes);
      const i = 14 + (at % (key.length - 15));
      const [before, one, two, after] = [key.slice(0, i), key.charAt(i), key.charAt(i + 1), key.slice(i + 2)];
      const slips = [before + letter + two + after, before + two + one + after, before + two + after];
      slips.push(before + letter + one + two + after);
      for (const text of slips) if (text !== key) expect(looksLikeRootKey(text)).toBe("mistyped");
    }),
  );
});

test("a root key with a letter outside of the alphabet is mistyped, even if the checksum would be right", () => {
  // Without a check, a letter outside of the alphabet, such as 0, would have the value 255. Q has 23, and 58 * a + 23
  // is 58 * (a - 4) + 255. So `forged` has 0 for Q, and for the letter before it the one whose value is 4 lower.
  const key = rootKeySecret(new Uint8Array(24).fill(7));
  const forged = Array.from(ALPHABET.slice(4), (letter, i) => key.replace(`${letter}Q`, `${ALPHABET[i]}0`));
  expect(ALPHABET[23]).toBe("Q");
  for (const text of forged) if (text !== key) expect(looksLikeRootKey(text)).toBe("mistyped");
  expect(forged.some((text) => text !== key)).toBe(true);
});

test("a root key with a letter beyond ASCII is mistyped, even if a 1 in its place would be right", () => {
  const key = rootKeySecret(new Uint8Array(24));
  expect(looksLikeRootKey(key.replace("_1", "_１"))).toBe("mistyped");
});

test("a text that does not begin like a root key is judged as `other`", () => {
  for (const text of [
    "",
    "prod_2cFupjhnEsSn59",
    "latchkey_root",
    "Latchkey_root_x",
    " latchkey_root_x",
    "a, b",
  ]) {
    expect(looksLikeRootKey(text)).toBe("other");
  }
});

test("the bare prefix, and one with too few or too many letters after it, are mistyped", () => {
  expect(looksLikeRootKey("latchkey_root_")).toBe("mistyped");
  expect(looksLikeRootKey("latchkey_root_2g")).toBe("mistyped");
  // The CRC-32 of no bytes is 0, so four zero bytes have the right checksum.
  expect(looksLikeRootKey("latchkey_root_1111")).toBe("mistyped");
  // These are more zero bytes than any root key has, with the right checksum.
  const long = Uint8Array.from([...new Uint8Array(110), 0, 0, 0, 0]);
  new DataView(long.buffer).setUint32(110, Bun.hash.crc32(long.subarray(0, 110)));
  expect(looksLikeRootKey(`latchkey_root_${naiveBase58(long)}`)).toBe("mistyped");
  expect(looksLikeRootKey(`latchkey_root_${"z".repeat(1_000_000)}`)).toBe("mistyped");
});

test("a root key with fewer than 24 random bytes is never created", () => {
  expect(() => rootKeySecret(new Uint8Array(23))).toThrow(RangeError);
  expect(() => rootKeySecret(new Uint8Array(65))).toThrow(RangeError);
});

test("judging a presented text never throws", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 120 }), (text) => {
      expect(looksLikeRootKey(`latchkey_root_${text}`)).toBe("mistyped");
    }),
  );
});
