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

const namespace = { type: "namespace", id: "rlns_1", name: "n", createdAtMs: 1 };
const hold = { type: "hold", id: "hold_1", amount: 1, onExpiry: "release", createdAtMs: 1, expiresAtMs: 2 };
const identity = { type: "identity", id: "id_1", externalId: "u" };
const limit = { id: "rl_1", name: "requests", limit: 1, durationMs: 1000 };
const withAnchor = (anchor: unknown) => ({
  ...identity,
  balance: { quotas: [{ name: "calls", limit: 1, unit: "day", anchor }] },
});
const holdFrom = (from: object) => {
  const taken = { epoch: 0, parts: [{ from, units: 1 }] };
  return { ...hold, parts: [{ ownerId: "key_1", taken, units: 1, onExpiry: "release", expiresAtMs: 2 }] };
};
const usage = { type: "usage", kind: "key", subjectId: "key_1", outcome: "VALID", count: 1 };

test.each([
  ["no object", null, /^type is not a known type of record: use one of permission, role, /],
  [
    "an unknown type",
    { type: "keys", id: "key_1" },
    'type is not a known type of record: did you mean "key"?',
  ],
  ["an unknown field", { ...namespace, nam: 1 }, 'nam is not a known field: did you mean "name"?'],
  [
    "an unknown field without a similar name",
    { ...namespace, "a b": 1 },
    '["a b"] is not a known field: omit it; allowed fields: id, name, createdAtMs',
  ],
  [
    "an unknown field in an item",
    { ...identity, ratelimits: [{ ...limit, limt: 1 }] },
    'ratelimits[0].limt is not a known field: did you mean "limit"?',
  ],
  [
    "an unknown field in the object of a union",
    holdFrom({ id: "gr_1", amount: 1, left: 1, amout: 1 }),
    'parts[0].taken.parts[0].from.amout is not a known field: did you mean "amount"?',
  ],
  ["a missing field", { type: "namespace", id: "rlns_1" }, "name is missing: write a string"],
  [
    "a missing field with a list of allowed values",
    { ...hold, onExpiry: undefined },
    'onExpiry is missing: use "release" or "charge"',
  ],
  ["a wrong type", { ...namespace, name: 5 }, "name is a number, not a string: write a string"],
  [
    "a fraction",
    { ...namespace, createdAtMs: 1.5 },
    "createdAtMs is not a whole number: write a whole number up to 2^53 - 1",
  ],
  [
    "a text that is too long",
    { ...namespace, name: "x".repeat(513) },
    "name has more than 512 characters: write at most 512 characters",
  ],
  [
    "a number that is too small, in an item",
    { ...identity, ratelimits: [limit, { ...limit, id: "rl_2", name: "r", limit: 0 }] },
    "ratelimits[1].limit is less than 1: use at least 1",
  ],
  [
    "a value that is not in the list",
    { ...hold, onExpiry: "relase" },
    'onExpiry is not one of the allowed values: did you mean "release"? use "release" or "charge"',
  ],
  [
    "a text that no choice of a union allows",
    withAnchor("weekly"),
    "balance.quotas[0].anchor: must be calendar, first_use or a time in Unix milliseconds",
  ],
  [
    "a type that no choice of a union has",
    withAnchor(true),
    "balance.quotas[0].anchor: must be calendar, first_use or a time in Unix milliseconds",
  ],
  [
    "a number that is too small for a choice of a union",
    withAnchor(-1),
    "balance.quotas[0].anchor is less than 0: use at least 0",
  ],
  [
    "a name that occurs twice",
    { ...identity, ratelimits: [limit, { ...limit, id: "rl_2" }] },
    'ratelimits[1].name repeats the name "requests": give each item a different name',
  ],
  ["a day in another form", { ...usage, day: "1/31/2026" }, "day: must be a day such as 2026-01-31"],
  [
    "only one of two fields",
    { ...identity, balance: { refillAmount: 1 } },
    "balance: has only one of refillAmount and nextRefillAtMs: set both, or omit both",
  ],
  ["meta that is not an object", { ...identity, meta: [] }, "meta: must be an object"],
  ["a damaged hash", { ...waiting, hash: "$2b$10$abc" }, /^hash: its bcrypt hash is malformed/],
  [
    "an unknown hash",
    { ...waiting, hash: "md5:abc" },
    /^hash: must be a SHA-256 in base64url, without padding/,
  ],
  [
    "a hash in another form",
    { ...waiting, hash: `sha512:${"ab".repeat(64)}` },
    /^hash: it is written in another form/,
  ],
  [
    "a salted hash that does not wait",
    { ...waiting, pendingMigrationId: null },
    /^pendingMigrationId: must be "oldHash"/,
  ],
  ["a SHA-256 that waits", { ...waiting, hash: sha256 }, /^pendingMigrationId: must be "oldHash"/],
  [
    "a salted hash without a start",
    { ...waiting, start: "" },
    /^start: must be the first 1 to 64 characters/,
  ],
])(
  "a record with %s is refused with an error that names the field and says what to do",
  (_, value, message) => {
    const whole = typeof message === "string" ? new DocumentError(message) : message;
    expect(() => parseRecord(value)).toThrow(whole);
  },
);

test.each([
  [{ recoveryKey: "0123" }, "recoveryKey: must be null, unknown or a fingerprint of 16 hexadecimal digits"],
  [{ recoveryKey: 5 }, "recoveryKey: must be null, unknown or a fingerprint of 16 hexadecimal digits"],
  [{ workspace: { id: "ws_1" } }, "workspace.name is missing: write a string"],
  [{ version: "1" }, "version is a string, not a number: write a number"],
])("a header with %j is refused with an error that names the field and says what to do", (wrong, message) => {
  const workspace = { id: "ws_1", name: "n" };
  const header = { format: "latchkey", version: 1, createdAtMs: 1, workspace, recoveryKey: null };
  expect(() => parseHeader({ ...header, ...wrong })).toThrow(new DocumentError(message));
});

test("a document of a newer version is refused with an error that says what to do", () => {
  const newer = { format: "latchkey", version: 99, other: true };
  expect(() => parseHeader(newer)).toThrow(
    new DocumentError(
      "the document has version 99 of the format, but this program reads only up to version 1: install a newer latchkey",
    ),
  );
  expect(() => parseHeader({ format: "other" })).toThrow("not the header");
});
