import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startTest, type TestServer } from "../../test/harness.ts";
import { newFolder, runProgram } from "../../test/program.ts";
import { operations } from "../operations/index.ts";
import { callOperation } from "./call.ts";
import { CommandError } from "./manage.ts";

setDefaultTimeout(60_000); // commands are processes of their own

describe("calling an operation of a running server", () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTest();
  });
  afterAll(() => server.stop());
  const latchkey = (words: readonly string[], env: Record<string, string> = {}) =>
    runProgram(words, { env: { LATCHKEY_URL: server.url, LATCHKEY_ROOT_KEY: server.rootKey, ...env } });

  test("takes its fields as flags, text as it is and the rest as JSON, and prints the answer", async () => {
    const words = [
      "--externalId",
      "user_1",
      "--meta",
      '{"plan":"pro"}',
      "--ratelimits",
      '[{"name":"abc","limit":5,"duration":1000}]',
    ];
    const made = await latchkey(["identities", "createIdentity", ...words]);
    expect([made.code, made.stderr]).toEqual([0, ""]);
    const { identityId } = JSON.parse(made.stdout).data;
    const stored = (await server.call("identities.getIdentity", { identity: identityId })).body.data;
    expect(stored).toMatchObject({
      externalId: "user_1",
      meta: { plan: "pro" },
      ratelimits: [{ name: "abc", limit: 5 }],
    });
    const numeric = await latchkey(["identities", "createIdentity", "--externalId", "5"]);
    expect(numeric.code).toBe(0);
    const listed = await latchkey(
      ["identities", "listIdentities", "--json", '{"limit":1,"search":"user_1"}'],
      {
        LATCHKEY_URL: `${server.url}/`,
      },
    );
    expect(JSON.parse(listed.stdout).data).toMatchObject([{ externalId: "user_1" }]);
  });

  test("prints a refusal on stderr, with exit code 1", async () => {
    const refused = await latchkey(["identities", "getIdentity", "--identity", "nobody"]);
    expect([refused.code, refused.stdout]).toEqual([1, ""]);
    expect(JSON.parse(refused.stderr).error.status).toBe(404);
  });

  test("uses the root key that a server beside it has left, and never prints one", async () => {
    const folder = newFolder();
    mkdirSync(join(folder, "data"));
    writeFileSync(join(folder, "data", "root-key"), `${server.rootKey}\n`);
    const env = { LATCHKEY_URL: server.url };
    const found = await runProgram(["identities", "listIdentities"], { env, cwd: folder });
    expect([found.code, found.stderr]).toEqual([0, ""]);
    expect(found.stdout).not.toContain(server.rootKey);
    const none = await runProgram(["identities", "listIdentities"], { env, cwd: newFolder() });
    expect([none.code, none.stdout, none.stderr]).toEqual([
      1,
      "",
      "Which root key? Set LATCHKEY_ROOT_KEY or LATCHKEY_ROOT_KEY_FILE.\n",
    ]);
  });

  test("reaches an operation also where its group has commands of its own", async () => {
    const events = await latchkey(["audit", "listEvents", "--limit", "1"]);
    expect([events.code, events.stderr]).toEqual([0, ""]);
    expect(JSON.parse(events.stdout).data).toHaveLength(1);
  });
});

test("without a server, or with another one, it is one sentence", async () => {
  const other = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response("<html>") });
  const env = { LATCHKEY_ROOT_KEY: "k".repeat(32) };
  for (const [url, said] of [
    [
      "http://127.0.0.1:9",
      "No server answers at http://127.0.0.1:9: start one with latchkey serve, or set LATCHKEY_URL.\n",
    ],
    [
      `http://127.0.0.1:${other.port}`,
      `What answers at http://127.0.0.1:${other.port} is no Latchkey server (200): set LATCHKEY_URL.\n`,
    ],
  ] as const) {
    const words = ["keys", "verifyKey", "--key", "x"];
    const { code, stdout, stderr } = await runProgram(words, { env: { ...env, LATCHKEY_URL: url } });
    expect([code, stdout, stderr]).toEqual([1, "", said]);
  }
  await other.stop();
});

test("--help shows the fields of each operation", async () => {
  const { code, stdout } = await runProgram(["keys", "createKey", "--help"]);
  expect(code).toBe(0);
  for (const flag of [
    "--apiId <string>",
    "--byteLength <integer>",
    "--meta <object>",
    "--ratelimits <array>",
    "--enabled <boolean>",
  ]) {
    expect(stdout).toContain(flag);
  }
});

describe("words that make no call are refused before any server is asked", () => {
  const target = { url: "http://127.0.0.1:9", rootKey: "k", rootKeyFile: undefined };
  const refused = async (words: string): Promise<string> => {
    try {
      await callOperation(operations, words.split(" "), target);
    } catch (error) {
      if (error instanceof CommandError) return error.message;
      throw error;
    }
    throw new Error("was not refused");
  };

  test.each([
    [
      "identities createIdentiti",
      "latchkey identities createIdentiti is no command: did you mean latchkey identities createIdentity?",
    ],
    ["nothing at-all", "latchkey nothing at-all is no command: see latchkey help"],
    ["identities", "latchkey identities  is no command: see latchkey help"],
    [
      "identities createIdentity --externalID u",
      "--externalID is no field of identities.createIdentity: did you mean --externalId?",
    ],
    ["identities createIdentity --zzz u", "--zzz is no field of identities.createIdentity."],
    ["identities createIdentity --constructor 1", "--constructor is no field of identities.createIdentity."],
    ["identities createIdentity --meta {plan:pro}", '--meta takes JSON, and "{plan:pro}" is none.'],
    ["identities listIdentities --limit five", '--limit takes JSON, and "five" is none.'],
    [
      "identities createIdentity --externalId",
      "--externalId is no --<field> with a <value>; see latchkey identities createIdentity --help.",
    ],
    [
      "identities createIdentity u",
      "u is no --<field> with a <value>; see latchkey identities createIdentity --help.",
    ],
    ["identities createIdentity --externalId a --externalId b", "--externalId is there twice."],
    ["identities createIdentity --externalId a --json {}", "--json is the whole body: give it alone."],
    ["identities createIdentity --json {", '--json takes JSON, and "{" is none.'],
  ])("%s", async (words, said) => {
    expect(await refused(words)).toBe(said);
  });

  test("every field of every operation is a flag that is known", async () => {
    for (const operation of operations) {
      const words = operation.name.split(".");
      const fields = Array.isArray(operation.example.input) ? [] : Object.keys(operation.example.input);
      for (const field of [...fields, "json"]) {
        const said = await refused(`${words.join(" ")} --${field} {`).catch(() => "taken as text");
        expect(said).toMatch(/^(taken as text|No server answers .*|--\S+ takes JSON, and "\{" is none\.)$/);
      }
    }
  });
});
