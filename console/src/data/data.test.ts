/** Tests the functions of the console that need neither a page nor a server. */
import { describe, expect, spyOn, test } from "bun:test";
import { createHash, randomBytes } from "node:crypto";
import { csvOf } from "../parts/CsvButton.tsx";
import { readObject } from "../parts/jsonText.ts";
import { draftOf, limitsOf, numberIn } from "../parts/limitDrafts.ts";
import { send } from "./api.ts";
import { ConnectionLost } from "./errors.ts";
import { kindOf } from "./kinds.ts";
import { isHeld, type Session, serverPermission } from "./session.ts";
import { sha256 } from "./sha256.ts";

test("the bundled SHA-256 returns what the standard one returns, for all lengths near the size of a block", () => {
  for (let length = 0; length < 200; length += 1) {
    const message = randomBytes(length);
    expect(Buffer.from(sha256(message))).toEqual(createHash("sha256").update(message).digest());
  }
});

describe("a text that may be a key is never taken for a name or an id", () => {
  test.each([
    "pay_2cGKbMxRyIzhCxo1Idjz8q",
    "key_2cGKbMxRyIzhCxo1Idjz8q",
    "api_7hG2kLmNpQrStUvWxYz3A4",
    "d41d8cd98f00b204e9800998ecf8427e",
  ])("%s", (text) => {
    expect(kindOf(text).kind).toBe("secret");
  });
});

test("ids, names and root keys are recognized", () => {
  expect(kindOf("key_0VcJKQ6lbjdhiMhjKUc0pv")).toMatchObject({ kind: "id", prefix: "key" });
  expect(kindOf("latchkey_root_x").kind).toBe("rootKey");
  for (const name of ["acme", "customer_0001", "Payments, production", "a-very-long-name-with-dashes"]) {
    expect(kindOf(name).kind).toBe("text");
  }
});

test("for a text that is not a JSON object, the message says where it is wrong", () => {
  expect(readObject("")).toEqual({ value: {} });
  expect(readObject('{"a":1}')).toEqual({ value: { a: 1 } });
  expect(readObject("[1]")).toEqual({ flaw: "This is not a JSON object. Begin with { and end with }." });
  expect(readObject('{"a":\n1,}')).toMatchObject({ flaw: expect.stringMatching(/^Line 2, column \d+: /) });
});

test("no number is taken for a thousandth of what was meant, and a stored limit is read back unchanged", () => {
  for (const text of ["1.000", "10.000", "1.000.000", "1,00", "ten"])
    expect<unknown>(numberIn(text)).toBe(text);
  expect(["1,000", "10 000", "1.5", "0.25"].map(numberIn)).toEqual([1000, 10_000, 1.5, 0.25]);
  for (const duration of [1, 1125, 1000, 90_000, 86_400_000]) {
    const limit = { name: "calls", limit: 1000, duration, autoApply: false };
    expect(limitsOf([draftOf(limit)])).toEqual([limit]);
  }
});

test("a request that the server never responds to ends as a lost connection, so that its dialog can be closed", async () => {
  const timeout = new AbortController();
  using _timeout = spyOn(AbortSignal, "timeout").mockReturnValue(timeout.signal);
  const hang = ((_, { signal }: { signal?: AbortSignal }) =>
    new Promise((_, reject) => {
      signal?.addEventListener("abort", () => reject(signal.reason));
    })) as typeof fetch;
  using _fetch = spyOn(globalThis, "fetch").mockImplementation(hang);
  const leave = new AbortController();
  const left = send("POST", "session", {}, { signal: leave.signal }).catch((error: unknown) => error);
  leave.abort("left the page");
  expect(await left).toBe("left the page");
  const lost = send("POST", "session", {}).catch((error: unknown) => error);
  timeout.abort();
  expect(await lost).toBeInstanceOf(ConnectionLost);
});

test("a cell of a CSV file is quoted, and no spreadsheet runs it as a formula", () => {
  expect(csvOf([{ a: '=cmd|"x"', b: "plain" }])).toBe('"a","b"\r\n"\'=cmd|""x""","plain"');
});

test("a session is found to have a permission for one resource, for all resources of a kind, or for at least one of them", () => {
  const held = (permissions: string[], needed: string) =>
    isHeld({ permissions } as unknown as Session, needed);
  expect(held(["*"], "api.*.create_api")).toBe(true);
  expect(held(["api.*.update_key"], "api.<id>.update_key")).toBe(true);
  expect(held(["api.api_1.update_key"], "api.<id>.update_key")).toBe(true);
  expect(held(["api.api_1.update_key"], "api.*.update_key")).toBe(false);
  expect(held(["api.api_1.update_key"], "api.<id>.delete_key")).toBe(false);
  expect(held(["*"], serverPermission)).toBe(false);
  expect(held(["*", serverPermission], serverPermission)).toBe(true);
});
