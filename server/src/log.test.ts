import { describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { z } from "zod";
import { startTest } from "../test/harness.ts";
import { testServer } from "../test/setUp.ts";
import { until } from "../test/until.ts";
import { type Fields, lineWriter, type MarkedSchema, makeLog, redact } from "./log.ts";
import { operations } from "./operations/index.ts";

function logged(options: { level?: "debug" | "info" | "warn" | "error"; format?: "json" | "text" } = {}) {
  const lines: string[] = [];
  const log = makeLog({
    level: options.level ?? "info",
    format: options.format ?? "json",
    nowMs: () => Date.UTC(2026, 0, 15, 12),
    write: (line) => void lines.push(line),
  });
  return { log, lines };
}

describe("a log line", () => {
  test("in JSON is one object with time, level, event and the fields", () => {
    const { log, lines } = logged();
    log("warn", "request", { status: 503, code: undefined, operation: "a\nb" });
    expect(lines).toEqual([
      '{"at":"2026-01-15T12:00:00.000Z","level":"warn","event":"request","status":503,"operation":"a\\nb"}',
    ]);
  });

  test("in text has each field once, and quotes what is not one word", () => {
    const { log, lines } = logged({ format: "text" });
    log("info", "request", { status: 200, code: undefined, path: "/a b", query: "x=1", input: { a: [1] } });
    expect(lines).toEqual([
      '2026-01-15T12:00:00.000Z info  request status=200 path="/a b" query="x=1" input={"a":[1]}',
    ]);
  });

  test("is one line of printable text, whatever the fields hold", () => {
    for (const format of ["json", "text"] as const) {
      fc.assert(
        fc.property(fc.string({ unit: "binary" }), (text) => {
          const { log, lines } = logged({ format });
          log("info", "request", { text, input: { text } });
          expect(lines).toHaveLength(1);
          expect(lines[0]).not.toMatch(/[\r\n]/);
          if (format === "text") expect(lines[0]).not.toMatch(/\p{Cc}|[\u2028\u2029]/u);
        }),
      );
    }
  });

  test("is written only at its level or above, and its fields are computed only then", () => {
    const levels = ["debug", "info", "warn", "error"] as const;
    for (const [index, level] of levels.entries()) {
      const { log, lines } = logged({ level });
      const made: string[] = [];
      for (const one of levels) {
        log(one, one, (): Fields => {
          made.push(one);
          return {};
        });
      }
      expect(made).toEqual(levels.slice(index));
      expect(lines).toHaveLength(levels.length - index);
    }
  });
});

describe("a writer of lines", () => {
  test("writes every line once and in order, however many come at once", async () => {
    const path = join(mkdtempSync(join(tmpdir(), "latchkey-log-")), "log");
    const fd = openSync(path, "w");
    const write = lineWriter(fd);
    const lines = Array.from({ length: 20_000 }, (_, index) => `line ${index} é`);
    for (const [index, line] of lines.entries()) {
      write(line);
      if (index % 1000 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    await until(() => readFileSync(path, "utf8").split("\n").length > lines.length);
    expect(readFileSync(path, "utf8")).toBe(`${lines.join("\n")}\n`);
    closeSync(fd);
  });

  test("does not fail when the disk is full", async () => {
    const write = lineWriter(openSync("/dev/full", "w"));
    for (let i = 0; i < 100; i += 1) {
      write("lost");
      await new Promise((resolve) => setImmediate(resolve));
    }
  });

  test("does not wait for a reader, and keeps a bounded number of whole lines until there is one", async () => {
    const path = join(mkdtempSync(join(tmpdir(), "latchkey-log-")), "pipe");
    expect(spawnSync("mkfifo", [path]).status).toBe(0);
    // opens both ends of the pipe, so that lines can be written although nobody reads them
    const pipe = openSync(path, "r+");
    const write = lineWriter(pipe);
    const line = "x".repeat(1023);
    for (let i = 0; i < 40_000; i += 1) write(line);
    await new Promise((resolve) => setTimeout(resolve, 50)); // lets the event loop start to write the waiting lines

    const child = spawnSync("timeout", ["3", "cat", path], { maxBuffer: 1e9, encoding: "latin1" });
    const lines = child.stdout.split("\n");
    expect(lines.pop()).toBe("");
    expect(lines.every((one) => one === line)).toBe(true);
    expect(lines.length).toBeWithin(8_000, 17_000);
    closeSync(pipe);
  });
});

describe("redaction", () => {
  const schema = {
    type: "object",
    properties: {
      key: { type: "string", secret: true },
      owner: { type: "string", private: true },
      name: { type: "string" },
      limit: { type: "integer" },
      either: { anyOf: [{ type: "string", private: true }, { type: "null" }] },
      items: {
        type: "array",
        items: {
          type: "object",
          properties: { id: { type: "string" }, key: { type: "string", secret: true } },
        },
      },
    },
  };

  test("replaces marked fields at any depth, and keeps all others", () => {
    const input = {
      key: "k",
      owner: { a: 1 },
      name: "n",
      limit: 5,
      either: "e",
      items: [{ id: "i", key: "k" }],
    };
    expect(redact(schema, input)).toEqual({
      key: "[secret]",
      owner: "[private]",
      name: "n",
      limit: 5,
      either: "[private]",
      items: [{ id: "i", key: "[secret]" }],
    });
  });

  test("replaces fields that are not in the schema, including their names", () => {
    const input = {
      sk_live_1: 1,
      name: ["sk_live_2"],
      limit: "sk_live_3",
      items: { sk_live_4: 1 },
      __proto__: null,
    };
    const shown = redact(schema, input);
    expect(shown).toEqual({
      "[unexpected]": "[unexpected]",
      name: "[unexpected]",
      limit: "[unexpected]",
      items: "[unexpected]",
    });
    expect(redact(schema, "sk_live_5")).toBe("[unexpected]");
    expect(redact(schema, ["sk_live_6"])).toBe("[unexpected]");
  });

  test("cuts long texts and long lists", () => {
    const shown = redact(schema, {
      name: "x".repeat(1_000_000),
      items: Array.from({ length: 1000 }, () => ({})),
    });
    expect(JSON.stringify(shown).length).toBeLessThan(500);
  });

  test("shows a text only if the schema has an unmarked text in its place", () => {
    const names = fc.constantFrom("canary", ...Object.keys(schema.properties), "id");
    const { value } = fc.letrec<{ value: unknown }>((tie) => ({
      value: fc.oneof(
        { maxDepth: 4 },
        fc.constant("canary"),
        fc.integer(),
        fc.array(tie("value"), { maxLength: 3 }),
        fc.dictionary(names, tie("value"), { maxKeys: 4 }),
      ),
    }));
    fc.assert(
      fc.property(value, (input) => {
        const shown = JSON.stringify(redact(schema, input));
        expect(shown.split("canary").length - 1).toBe(unmarkedTexts(input));
      }),
      { numRuns: 1000 },
    );
  });
});

/** Counts the texts in fields that the test's schema does not mark: `name`, and the `id` of each item. */
function unmarkedTexts(input: unknown): number {
  if (typeof input !== "object" || input === null || Array.isArray(input)) return 0;
  const { name, items } = input as { name?: unknown; items?: unknown };
  const ids = Array.isArray(items) ? items.map((item) => (item as { id?: unknown } | null)?.id) : [];
  return [name, ...ids].filter((text) => typeof text === "string").length;
}

test("every input field that holds a key or a customer's own data is marked, in every operation", () => {
  const canary = "canary";
  const sensitive = ["key", "plaintext", "externalId", "identity", "identifier", "meta", "search"];
  let places = 0;
  for (const operation of operations) {
    const schema = z.toJSONSchema(operation.input, { io: "input", unrepresentable: "any" }) as MarkedSchema;
    for (const [place, field] of fieldsIn(schema)) {
      if (!sensitive.includes(place)) continue;
      places += 1;
      expect([operation.name, place, JSON.stringify(redact(field, canary))]).not.toContain(
        JSON.stringify(canary),
      );
      expect([operation.name, place, redact(field, { a: canary })]).not.toEqual([
        operation.name,
        place,
        { a: canary },
      ]);
    }
  }
  expect(places).toBeGreaterThan(15);
});

/** Lists the fields of a schema at any depth, by name. */
function fieldsIn(schema: MarkedSchema): [string, MarkedSchema][] {
  const here = Object.entries(schema.properties ?? {});
  const inner = [...here.map(([, field]) => field), ...(schema.anyOf ?? [])];
  if (schema.items !== undefined) inner.push(schema.items);
  return [...here, ...inner.flatMap(fieldsIn)];
}

describe("on a running server", () => {
  const server = testServer({ config: { LOG_LEVEL: "debug" } });

  test("at level debug, the event of a call has its input, and no line contains a marked value", async () => {
    const { call, log } = server;
    const owner = "canary_owner";
    await call("identities.createIdentity", {
      externalId: owner,
      meta: { "canary-member": "canary-meta" },
      ratelimits: [{ name: "requests", limit: 10, duration: 60_000 }],
    });
    const { apiId } = (await call("apis.createApi", { name: "payments" })).body.data;
    const made = (await call("keys.createKey", { apiId, externalId: owner, name: "a name" })).body.data;
    await call("keys.verifyKey", { key: made.key });
    await call("keys.verifyKey", { key: "canary-unknown-key" });
    await call("keys.verifyKey", { keyy: made.key });
    await call("keys.verifyKey", { key: [made.key], permissions: { [made.key]: 1 } });
    await call("keys.verifyKey", [made.key]);
    await call("keys.verifyKey", JSON.stringify(made.key));
    await call("identities.createIdentity", { externalId: owner });
    await call("identities.getIdentity", { identity: owner });
    await call("identities.getIdentity", { identity: "canary_nobody" });
    await call(
      "identities.getIdentity",
      { identity: owner },
      { rootKey: "canary-root-key-of-nobody-at-all" },
    );
    await call("identities.getIdentity", { identity: owner }, { headers: { authorization: "canary" } });
    await call("identities.updateIdentity", { identity: owner, meta: { a: "canary-meta-2" } });
    await call("identities.deleteIdentity", { identity: owner });

    const text = log.join("\n");
    const events = log.map((line) => JSON.parse(line) as Record<string, unknown>);
    const inputs = (operation: string) =>
      events.filter((event) => event["operation"] === operation).map((event) => event["input"]);
    expect(inputs("keys.createKey")).toEqual([{ apiId, externalId: "[private]", name: "a name" }]);
    expect(inputs("keys.verifyKey")).toEqual([
      { key: "[secret]" },
      { key: "[secret]" },
      { "[unexpected]": "[unexpected]" },
      { key: "[secret]", permissions: "[unexpected]" },
      "[unexpected]",
      "[unexpected]",
    ]);
    expect(inputs("identities.createIdentity")[0]).toEqual({
      externalId: "[private]",
      meta: "[private]",
      ratelimits: [{ name: "requests", limit: 10, duration: 60_000 }],
    });
    expect(text).not.toContain("canary");
    expect(text).not.toContain(made.key);
    expect(text).not.toContain(server.rootKey);
  });

  test("above level debug, no event has an input", async () => {
    const quiet = await startTest();
    await quiet.call("apis.createApi", { name: "payments" });
    await quiet.stop();
    expect(quiet.log.length).toBeGreaterThan(0);
    for (const line of quiet.log) expect(JSON.parse(line)).not.toHaveProperty("input");
  });
});

test("no log line has an invisible character or one that changes the text direction, at any level and in any format", () => {
  const points = [
    0, 0x1b, 0x7f, 0x85, 0x9b, 0xad, 0x61c, 0x180e, 0x200b, 0x200f, 0x2028, 0x2029, 0x202a, 0x202e, 0x2060,
    0x2066, 0x2069, 0xfeff, 0xfff9, 0xe0001, 0xe007f, 0x34f, 0x115f, 0x3164, 0xfe0f, 0xffa0,
  ];
  for (const point of points) {
    const character = String.fromCodePoint(point);
    for (const format of ["json", "text"] as const) {
      for (const level of ["debug", "info", "warn", "error"] as const) {
        const lines: string[] = [];
        const log = makeLog({ level: "debug", format, nowMs: () => 0, write: (line) => lines.push(line) });
        log(level, "event", {
          [`a${character}b`]: `c${character}d`,
          nested: { [`e${character}`]: [character] },
        });
        expect(lines.join("\n")).not.toInclude(character);
        if (format === "json")
          expect(JSON.parse(lines[0] ?? "")).toMatchObject({ [`a${character}b`]: `c${character}d` });
      }
    }
  }
});
