import { describe, expect, test } from "bun:test";
import { createHash, createHmac } from "node:crypto";
import { flawOfStored, parseForeignHash, schemeOf, workOf } from "./oldHashes.ts";

const bcrypt = "$2b$10$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui";
const salt = "c29tZXNhbHQ";
const digest32 = createHash("sha256").update("x").digest("base64").replace("=", "");
const argon2 = (parameters: string, kind = "id", version = "19") =>
  `$argon2${kind}$v=${version}$${parameters}$${salt}$${digest32}`;

test("digests are the same from hex, base64 and base64url, padded or not", () => {
  for (const [scheme, hash] of [
    ["sha512", createHash("sha512").update("x").digest()],
    ["hmac-sha256", createHmac("sha256", "secret").update("x").digest()],
    ["hmac-sha512", createHmac("sha512", "secret").update("x").digest()],
  ] as const) {
    const url = hash.toString("base64url");
    const forms = [hash.toString("hex"), hash.toString("hex").toUpperCase(), hash.toString("base64"), url];
    for (const form of forms) {
      expect(parseForeignHash(form, scheme)).toEqual({ hash: `${scheme}:${url}` });
    }
    expect([schemeOf(`${scheme}:${url}`), flawOfStored(`${scheme}:${url}`)]).toEqual([scheme, undefined]);
  }
});

test("PBKDF2 of passlib, of Django and as a PHC string are stored in one form", () => {
  const stored = `$pbkdf2-sha256$i=29000$c2FsdC8+$${digest32}`;
  const adapted = digest32.replaceAll("+", ".");
  for (const text of [
    `$pbkdf2-sha256$29000$c2FsdC8.$${adapted}`,
    `pbkdf2_sha256$29000$salt/>$${digest32}=`,
    `$pbkdf2-sha256$i=29000,l=32$c2FsdC8+$${digest32}`,
    stored,
  ]) {
    expect(parseForeignHash(text, undefined)).toEqual({ hash: stored });
  }
  expect(parseForeignHash(`$pbkdf2$1000$c2FsdC8.$${digest32.slice(0, 26)}A`, "pbkdf2")).toEqual({
    hash: `$pbkdf2-sha1$i=1000$c2FsdC8+$${digest32.slice(0, 26)}A`,
  });
});

test("bcrypt and argon2 are stored unchanged", () => {
  for (const text of [
    bcrypt,
    bcrypt.replace("$2b$10", "$2a$04"),
    bcrypt.replace("$2b$10", "$2y$14"),
    argon2("m=262144,t=4,p=4"),
    argon2("m=8,t=1,p=1", "i"),
    argon2("m=19456,t=2,p=1", "d"),
  ]) {
    expect([parseForeignHash(text, undefined), flawOfStored(text)]).toEqual([{ hash: text }, undefined]);
  }
});

test("the unused bits of a bcrypt hash are cleared", () => {
  const clean = "$2b$04$PAa1/UZ1zCfsMbVAlXBpIOroD9UASIcd9j3WiDa96IpqwApSLIJ1C";
  // These variants differ only in unused bits of the last characters: crypt(3) gets the same hash from each.
  for (const [saltEnd, hashEnd] of [
    ["P", "C"],
    ["d", "C"],
    ["O", "D"],
    ["d", "F"],
  ]) {
    const written = `${clean.slice(0, 28)}${saltEnd}${clean.slice(29, 59)}${hashEnd}`;
    expect(parseForeignHash(written, undefined)).toEqual({ hash: clean });
    expect(flawOfStored(written)).toContain(`write it as ${clean}`);
  }
  expect(parseForeignHash(clean, undefined)).toEqual({ hash: clean });
});

test("the most expensive hash that is accepted costs a million units of work, in each algorithm", () => {
  for (const text of [
    bcrypt.replace("$10$", "$14$"),
    argon2("m=262144,t=4,p=4"),
    `$pbkdf2-sha256$i=3000000$${salt}$${digest32}`,
    `$pbkdf2-sha1$i=1500000$${salt}$${digest32}`,
  ]) {
    expect([text, workOf(text)]).toEqual([text, 1_000_000]);
  }
  expect(workOf(bcrypt)).toBe(62_500);
  expect(workOf(argon2("m=19456,t=2,p=1"))).toBe(37_109);
});

describe("a hash is refused, with what to do, if", () => {
  test.each([
    ["it is 64 bytes of an unnamed algorithm", "ab".repeat(64), undefined, "a column algorithm"],
    ["its algorithm is unknown", "ab".repeat(64), "sha-512", "did you mean sha512?"],
    ["it is of another algorithm", bcrypt, "argon2", "not of the algorithm argon2"],
    ["it names bcrypt and has no form", "secret", "bcrypt", "of no known form"],
    ["it is a scrypt", `$scrypt$ln=16,r=8,p=1$${salt}$${digest32}`, undefined, "of no known form"],
    ["a digit of its hex is missing", "ab".repeat(64).slice(1), "sha512", "copy the whole hash"],
    ["its base64 is truncated", "A".repeat(85), "sha512", "copy the whole hash"],
    ["its base64 has bits beyond its bytes", `${"A".repeat(85)}B`, "sha512", "copy the whole hash"],
    ["its padding is wrong", `${"A".repeat(86)}=`, "sha512", "copy the whole hash"],
    ["a bcrypt is truncated", bcrypt.slice(0, -1), undefined, "60 characters"],
    ["a bcrypt has the version x, whose hashes collide", bcrypt.replace("2b", "2x"), undefined, "2x"],
    ["a bcrypt costs too much", bcrypt.replace("$10$", "$15$"), undefined, "cost is 15"],
    ["a bcrypt costs less than its minimum", bcrypt.replace("$10$", "$03$"), undefined, "cost is 3"],
    ["an argon2 has no version", argon2("m=64,t=1,p=1").replace("v=19$", ""), undefined, "malformed"],
    ["an argon2 has an old version", argon2("m=64,t=1,p=1", "id", "16"), undefined, "version 16"],
    ["an argon2 has its parameters in another order", argon2("t=1,m=64,p=1"), undefined, "malformed"],
    ["an argon2 has no passes", argon2("m=64,t=0,p=1"), undefined, "t=0"],
    ["an argon2 has too little memory for its lanes", argon2("m=15,t=1,p=2"), undefined, "8p"],
    ["an argon2 needs too much memory", argon2("m=262145,t=1,p=1"), undefined, "262144"],
    ["an argon2 needs too much work", argon2("m=262144,t=5,p=1"), undefined, "1048576"],
    ["an argon2 has a truncated hash", argon2("m=64,t=1,p=1").slice(0, -1), undefined, "malformed"],
    ["a PBKDF2 has no iterations", `$pbkdf2-sha256$i=0$${salt}$${digest32}`, undefined, "0 iterations"],
    ["a PBKDF2 needs too much work", `$pbkdf2-sha256$3000001$${salt}$${digest32}`, undefined, "3000000"],
    ["a PBKDF2 needs too many blocks", `$pbkdf2-sha1$1500001$${salt}$${digest32}`, undefined, "2 blocks"],
    ["a PBKDF2 has an unknown digest", `$pbkdf2-md5$1000$${salt}$${digest32}`, undefined, "malformed"],
    [
      "a PBKDF2 has a truncated hash",
      `$pbkdf2-sha256$1000$${salt}$${digest32.slice(0, -1)}`,
      undefined,
      "malformed",
    ],
  ])("%s", (_, text, algorithm, message) => {
    const parsed = parseForeignHash(text, algorithm);
    expect("flaw" in parsed ? parsed.flaw : parsed.hash).toContain(message);
  });
});

test("a hash in an export document is refused unless it has the stored form", () => {
  expect(flawOfStored(`$pbkdf2-sha256$29000$${salt}$${digest32}`)).toContain(
    `write it as $pbkdf2-sha256$i=29000$${salt}$${digest32}`,
  );
  expect(flawOfStored(`sha512:${"ab".repeat(64)}`)).toContain("write it as sha512:");
  expect(flawOfStored("sha512:ab")).toContain("copy the whole hash");
  expect(flawOfStored("$1$md5crypt")).toContain("of no known form");
});
