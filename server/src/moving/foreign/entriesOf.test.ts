import { expect, test } from "bun:test";
import type { DocumentRecord } from "../format.ts";
import { entriesOf } from "./entriesOf.ts";

test("the last use of a key that is not valid is omitted, because its key is not imported", async () => {
  const hash = "A".repeat(43);
  async function* records(): AsyncGenerator<DocumentRecord> {
    yield { type: "key", id: "key_good", apiId: "api_1", hash };
    yield { type: "key", id: "key_bad", apiId: "api_1", hash, name: "x".repeat(300) };
    yield { type: "lastUse", keyId: "key_bad", atMs: 1 };
    yield { type: "lastUse", keyId: "key_good", atMs: 2 };
  }
  const notes: string[] = [];
  const entries = await Array.fromAsync(entriesOf(records(), (note) => void notes.push(note)));
  expect(entries.map(({ type }) => type)).toEqual(["key", "lastUse"]);
  expect(entries[1]?.fields).toEqual({ keyId: "key_good", atMs: 2 });
  expect(notes).toHaveLength(1);
});
