import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { newFolder, runProgram } from "../../test/program.ts";
import { testServer } from "../../test/setUp.ts";
import { operations } from "../operations/index.ts";
import { callOperation, type Target } from "./call.ts";
import { CommandError, UsageError } from "./commandError.ts";
import { operationOf } from "./help.ts";

setDefaultTimeout(60_000); // each command is a separate process

describe("calling an operation of a running server", () => {
  const server = testServer();
  type Options = { env?: Record<string, string>; input?: string };
  const latchkey = (words: readonly string[], { env = {}, input }: Options = {}) =>
    runProgram(words, {
      env: { LATCHKEY_URL: server.url, LATCHKEY_ROOT_KEY: server.rootKey, ...env },
      ...(input === undefined ? {} : { through: ["sh", "-c", `printf %s "$0" | "$@"`, input] }),
    });
  const done = async (words: readonly string[], options?: Options) => {
    const { code, stdout, stderr } = await latchkey(words, options);
    expect([code, stderr]).toEqual([0, ""]);
    return JSON.parse(stdout).data;
  };
  const newKey = async (): Promise<{ keyId: string; key: string }> => {
    const { apiId } = (await server.call("apis.createApi", { name: "payments" })).body.data;
    return (await server.call("keys.createKey", { apiId })).body.data;
  };
  const stored = async (keyId: string) => (await server.call("keys.getKey", { keyId })).body.data;

  test("takes the fields as flags, and prints the response", async () => {
    const words = ["--externalId", "5", "--meta", '{"plan":"pro"}'];
    const limits = ["--ratelimits", '[{"name":"abc","limit":5,"duration":1000}]'];
    const { identityId } = await done(["identities", "createIdentity", ...words, ...limits]);
    const identity = (await server.call("identities.getIdentity", { identity: identityId })).body.data;
    expect(identity).toMatchObject({
      externalId: "5",
      meta: { plan: "pro" },
      ratelimits: [{ name: "abc", limit: 5 }],
    });
  });

  test("takes text unchanged for a field that may be a string, and null for one that may be null", async () => {
    const { keyId } = await newKey();
    await done(["keys", "updateKey", "--keyId", keyId, "--name", "my key"]);
    expect(await stored(keyId)).toMatchObject({ name: "my key" });
    await done(["keys", "updateKey", "--keyId", keyId, "--name", "null"]);
    expect(await stored(keyId)).not.toHaveProperty("name");
  });

  test("takes a list of texts with commas or as JSON, and a time as 30d or as an ISO time", async () => {
    const { keyId } = await newKey();
    const update = (...words: string[]) => done(["keys", "updateKey", "--keyId", keyId, ...words]);
    const beforeMs = Date.now();
    await update("--permissions", "documents.read, documents.write", "--expires", "30d");
    const { expires, permissions } = await stored(keyId);
    expect(permissions.toSorted()).toEqual(["documents.read", "documents.write"]);
    expect(expires - 30 * 86_400_000).toBeGreaterThanOrEqual(beforeMs);
    expect(expires - 30 * 86_400_000).toBeLessThanOrEqual(Date.now());
    await update("--permissions", '["a:b"]', "--expires", "2099-01-31");
    expect(await stored(keyId)).toMatchObject({ permissions: ["a:b"], expires: Date.UTC(2099, 0, 31) });
    await update("--expires", "null");
    expect(await stored(keyId)).not.toHaveProperty("expires");
  });

  test("reads JSON from stdin for -, and from a file for @file", async () => {
    const file = join(newFolder(), "body.json");
    writeFileSync(file, '{ "externalId": "from_file" }');
    await done(["identities", "createIdentity", "--json", `@${file}`]);
    const words = ["identities", "createIdentity", "--json", "-"];
    await done(words, { input: '{ "externalId": "from_stdin" }' });
    await done(["identities", "createIdentity", "--externalId", "with_meta", "--meta", "-"], { input: "{}" });
    for (const identity of ["from_file", "from_stdin", "with_meta"]) {
      expect((await server.call("identities.getIdentity", { identity })).status).toBe(200);
    }
  });

  test("exits with 0 for a valid key or a reservation, 3 for a refused one, 1 for an error, and 2 for wrong usage", async () => {
    const { key } = await newKey();
    expect(await latchkey(["keys", "verifyKey", "--key", key])).toMatchObject({ code: 0, stderr: "" });
    const denied = await latchkey(["keys", "verifyKey", "--key", "unknown"]);
    expect([denied.code, denied.stderr, JSON.parse(denied.stdout).data.code]).toEqual([3, "", "NOT_FOUND"]);
    const limit = ["ratelimit", "limit", "--namespace", "sends", "--identifier", "a", "--duration", "60000"];
    expect((await latchkey([...limit, "--limit", "1"])).code).toBe(0);
    expect((await latchkey([...limit, "--limit", "1"])).code).toBe(3);
    await done(["identities", "createIdentity", "--externalId", "poor", "--credits", '{ "remaining": 4 }']);
    const reserve = ["credits", "reserve", "--identity", "poor", "--ttl", "60000", "--amount"];
    expect([(await latchkey([...reserve, "4"])).code, (await latchkey([...reserve, "1"])).code]).toEqual([
      0, 3,
    ]);
    const refused = await latchkey(["identities", "getIdentity", "--identity", "nobody"]);
    expect([refused.code, refused.stdout]).toEqual([1, ""]);
    expect(JSON.parse(refused.stderr).error.status).toBe(404);
    expect(await latchkey(["keys", "verifyKey"])).toMatchObject({
      code: 2,
      stdout: "",
      stderr: "--key is missing. See latchkey keys verifyKey --help.\n",
    });
  });

  test("takes the root key from stdin or a file, and never as an argument", async () => {
    const words = ["identities", "listIdentities"];
    const env = { LATCHKEY_ROOT_KEY: "" };
    const file = join(newFolder(), "key");
    writeFileSync(file, `${server.rootKey}\n`);
    await done([...words, "--root-key-file", file], { env });
    await done([...words, "--root-key-file", "-"], { env, input: server.rootKey });
    for (const flag of ["--root-key", "--rootKey", `--root-key=${server.rootKey}`]) {
      const { code, stderr } = await latchkey([...words, flag, server.rootKey], { env });
      expect([code, stderr]).toEqual([2, expect.stringContaining("A root key must not be an argument")]);
      expect(stderr).not.toContain(server.rootKey);
    }
    const both = ["--json", "-", "--root-key-file", "-"];
    expect((await latchkey([...words, ...both], { input: "{}" })).code).toBe(2);
  });

  test("uses the root key that a server in the same folder has stored, and never prints it", async () => {
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
      "The root key is missing. Set LATCHKEY_ROOT_KEY or LATCHKEY_ROOT_KEY_FILE, or use --root-key-file.\n",
    ]);
  });

  test("without LATCHKEY_URL, calls the server on this machine that has the same HOST and PORT", async () => {
    const { port } = new URL(server.url);
    await done(["identities", "listIdentities"], { env: { LATCHKEY_URL: "", PORT: port, HOST: "0.0.0.0" } });
  });

  test("reaches an operation even if its group also has management commands", async () => {
    expect(await done(["audit", "listEvents", "--limit", "1"])).toHaveLength(1);
  });
});

const unused: Target = {
  url: "http://127.0.0.1:9",
  rootKey: "k".repeat(32),
  rootKeyFile: undefined,
  withinMs: 30_000,
  nowMs: Date.now,
  terminalWidth: undefined,
};

/** Runs a command in this process, and returns the message of its error. */
async function refused(words: string, target = unused, kind = UsageError): Promise<string> {
  const [group = "", verb = "", ...rest] = words.split(" ");
  const operation = operationOf([group, verb], operations);
  if (operation === undefined) throw new Error(`${words} is not an operation`);
  try {
    await callOperation(operation, rest, target);
  } catch (error) {
    if (error instanceof kind) return (error as Error).message;
    throw error;
  }
  throw new Error("was not refused");
}

test("if no server responds, or another one does, the command fails with one sentence", async () => {
  const other = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response("<html>") });
  const url = `http://127.0.0.1:${other.port}`;
  const words = "keys verifyKey --key x";
  expect(await refused(words, unused, CommandError)).toBe(
    "No server responds at http://127.0.0.1:9. Start one with latchkey serve, or set LATCHKEY_URL.",
  );
  expect(await refused(words, { ...unused, url }, CommandError)).toBe(
    `The response from ${url} is not from a Latchkey server (status 200). Check LATCHKEY_URL and any proxy in front of the server.`,
  );
  await other.stop();
});

test.each(["", "latchkey_root_…", "two keys"])(
  "a file that contains %p is refused as a root key",
  async (text) => {
    const file = join(newFolder(), "key");
    writeFileSync(file, text);
    expect(await refused(`keys verifyKey --key x --root-key-file ${file}`, unused, CommandError)).toBe(
      `--root-key-file: ${file} does not contain a root key. Write only the root key to it.`,
    );
    const besideDatabase = { ...unused, rootKey: undefined, rootKeyFile: file };
    expect(await refused("keys verifyKey --key x", besideDatabase, CommandError)).toBe(
      `${file} does not contain a root key. Write only the root key to it.`,
    );
  },
);

test("a call ends after its time limit, even if the server accepts the connection and stays silent", async () => {
  const silent = createServer();
  const port = await new Promise<number>((resolve) => {
    silent.listen(0, "127.0.0.1", () => resolve((silent.address() as { port: number }).port));
  });
  const url = `http://127.0.0.1:${port}`;
  expect(await refused("keys verifyKey --key x", { ...unused, url, withinMs: 100 }, CommandError)).toBe(
    `The server at ${url} did not respond within 0.1 s. The server may still complete the call.`,
  );
  silent.close();
});

describe("invalid arguments are refused before any request is sent", () => {
  test.each([
    [
      "identities createIdentity --externalID u",
      "--externalID is not a field of identities.createIdentity. Did you mean --externalId?",
    ],
    ["identities createIdentity --zzz u", "--zzz is not a field of identities.createIdentity."],
    [
      "identities createIdentity --constructor 1",
      "--constructor is not a field of identities.createIdentity.",
    ],
    [
      "identities createIdentity --meta {}",
      "--externalId is missing. See latchkey identities createIdentity --help.",
    ],
    ["identities createIdentity --meta {plan:pro}", '--meta must be JSON, and "{plan:pro}" is not.'],
    ["identities createIdentity --meta @/no/such", "--meta: /no/such cannot be read (ENOENT)."],
    ["identities listIdentities --limit five", '--limit must be JSON, and "five" is not.'],
    [
      "keys createKey --apiId api_1 --expires soon",
      '--expires must be a time, and "soon" is not. Use 30d (30 days from now), -7d (7 days ago), an ISO time, or Unix time in milliseconds.',
    ],
    [
      "identities createIdentity --externalId",
      "--externalId has no value. Write --externalId <value>. See latchkey identities createIdentity --help.",
    ],
    [
      "identities createIdentity u",
      'Unexpected argument "u". Write --<field> <value>. See latchkey identities createIdentity --help.',
    ],
    ["identities createIdentity --externalId a --externalId b", "--externalId appears twice. Write it once."],
    ["identities createIdentity --json {} --json {}", "--json appears twice. Write it once."],
    [
      "identities createIdentity --externalId a --json {}",
      "--json is the whole body. Do not combine it with other fields.",
    ],
    ["identities createIdentity --json {", '--json must be JSON, and "{" is not.'],
  ])("%s", async (words, said) => {
    expect(await refused(words)).toBe(said);
  });

  test("every field of every operation is an accepted flag", async () => {
    for (const operation of operations) {
      const words = operation.name.replace(".", " ");
      const fields = Array.isArray(operation.example.input) ? [] : Object.keys(operation.example.input);
      for (const field of [...fields, "json"]) {
        const said = await refused(`${words} --${field} {`).catch((error: Error) => error.message);
        expect(said).toMatch(
          /^(No server responds .*|--\S+ is missing\. .*|--\S+ must be JSON, and "\{" is not\.|--\S+ must be a time.*)$/,
        );
      }
    }
  });
});
