import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type DocumentRecord, end, recordSchemas, recordTypes } from "./format.ts";
import { DocumentError, parseHeader, parseRecord } from "./parseRecord.ts";

const page = readFileSync(join(import.meta.dir, "../../../docs/moving/format.md"), "utf8");

test("the example on the page of the format is a valid document", () => {
  const [, example = ""] = /```json\n([\s\S]*?)```/.exec(page) ?? [];
  const lines = example.trim().split("\n");
  const values = lines.map((line) => JSON.parse(line) as unknown);
  expect(parseHeader(values[0]).version).toBe(1);
  expect(values.slice(1, -1).map((value) => parseRecord(value).type)).toEqual(["api", "identity", "key"]);
  expect(end.parse(values.at(-1)).records).toBe(values.length - 2);
});

test("the page of the format describes every field of every type of record", () => {
  for (const type of recordTypes) {
    const [, section = ""] = new RegExp(`### \`${type}\`\\n([\\s\\S]*?)(?=\\n##|$)`).exec(page) ?? [];
    for (const field of Object.keys(recordSchemas[type].shape)) {
      expect([type, field, section]).toEqual([type, field, expect.stringContaining(`\`${field}\` | `)]);
    }
    expect([type, / \| {2}\|$| \| +\|\n/.test(section)]).toEqual([type, false]);
  }
});

test("a record with only the required fields gets the defaults of the format", () => {
  const record: DocumentRecord = {
    type: "key",
    id: "key_1",
    apiId: "api_1",
    hash: "LPJNul-wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ",
    createdAtMs: 1,
  };
  expect(parseRecord(record).fields).toMatchObject({
    enabled: true,
    ratelimits: [],
    balance: null,
    name: null,
  });
});

const sha256 = "LPJNul-wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ";
const waiting = {
  type: "key",
  id: "key_1",
  apiId: "api_1",
  hash: "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
  start: "sk_1",
  pendingMigrationId: "oldHash",
  createdAtMs: 1,
};

test("a key with a salted hash is valid, and waits for its first verification", () => {
  expect(parseRecord(waiting).fields).toMatchObject({ hash: waiting.hash, pendingMigrationId: "oldHash" });
});

test.each([
  ["an unknown type", { type: "keys", id: "key_1" }, 'did you mean "key"?'],
  [
    "an unknown field",
    { type: "namespace", id: "rlns_1", name: "n", createdAtMs: 1, nam: 1 },
    'nam is not a known field: did you mean "name"?',
  ],
  ["a missing field", { type: "namespace", id: "rlns_1" }, "name is missing: add it"],
  ["a wrong value", { type: "namespace", id: "rlns_1", name: 5, createdAtMs: 1 }, "name: "],
  ["a damaged hash", { ...waiting, hash: "$2b$10$abc" }, "hash: its bcrypt hash is malformed"],
  ["an unknown hash", { ...waiting, hash: "md5:abc" }, "hash: must be a SHA-256"],
  [
    "a hash in another form",
    { ...waiting, hash: `sha512:${"ab".repeat(64)}` },
    "hash: it is written in another form",
  ],
  [
    "a salted hash that does not wait",
    { ...waiting, pendingMigrationId: null },
    'pendingMigrationId: must be "oldHash"',
  ],
  ["a SHA-256 that waits", { ...waiting, hash: sha256 }, 'pendingMigrationId: must be "oldHash"'],
  ["a salted hash without a start", { ...waiting, start: "" }, "start: must be the first 1 to 64 characters"],
  ["no object", null, "type is not a known type of record"],
])(
  "a record with %s is refused with an error that names the field and says what to do",
  (_, value, message) => {
    expect(() => parseRecord(value)).toThrow(message);
  },
);

test("a document of a newer version is refused with an error that says what to do", () => {
  const newer = { format: "latchkey", version: 99, other: true };
  expect(() => parseHeader(newer)).toThrow(
    new DocumentError(
      "the document has version 99 of the format, but this program reads only up to version 1: install a newer latchkey",
    ),
  );
  expect(() => parseHeader({ format: "other" })).toThrow("not the header");
});
