import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { bcrypt } from "../../test/oldHashes.ts";
import { parseForeignHash } from "../domain/oldHashes.ts";
import { openOldHashes } from "./oldHashes.ts";

/** Test vectors of the reference implementation of argon2, of Openwall's bcrypt, and of passlib. */
const vectors: readonly (readonly [key: string, hash: string])[] = [
  ["password", "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"],
  ["password", "$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc"],
  ["password", "$argon2i$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$wWKIMhR9lyDFvRz9YTZweHKfbftvj+qf+YFY4NeBbtA"],
  ["U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"],
  [
    "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
    "$2a$05$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui",
  ],
  ["password", "$pbkdf2-sha256$1212$4vjV83LKPjQzk31VI4E0Vw$hsYF68OiOUPdDZ1Fg.fJPeq1h/gXXY7acBp9/6c.tmQ"],
  ["password", "$pbkdf2$1212$OB.dtnSEXZK8U5cgxU/GYQ$y5LKPOplRmok7CZp/aqVDVg8zGI"],
];

describe("without a database,", () => {
  const open = (nowMs = () => 0, onFailure = (_place: string, _message: string) => {}) =>
    openOldHashes({
      hmacSecret: Buffer.from("Jefe"),
      threads: 1,
      monotonicMs: nowMs,
      hasOldHashes: async () => true,
      onFailure,
    });

  test("the hashes that other implementations wrote are recognized", async () => {
    const oldHashes = open();
    for (const [key, written] of vectors) {
      const parsed = parseForeignHash(written, undefined);
      const hash = "hash" in parsed ? parsed.hash : parsed.flaw;
      expect([hash, await oldHashes.compare(key, [hash], "x")]).toEqual([hash, { hash }]);
      expect(await oldHashes.compare(`${key}.`, [hash], "x")).toBe("unknown");
    }
    await oldHashes.close();
  });

  test("the HMACs are those of RFC 4231, and the SHA-512 is that of the key alone", () => {
    const [sha512, hmac256, hmac512] = open().digestsOf("what do ya want for nothing?");
    expect(sha512).toBe(
      `sha512:${createHash("sha512").update("what do ya want for nothing?").digest("base64url")}`,
    );
    const known = {
      256: "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
      512: "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
    };
    expect({ hash: hmac256 }).toEqual(parseForeignHash(known[256], "hmac-sha256") as { hash: string });
    expect({ hash: hmac512 }).toEqual(parseForeignHash(known[512], "hmac-sha512") as { hash: string });
  });

  test("a wrong guess is compared once a minute, but immediately if the hashes are others", async () => {
    let nowMs = 0;
    const oldHashes = open(() => nowMs);
    const [one, two] = [bcrypt("one"), bcrypt("two")];
    const guess = (...hashes: string[]) => oldHashes.compare("guess", hashes, "x");
    for (let time = 0; time < 3; time += 1) expect(await guess(one)).toBe("unknown");
    expect(oldHashes.results()).toEqual({ matched: 0, unknown: 1, busy: 0 });
    await guess(one, two);
    expect(oldHashes.results().unknown).toBe(2);
    nowMs += 60_000;
    await guess(one);
    expect(oldHashes.results().unknown).toBe(3);
    await oldHashes.close();
  });

  test("equal guesses at the same moment are one comparison", async () => {
    const oldHashes = open();
    const hash = bcrypt("key", "b", 8);
    const found = await Promise.all([1, 2, 3].map(() => oldHashes.compare("key", [hash], "x")));
    expect(found).toEqual([{ hash }, { hash }, { hash }]);
    expect(oldHashes.results()).toEqual({ matched: 1, unknown: 0, busy: 0 });
    await oldHashes.close();
  });

  test("at most 16 comparisons are pending, and at most two for the same start", async () => {
    const oldHashes = open();
    const hash = bcrypt("key", "b", 6);
    const flood = async (count: number, place: (index: number) => string) => {
      const found = await Promise.all(
        Array.from({ length: count }, (_, index) =>
          oldHashes.compare(`${place(index)}${index}`, [hash], place(index)),
        ),
      );
      return found.filter((one) => one === "busy").length;
    };
    expect(await flood(10, () => "one start")).toBe(8);
    expect(await flood(100, (index) => `start ${index}`)).toBe(84);
    expect(oldHashes.pending()).toBe(0);
    await oldHashes.close();
  });

  test("keys that bcrypt would confuse do not match: they share 72 bytes, or repeat each other after a NUL", async () => {
    const oldHashes = open();
    const long = "x".repeat(72);
    const cut = bcrypt(long);
    expect(await oldHashes.compare(long, [cut], "x")).toEqual({ hash: cut });
    for (const [key, hash] of [
      [`${long}y`, cut],
      [`${long}y`, bcrypt(`${long}y`)], // Bun hashes a long key before bcrypt; other libraries do not
      ["ab\0ab", bcrypt("ab")],
    ] as const) {
      expect(await oldHashes.compare(key, [hash], "x")).toBe("unknown");
    }
    await oldHashes.close();
  });

  test("a hash that cannot be read matches no key, does not hide other hashes, and is reported", async () => {
    const failures: string[][] = [];
    const oldHashes = open(undefined, (...failure) => void failures.push(failure));
    const damaged = "$argon2id$damaged";
    expect(await oldHashes.compare("key", [damaged], "x")).toBe("unknown");
    const hash = bcrypt("key");
    expect(await oldHashes.compare("key", [damaged, hash], "x")).toEqual({ hash });
    const message = expect.stringMatching(/^argon2: Password verification failed/);
    expect(failures).toEqual([
      ["x", message],
      ["x", message],
    ]);
    await oldHashes.close();
  });

  test("a thread that ends is replaced, also for a guess that is queued", async () => {
    const { Worker: Native } = globalThis;
    const threads: Worker[] = [];
    globalThis.Worker = class extends Native {
      constructor(script: string | URL) {
        super(script);
        threads.push(this);
      }
    };
    const oldHashes = open();
    const hash = bcrypt("key");
    expect(await oldHashes.compare("key", [hash], "x")).toEqual({ hash });
    const ended = oldHashes.compare("other", [hash.replace("$04$", "$12$")], "x");
    const queued = oldHashes.compare("key", [hash], "y");
    threads[0]?.terminate();
    expect([await ended, await queued]).toEqual(["busy", { hash }]);
    expect(threads).toHaveLength(2);
    await oldHashes.close();
    globalThis.Worker = Native;
  });
});
