import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { engines, startTest, type TestServer } from "../../test/harness.ts";
import { newFolder, runProgram, until } from "../../test/program.ts";
import { expectRefusal } from "../../test/refusal.ts";
import { CommandError, manage } from "./manage.ts";

setDefaultTimeout(60_000); // every command is a process of its own

const onDisk = engines.filter(({ name }) => name !== "sqlite in memory");

describe.each(onDisk)("beside a server on $name", (engine) => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTest({ engine });
  });
  afterAll(() => server.stop());

  const latchkey = async (...words: string[]) => {
    const { code, stdout, stderr } = await runProgram(words, {
      env: { DATABASE_URL: server.databaseUrl },
    });
    return { code, out: stdout.trim(), err: stderr.trim() };
  };
  /** What a command printed that had to succeed. */
  const done = async (...words: string[]) => {
    const { code, out, err } = await latchkey(...words);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    return out;
  };
  /** The sentence with which words were refused, in this process. */
  const refused = async ([group = "", ...words]: readonly string[]): Promise<string> => {
    try {
      await manage(server.services.engine, group, words);
    } catch (error) {
      if (error instanceof CommandError) return error.message;
      throw error;
    }
    throw new Error("was not refused");
  };
  const rows = (text: string) => text.split("\n").map((line) => JSON.parse(line) as Record<string, unknown>);
  const ask = (rootKey: string, operation = "identities.listIdentities", body: unknown = {}) =>
    server.call(operation, body, { rootKey });
  /** Within the bound in which a running server must have heard of a change. */
  const soon = (what: string, status: number, rootKey: string) =>
    until(what, async () => ((await ask(rootKey)).status === status ? true : undefined), 5_000);

  test("a workspace is made, listed, disabled and enabled, and the running server follows", async () => {
    const id = await done("workspace", "create", "Second one");
    expect(id).toMatch(/^ws_[A-Za-z0-9]+$/);
    expect(rows(await done("workspace", "list"))).toContainEqual(
      expect.objectContaining({ id, name: "Second one", enabled: true }),
    );
    const [, rootKey = ""] = (
      await done("root-key", "create", "--workspace", id, "--permissions", "*")
    ).split("\n");
    expect((await ask(rootKey)).status).toBe(200);

    expect(await done("workspace", "disable", id)).toBe(`${id} is disabled`);
    await soon("the workspace is disabled", 403, rootKey);
    expectRefusal(await ask(rootKey), "workspace_disabled");
    expect((await ask(server.rootKey)).status).toBe(200);
    expect(rows(await done("workspace", "list"))).toContainEqual(
      expect.objectContaining({ id, enabled: false }),
    );

    expect(await done("workspace", "enable", id)).toBe(`${id} is enabled`);
    await soon("the workspace is enabled", 200, rootKey);
  });

  test("a root key is made with exactly its permissions, works at once, and is shown once", async () => {
    const permissions = "identity.*.read_identity,identity.*.create_identity";
    const printed = await done(
      "root-key",
      "create",
      "--workspace",
      server.workspaceId,
      "--permissions",
      permissions,
      "--name",
      "reader",
    );
    const [id = "", rootKey = ""] = printed.split("\n");
    expect(id).toMatch(/^root_/);
    expect(rootKey).toMatch(/^latchkey_root_/);
    expect((await ask(rootKey)).status).toBe(200);
    expect((await ask(rootKey, "identities.createIdentity", { externalId: "by_reader" })).status).toBe(200);
    const missing = expectRefusal(
      await ask(rootKey, "identities.deleteIdentity", { identity: "by_reader" }),
      "insufficient_permissions",
    );
    expect(missing.detail).toContain("identity.*.delete_identity");

    const listed = await done("root-key", "list", "--workspace", server.workspaceId);
    expect(listed).not.toContain(rootKey);
    expect(rows(listed)).toContainEqual(
      expect.objectContaining({ id, name: "reader", enabled: true, permissions: permissions.split(",") }),
    );
  });

  test("a revoked root key stops working on the running server", async () => {
    const [id = "", rootKey = ""] = (
      await done("root-key", "create", "--workspace", server.workspaceId, "--permissions", "*")
    ).split("\n");
    expect((await ask(rootKey)).status).toBe(200);
    expect(await done("root-key", "revoke", id)).toBe(`${id} is revoked`);
    await soon("the root key is unknown", 401, rootKey);
    expectRefusal(await ask(rootKey), "root_key_not_found");
    expect(await latchkey("root-key", "revoke", id)).toEqual({
      code: 1,
      out: "",
      err: `There is no root key "${id}"; see latchkey root-key list.`,
    });
  });

  test("a root key stops working at its expiry", async () => {
    const expires = new Date(Date.now() + 3_600_000).toISOString();
    const [, rootKey = ""] = (
      await done(
        "root-key",
        "create",
        "--workspace",
        server.workspaceId,
        "--permissions",
        "*",
        "--expires",
        expires,
      )
    ).split("\n");
    const startedAt = server.clock.nowMs;
    server.clock.nowMs = Date.parse(expires);
    expect((await ask(rootKey)).status).toBe(200);
    server.clock.nowMs += 1;
    expectRefusal(await ask(rootKey), "root_key_expired");
    server.clock.nowMs = startedAt;
  });

  test("what cannot be done is refused in one sentence", async () => {
    const create = ["root-key", "create", "--workspace", server.workspaceId];
    for (const [words, said] of [
      [["workspace"], /workspace create/],
      [["workspace", "remove", "x"], /is no command; there is workspace create/],
      [["workspace", "create"], /workspace create <name>/],
      [["workspace", "create", "two", "words"], /workspace create <name>/],
      [["workspace", "list", "--all"], /--all/],
      [["workspace", "disable", "ws_none"], /"ws_none"/],
      [["root-key", "revoke"], /root-key revoke <id>/],
      [["root-key", "create", "--permissions", "*"], /--workspace/],
      [["root-key", "list", "--workspace", "ws_none"], /"ws_none"/],
      [create, /--permissions is missing/],
      [[...create, "--permissions", "identity.*.reed_identity"], /"identity\.\*\.reed_identity"/],
      [[...create, "--permissions", "*,identity"], /"identity"/],
      [[...create, "--permissions", "identity.a-b.read_identity"], /no permission/],
      [[...create, "--permission", "*"], /--permission'.*known: .*--permissions/],
      [[...create, "--permissions"], /--permissions/],
      [[...create, "--permissions", "*", "--expires", "yesterday"], /no time to come/],
      [[...create, "--permissions", "*", "--expires", "2020-01-01"], /no time to come/],
      [[...create, "--permissions", "*", "--expires", "0d"], /no time to come/],
      [["migration", "create", "--workspace", server.workspaceId, "--algorithm", "256"], /sha256/],
    ] as const) {
      const sentence = await refused(words);
      expect(sentence).toMatch(said);
      expect(sentence).toMatch(/^.+\.$/); // one line
    }
  });
});

test("a database in memory cannot be managed from outside", async () => {
  const { code, stderr } = await runProgram(["workspace", "list"], { env: { DATABASE_URL: ":memory:" } });
  expect([code, stderr]).toEqual([
    1,
    "DATABASE_URL is :memory:, which only the serving process can reach.\n",
  ]);
});

test("serve and config take settings from the environment alone", async () => {
  for (const words of [
    ["serve", "--port", "80"],
    ["config", "PORT"],
  ]) {
    const { code, stdout, stderr } = await runProgram(words);
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toMatch(/^latchkey (serve|config) takes nothing more: .+\.\n$/);
  }
});

test("help names every command, and needs no settings", async () => {
  for (const words of [[], ["help"], ["--help"], ["-h"]]) {
    const { code, stdout, stderr } = await runProgram(words, { env: { PORT: "nonsense" } });
    expect([code, stderr]).toEqual([0, ""]);
    for (const name of [
      "serve",
      "config",
      "workspace create",
      "root-key create",
      "identities createIdentity",
      "keys verifyKey",
    ]) {
      expect(stdout).toContain(name);
    }
  }
});

test("the first workspace of an empty database may be made by command line", async () => {
  const env = { DATABASE_URL: `file:${newFolder()}/latchkey.db` };
  const noWorkspace = await runProgram(["root-key", "create", "--permissions", "*"], { env });
  expect([noWorkspace.code, noWorkspace.stderr]).toEqual([
    1,
    "There is no workspace yet: make one with latchkey workspace create <name>.\n",
  ]);
  expect((await runProgram(["workspace", "create", "first"], { env })).code).toBe(0);
  const made = await runProgram(["root-key", "create", "--permissions", "*"], { env });
  expect(made.stdout).toMatch(/^root_\S+\nlatchkey_root_\S+\n$/);
});
