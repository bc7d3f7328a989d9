import { describe, expect, setDefaultTimeout, spyOn, test } from "bun:test";
import { readdirSync } from "node:fs";
import { SQL } from "bun";
import { engines } from "../../test/harness.ts";
import { newFolder, runProgram } from "../../test/program.ts";
import { expectRefusal } from "../../test/refusal.ts";
import { sharedCluster } from "../../test/services.ts";
import { testServer } from "../../test/setUp.ts";
import { until } from "../../test/until.ts";
import { CommandError } from "./commandError.ts";
import { manage } from "./manage.ts";

setDefaultTimeout(60_000); // each command is a separate process

const onDisk = engines.filter(({ name }) => name !== "sqlite in memory");

describe.each(onDisk)("beside a server on $name", (engine) => {
  const server = testServer({ engine });

  const latchkey = async (...words: string[]) => {
    const { code, stdout, stderr } = await runProgram(words, {
      env: { DATABASE_URL: server.databaseUrl },
    });
    return { code, out: stdout.trim(), err: stderr.trim() };
  };
  /** Runs a command that must succeed, and returns its output. */
  const done = async (...words: string[]) => {
    const { code, out, err } = await latchkey(...words);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    return out;
  };
  /** Runs a command that must be refused, in this process, and returns the message of the refusal. */
  const refused = async (words: readonly string[]): Promise<string> => {
    try {
      await manage(server.services.engine, words);
    } catch (error) {
      if (error instanceof CommandError) return error.message;
      throw error;
    }
    throw new Error("was not refused");
  };
  /** Returns the lines that are printed while `work` runs. */
  const printedBy = async (work: () => Promise<unknown>): Promise<string[]> => {
    const out = spyOn(console, "log").mockImplementation(() => {});
    try {
      await work();
      return out.mock.calls.map(String);
    } finally {
      out.mockRestore();
    }
  };
  const rows = (text: string) => text.split("\n").map((line) => JSON.parse(line) as Record<string, unknown>);
  const ask = (rootKey: string, operation = "identities.listIdentities", body: unknown = {}) =>
    server.call(operation, body, { rootKey });
  /** Waits until a call with this root key gets the status. A running server may take a second to notice a change. */
  const untilStatus = (status: number, rootKey: string) =>
    until(async () => (await ask(rootKey)).status === status, 5_000);

  test("the running server learns what a command changes, and never has to forget everything", async () => {
    const told: (readonly string[] | undefined)[] = [];
    server.services.engine.onForeignChange(({ ids }) => told.push(ids));
    const id = await done("workspace", "create", "Cached");
    await done("workspace", "set", "--workspace", id, "--time-zone", "Europe/Berlin");
    await done("root-key", "create", "--workspace", id, "--permissions", "*");
    await done("migration", "create", "--workspace", id, "--algorithm", "sha256");
    await done("workspace", "disable", id);
    await until(() => told.flat().includes(id));
    expect(told).not.toContain(undefined);
  });

  test("a workspace is created, listed, disabled and enabled, and the running server applies each change", async () => {
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
    await untilStatus(403, rootKey);
    expectRefusal(await ask(rootKey), "workspace_disabled");
    expect((await ask(server.rootKey)).status).toBe(200);
    expect(rows(await done("workspace", "list"))).toContainEqual(
      expect.objectContaining({ id, enabled: false }),
    );

    expect(await done("workspace", "enable", id)).toBe(`${id} is enabled`);
    await untilStatus(200, rootKey);
  });

  test("a root key is created with exactly the given permissions, works at once, and is shown once", async () => {
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

  test("workspaces and root keys are listed as a table on a terminal or with --output table, else as JSON", async () => {
    const lists = [
      {
        words: ["workspace", "list"],
        head: /^id +name +enabled +timeZone +createdAtMs$/,
        id: server.workspaceId,
      },
      {
        words: ["root-key", "list", "--workspace", server.workspaceId],
        head: /^id +name +enabled +start +end +createdAtMs +permissions$/,
        id: "root_",
      },
    ];
    for (const { words, head, id } of lists) {
      const [first = "", ...rest] = (await done(...words, "--output", "table")).split("\n");
      expect(first).toMatch(head);
      expect(rest.some((line) => line.startsWith(id) && /\d{4}-\d\d-\d\dT/.test(line))).toBe(true);
      expect(rows(await done(...words, "--output", "json"))).toHaveLength(rest.length);
      expect(await refused([...words, "--output", "xml"])).toBe(
        '--output must be table or json, and "xml" is not.',
      );
      const printed = await printedBy(() => manage(server.services.engine, words, 60));
      expect(printed[0]).toMatch(/^id +name/);
      expect(printed.filter((line) => line.length > 60)).toEqual([]);
    }
  });

  test("a root key of one keyspace may act in its api alone", async () => {
    const create = async (name: string) => {
      const { apiId } = (await server.call("apis.createApi", { name })).body.data;
      return (await server.call("apis.getApi", { apiId })).body.data as { id: string; keyspaceId: string };
    };
    const [mine, other] = [await create("mine"), await create("other")];
    const command = ["root-key", "create", "--workspace", server.workspaceId, "--permissions"];
    const urn = (keyspaceId: string) => `unkey:v1:*:keyspaces/${keyspaceId}#create_key`;
    const [, rootKey = ""] = (await done(...command, urn(mine.keyspaceId))).split("\n");
    expect((await ask(rootKey, "keys.createKey", { apiId: mine.id })).status).toBe(200);
    expect((await ask(rootKey, "keys.createKey", { apiId: other.id })).status).toBe(404);
    expect(await refused([...command, urn("ks_none")])).toContain("names the keyspace ks_none");
  });

  test("a revoked root key stops working on the running server", async () => {
    const [id = "", rootKey = ""] = (
      await done("root-key", "create", "--workspace", server.workspaceId, "--permissions", "*")
    ).split("\n");
    expect((await ask(rootKey)).status).toBe(200);
    expect(await done("root-key", "revoke", id)).toBe(`${id} is revoked`);
    await untilStatus(401, rootKey);
    expectRefusal(await ask(rootKey), "root_key_not_found");
    expect(await latchkey("root-key", "revoke", id)).toEqual({
      code: 1,
      out: "",
      err: expect.stringMatching(new RegExp(`^${id} was already revoked at .+Z\\.$`)),
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

  test("a wrong command is refused in one sentence", async () => {
    const create = ["root-key", "create", "--workspace", server.workspaceId];
    for (const [words, said] of [
      [["workspace", "create"], /workspace create <name>/],
      [["workspace", "create", "two", "words"], /workspace create <name>/],
      [["workspace", "list", "--all"], /--all/],
      [["workspace", "list", "all"], /^Unexpected argument "all"; allowed: --output\.$/],
      [["workspace", "disable", "ws_none"], /"ws_none"/],
      [["root-key", "revoke"], /root-key revoke <id>/],
      [["root-key", "create", "--permissions", "*"], /--workspace/],
      [["root-key", "list", "--workspace", "ws_none"], /"ws_none"/],
      [create, /--permissions is missing/],
      [[...create, "--permissions", "identity.*.reed_identity"], /"identity\.\*\.reed_identity"/],
      [[...create, "--permissions", "*,identity"], /"identity"/],
      [[...create, "--permissions", "identity.a-b.read_identity"], /not a permission/],
      [[...create, "--permission", "*"], /--permission'.*allowed: .*--permissions/],
      [[...create, "--permissions"], /--permissions/],
      [[...create, "--permissions", "*", "--expires", "yesterday"], /not a time in the future/],
      [[...create, "--permissions", "*", "--expires", "2020-01-01"], /not a time in the future/],
      [[...create, "--permissions", "*", "--expires", "0d"], /not a time in the future/],
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
    "DATABASE_URL is :memory:, which only the server itself can read: set it to the server's file or postgres:// address.\n",
  ]);
});

describe("only serve creates a database:", () => {
  const commands = [
    ["workspace", "create", "first"],
    ["workspace", "list"],
    ["root-key", "create", "--permissions", "*"],
    ["audit", "export"],
    ["usage", "export"],
  ];

  test("every other command fails without one, says what to do, and creates no file", async () => {
    const folder = newFolder();
    const env = { DATABASE_URL: `file:${folder}/data/latchkey.db` };
    for (const words of [...commands, ["backup", `${folder}/backup`]]) {
      const { code, stdout, stderr } = await runProgram(words, { env });
      expect([words, code, stdout]).toEqual([words, 1, ""]);
      expect(stderr).toMatch(/^There is no database at .+\.\n$/);
    }
    expect(readdirSync(folder)).toEqual([]);
  });

  test("an empty PostgreSQL database stays empty", async () => {
    const cluster = await sharedCluster();
    const url = await cluster.makeBare();
    const { code, stderr } = await runProgram(["workspace", "list"], { env: { DATABASE_URL: url } });
    expect([code, stderr]).toEqual([
      1,
      expect.stringMatching(/has no Latchkey tables\. Start latchkey serve first, .+\.\n$/),
    ]);
    await using client = new SQL(url);
    const [row] = await client`select count(*)::int4 as "tables" from pg_tables where schemaname = 'public'`;
    expect(row).toEqual({ tables: 0 });
    await cluster.drop(url);
  });
});
