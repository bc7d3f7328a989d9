/** Tests how the command line prints lists: as a table or as JSON, and page by page. */
import { beforeEach, describe, expect, setDefaultTimeout, spyOn, test } from "bun:test";
import { join } from "node:path";
import { newFolder } from "../../test/program.ts";
import { readReply } from "../../test/reply.ts";
import { testServer, testWorkspace } from "../../test/setUp.ts";
import { operations } from "../operations/index.ts";
import { callOperation, type Target } from "./call.ts";
import { UsageError } from "./commandError.ts";
import { inputSchema } from "./fields.ts";
import { operationOf } from "./help.ts";
import { tableOf } from "./table.ts";

setDefaultTimeout(30_000);

const server = testServer();
const space = testWorkspace(server);
const lists = operations.filter(({ page }) => page !== undefined);

type Printed = { code: number; lines: string[]; errors: string[] };

/** What `latchkey <words>` prints. `width`: the width of the terminal; undefined: the output goes to a file. */
async function latchkey(words: string[], width?: number, more: Partial<Target> = {}): Promise<Printed> {
  const [group = "", verb = "", ...rest] = words;
  const operation = operationOf([group, verb], operations);
  if (operation === undefined) throw new Error(`${group} ${verb} is not an operation`);
  const out = spyOn(console, "log").mockImplementation(() => {});
  const err = spyOn(console, "error").mockImplementation(() => {});
  try {
    const code = await callOperation(operation, rest, {
      url: server.url,
      rootKey: space.rootKey,
      rootKeyFile: undefined,
      withinMs: 10_000,
      nowMs: Date.now,
      terminalWidth: width,
      ...more,
    });
    return { code, lines: out.mock.calls.map(String), errors: err.mock.calls.map(String) };
  } finally {
    out.mockRestore();
    err.mockRestore();
  }
}

describe("a list of seven identities", () => {
  const externalIds = Array.from({ length: 7 }, (_, index) => `user_${index}`);
  beforeEach(async () => {
    for (const externalId of externalIds) await space.data("identities.createIdentity", { externalId });
  });
  const list = ["identities", "listIdentities", "--limit", "3"];

  test("is a table on a terminal, and the whole response as JSON without one, unless --output says otherwise", async () => {
    const table = await latchkey(list, 200);
    expect(table.lines).toHaveLength(4);
    expect(table.lines[0]).toMatch(/^id +externalId/);
    expect(table.lines[1]).toMatch(/^id_\w{22} +user_0/);
    expect(table.errors).toEqual([
      expect.stringMatching(/^There are more items: use --all, or --cursor \S+$/),
    ]);
    expect((await latchkey([...list, "--output", "table"])).lines).toEqual(table.lines);
    const whole = await latchkey(list);
    expect(JSON.parse(whole.lines.join("\n")).data).toHaveLength(3);
    expect((await latchkey([...list, "--output", "json"], 200)).lines).toHaveLength(whole.lines.length);
  });

  test("is read to its end with --all, each row once, as one table or as a line of JSON each", async () => {
    const lines = (await latchkey([...list, "--all", "--output", "json"])).lines.map((line) =>
      JSON.parse(line),
    );
    expect(lines.map(({ externalId }) => externalId)).toEqual(externalIds);
    const table = await latchkey([...list.slice(0, 2), "--all", ...list.slice(2)], 200);
    expect(table.lines).toHaveLength(8);
    expect(table.errors).toEqual([]);
    for (const [index, externalId] of externalIds.entries()) {
      expect(table.lines[index + 1]).toContain(externalId);
    }
  });

  test("is printed page by page with --all: a page is printed before the next is asked for", async () => {
    const printedBefore: number[] = [];
    const watched = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      async fetch(request) {
        printedBefore.push(out.mock.calls.length);
        const { pathname } = new URL(request.url);
        const body = await request.text();
        const reply = await fetch(server.url + pathname, { method: "POST", headers: request.headers, body });
        return Response.json((await readReply(reply)).body);
      },
    });
    const out = spyOn(console, "log").mockImplementation(() => {});
    const operation = lists.find(({ name }) => name === "identities.listIdentities");
    if (operation === undefined) throw new Error("no list");
    await callOperation(operation, ["--limit", "3", "--all"], {
      url: `http://127.0.0.1:${watched.port}`,
      rootKey: space.rootKey,
      rootKeyFile: undefined,
      withinMs: 10_000,
      nowMs: Date.now,
      terminalWidth: undefined,
    });
    out.mockRestore();
    await watched.stop(true);
    expect(printedBefore).toEqual([0, 3, 6]);
  });

  test("a page that fails ends the command with its error, after the rows that came before", async () => {
    const cursor = ["--cursor", "nonsense"];
    const { code, lines, errors } = await latchkey([...list, "--all", ...cursor]);
    expect([code, lines]).toEqual([1, []]);
    expect(JSON.parse(errors.join("\n")).error.status).toBe(400);
  });
});

test("the program itself prints a table if its output goes to a terminal", async () => {
  await space.data("apis.createApi", { name: "payments" });
  let shown = "";
  const child = Bun.spawn([process.execPath, join(import.meta.dir, "../main.ts"), "apis", "listApis"], {
    cwd: newFolder(),
    env: {
      PATH: process.env["PATH"] ?? "",
      LATCHKEY_URL: server.url,
      LATCHKEY_ROOT_KEY: space.rootKey,
    },
    terminal: {
      data(_, part) {
        shown += new TextDecoder().decode(part);
      },
    },
  });
  expect(await child.exited).toBe(0);
  expect(shown).toMatch(/^id +name/);
  expect(shown).toContain("payments");
});

test("an unknown form, and the flags of lists on other operations, are wrong usage", async () => {
  const refused = (...words: string[]) => latchkey(words).catch((error: unknown) => error);
  const form = await refused("apis", "listApis", "--output", "xml");
  expect(form).toBeInstanceOf(UsageError);
  expect((form as Error).message).toBe('--output must be table or json, and "xml" is not.');
  expect(await refused("apis", "getApi", "--apiId", "api_1", "--output", "table")).toBeInstanceOf(UsageError);
  expect(await refused("apis", "getApi", "--apiId", "api_1", "--all")).toBeInstanceOf(UsageError);
});

test("no list has a field that its own flags would hide", () => {
  for (const list of lists) {
    const fields = Object.keys(inputSchema(list).properties ?? {});
    expect([list.name, fields.filter((name) => name === "output" || name === "all")]).toEqual([
      list.name,
      [],
    ]);
  }
});

describe("a table", () => {
  const item = {
    properties: {
      id: { type: "string" },
      name: { type: "string" },
      never: { type: "string" },
      createdAt: { type: "integer", description: "Unix time in milliseconds." },
      roles: { type: "array" },
      identity: { type: "object" },
      meta: { type: "object" },
      enabled: { type: "boolean" },
    },
  };
  const row = {
    id: "id_1",
    name: "x".repeat(60),
    createdAt: 1_767_225_600_000,
    roles: ["a", "b"],
    identity: { id: "id_2", externalId: "user_1" },
    meta: { plan: "pro" },
    enabled: false,
  };

  test("has a column for each field that the first rows have, and shortens wide values", () => {
    const table = tableOf(item, [row], Number.POSITIVE_INFINITY);
    expect(table.head.split(/ +/)).toEqual([
      "id",
      "name",
      "createdAt",
      "roles",
      "identity",
      "meta",
      "enabled",
    ]);
    expect(table.line(row)).toBe(
      `id_1  ${"x".repeat(39)}…  2026-01-01T00:00:00.000Z  a,b    user_1    {"plan":"pro"}  false`,
    );
    expect(table.line({ id: "a later and longer id" })).toBe("a l…");
  });

  test("is not wider than the terminal, and always has one column", () => {
    const table = tableOf(item, [row], 50);
    expect(table.head.split(/ +/)).toEqual(["id", "name"]);
    for (const line of [table.head, table.line(row)]) expect(line.length).toBeLessThanOrEqual(50);
    expect(tableOf(item, [row], 1).head).toBe("id");
  });

  test("shows no characters that would control a terminal", () => {
    const hostile = { id: "\u001b[2J\u0007\n\u202eabc" };
    const line = tableOf(item, [hostile], 80).line(hostile);
    expect(line).not.toMatch(/[\p{Cc}\p{Cf}]/u);
    expect(line).toContain("abc");
  });
});
