import { expect, test } from "bun:test";
import { maxLineBytes } from "./format.ts";
import { DocumentError } from "./parseRecord.ts";
import { readDocument } from "./readDocument.ts";

const header = `{"format":"latchkey","version":1,"createdAtMs":1,"workspace":{"id":"ws_1","name":"n"},"recoveryKey":null}`;
const namespace = (id: string, fields = "") =>
  `{"type":"namespace","id":"${id}","name":"${id}","createdAtMs":1${fields}}`;
const role = `{"type":"role","id":"role_1","name":"r","createdAtMs":1}`;
const end = (records: number) => `{"type":"end","records":${records}}`;

async function* inChunks(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

/** Returns the line numbers of the records, or the error's message. */
async function read(document: string | Uint8Array, size = 7): Promise<number[] | string> {
  const bytes = typeof document === "string" ? Buffer.from(document) : document;
  const lines: number[] = [];
  try {
    const { entries } = await readDocument(inChunks(bytes, size));
    for await (const { line } of entries) lines.push(line);
    return lines;
  } catch (error) {
    if (error instanceof DocumentError) return error.message;
    throw error;
  }
}

test.each([1, 7, 100_000])(
  "a document that arrives in chunks of %p bytes is read completely",
  async (size) => {
    const lines = [header, namespace("rlns_é1".replace("é", "")), "", namespace("rlns_2"), end(2), ""];
    expect(await read(lines.join("\r\n"), size)).toEqual([2, 4]);
  },
);

test.each([
  ["an empty document", "", "The document is empty"],
  ["another file", "hello", "Line 1: the line is not JSON"],
  ["another format", `{"format":"x"}`, "Line 1: the line is not the header"],
  ["a newer version", header.replace(`"version":1`, `"version":2`), "Line 1: the document has version 2"],
  ["a truncated line", `${header}\n{"type":"na`, "Line 2: the line is not JSON"],
  ["a document that ends after a whole line", `${header}\n${namespace("rlns_1")}\n`, "is truncated"],
  [
    "a lost line",
    `${header}\n${end(1)}`,
    "Line 2: the line of the type end must have the number of the records before it, which is 0",
  ],
  [
    "lines after the end",
    `${header}\n${end(0)}\n${namespace("rlns_1")}`,
    "Line 3 follows the line of the type end, which must be the last. Remove line 3.",
  ],
  [
    "a record that occurs twice",
    `${header}\n${namespace("rlns_1")}\n${namespace("rlns_1")}`,
    "Line 3: rlns_1 occurs twice",
  ],
  [
    "records that are not sorted",
    `${header}\n${namespace("rlns_2")}\n${namespace("rlns_1")}`,
    "Line 3: rlns_1 follows rlns_2",
  ],
  [
    "types that are not sorted",
    `${header}\n${namespace("rlns_1")}\n${role}`,
    "Line 3: a record of the type role follows one of the type namespace",
  ],
  [
    "an unknown field",
    `${header}\n${namespace("rlns_1", `,"x":1`)}`,
    "Line 2: x is not a known field: omit it; allowed fields: id, name, createdAtMs.",
  ],
  ["deeply nested JSON", `${header}\n${"[".repeat(100_000)}`, "Line 2: the JSON is nested too deeply"],
  ["a list", `${header}\n[]`, "Line 2: type is not a known type of record"],
])("%s is refused with an error that names the line and says what to do", async (_, document, message) => {
  expect(await read(document, 50_000)).toContain(message);
});

test("an error that ends with a question has no full stop", async () => {
  expect(await read(`${header}\n${namespace("rlns_1", `,"nam":1`)}`)).toBe(
    'Line 2: nam is not a known field: did you mean "name"?',
  );
});

test("text that is not UTF-8 is refused with the number of its line", async () => {
  const bytes = Buffer.concat([
    Buffer.from(`${header}\n{"type":"`),
    Buffer.from([0xff, 0xfe]),
    Buffer.from('"}\n'),
  ]);
  expect(await read(bytes)).toContain("Line 2: the line is not UTF-8");
});

test("a line of 100 MB is refused as soon as its allowed length was read", async () => {
  let sent = 0;
  async function* endless(): AsyncGenerator<Uint8Array> {
    yield Buffer.from(`${header}\n`);
    const part = Buffer.alloc(65_536, "x");
    for (; sent < 100_000_000; sent += part.length) yield part;
  }
  const { entries } = await readDocument(endless());
  const refusal = await entries.next().catch((error: Error) => error.message);
  expect(refusal).toContain("Line 2 is longer than");
  expect(sent).toBeLessThan(maxLineBytes + 200_000);
});
