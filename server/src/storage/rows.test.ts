import { Database } from "bun:sqlite";
import { beforeAll, describe, expect, test } from "bun:test";
import { engines, type Reply, startTest, type TestServer } from "../../test/harness.ts";
import { testServer } from "../../test/setUp.ts";
import { tablesOf } from "../../test/tables.ts";
import { makeWorkspace, type Workspace } from "../../test/workspace.ts";
import { makeWorld, type World } from "../../test/world.ts";

type Calls = [operation: string, body: object][];
type Cell = { table: string; column: string; key: string; id: string; isText: boolean };

/** Columns that identify a row and its owner. The tests do not damage these: the row would become another row. */
const keyColumns = ["id", "workspaceId"];
/** The column by which the rows of a table are found, if it is not `id`. */
const ownerColumns: Record<string, string> = { lastUses: "keyId" };

/** Lists the cells of one row per table that belongs to a record of `world`, except for the cells of `keyColumns`. */
async function cellsOf(server: TestServer, workspaceId: string, world: World): Promise<Cell[]> {
  const { db } = server.services.engine;
  const tables = await db.introspection.getTables();
  const { ofWorkspace } = await tablesOf(db);
  const names = new Set<string>(ofWorkspace.filter((name) => name !== "rootKeys"));
  const ids: readonly unknown[] = Object.values({ ...world, workspaceId: "", rootKey: "" });
  const found = tables
    .filter(({ name }) => names.has(name))
    .map(async ({ name: table, columns }) => {
      const key = ownerColumns[table] ?? "id";
      const rows = await db
        .selectFrom(table as "keys")
        .selectAll()
        .where("workspaceId", "=", workspaceId)
        .execute();
      const row = rows.find((one) => Object.values(one).some((value) => ids.includes(value)));
      return row === undefined ? [] : cellsOfRow(table, key, columns, row);
    });
  return (await Promise.all(found)).flat();
}

type Column = { name: string; dataType: string };

function cellsOfRow(table: string, key: string, columns: Column[], row: Record<string, unknown>): Cell[] {
  if (!(key in row)) return [];
  return columns
    .filter(({ name }) => name !== key && !keyColumns.includes(name))
    .map(({ name, dataType }) => {
      return { table, column: name, key, id: String(row[key]), isText: /text/i.test(dataType) };
    });
}

const deep = (depth: number) => `{"a":${"[".repeat(depth)}${"]".repeat(depth)}}`;
const texts = ["not json", "[]", "", "null", '{"a":', '{"a":1e999}', '[null,5,{"a":[]}]', "😀 ' -- %"];
/** Long texts for columns with JSON. Names and ids of this length cannot get into the database. */
const longTexts = [deep(200_000), "x".repeat(200_000)];
const jsonColumns = ["meta", "fields", "event"];
const numbers = [-1, 0, 2, 2 ** 53 - 1, -(2 ** 53) + 1, 8.64e15 + 1];

describe.each(engines)("on $name,", (engine) => {
  const server = testServer({ engine });
  let space: Workspace;
  let good: World;
  let odd: World;
  beforeAll(async () => {
    space = await makeWorkspace(server);
    const owner = { workspaceId: space.id, rootKey: space.rootKey };
    good = await makeWorld(server, "good", owner);
    odd = await makeWorld(server, "odd", owner);
    // gives both keys usage, too
    for (const { key } of [good, odd]) await space.data("keys.verifyKey", { key, tags: ["tag"] });
  });

  const readsOf = (world: World): Calls => [
    ["identities.getIdentity", { identity: world.identityId }],
    ["apis.getApi", { apiId: world.apiId }],
    ["apis.listKeys", { apiId: world.apiId }],
    ["keys.getKey", { keyId: world.keyId }],
    ["keys.whoami", { key: world.key }],
    [
      "keys.verifyKey",
      {
        key: world.key,
        credits: { cost: 0 },
        permissions: world.slug,
        ratelimits: ["requests", "shared"].map((name) => ({ name, cost: 0 })),
      },
    ],
    ["permissions.getRole", { role: world.roleId }],
    ["permissions.getPermission", { permission: world.permissionId }],
    ["ratelimit.getOverride", { namespace: world.namespaceId, identifier: "user_123" }],
    ["ratelimit.listOverrides", { namespace: world.namespaceId }],
    [
      "ratelimit.limit",
      { namespace: world.namespaceId, identifier: "user_123", limit: 5, duration: 60_000, cost: 0 },
    ],
    ["keys.verifyKey", { key: `${world.key}x`, migrationId: world.migrationId }],
  ];
  const goodReads = () => readsOf(good).filter(([name]) => /verifyKey|listKeys|limit$/.test(name));
  const lists: Calls = [
    ["identities.listIdentities", {}],
    ["permissions.listRoles", {}],
    ["permissions.listPermissions", {}],
    ["audit.listEvents", {}],
  ];
  const ask = async (calls: Calls) => {
    server.services.caches.clear();
    return Promise.all(calls.map(([operation, body]) => space.call(operation, body)));
  };
  /** Returns those items of a list that are about records of `good`. Their rows are not damaged. */
  const goodItems = (reply: Reply): string[] =>
    (reply.body.data as unknown[])
      .map((item) => JSON.stringify(item))
      .filter((item) =>
        [good.identityId, good.roleId, good.permissionId, good.keyId].some((id) => item.includes(id)),
      );

  async function sql(text: string, ...parameters: unknown[]): Promise<Record<string, unknown>[]> {
    const { engine } = server.services;
    return engine.transaction(async (tx) => {
      const { rows } = await tx.executeQuery({ sql: text, parameters, query: { kind: "RawNode" } } as never);
      return rows as Record<string, unknown>[];
    });
  }

  const oddValues = ({ isText, column }: Cell): unknown[] => {
    if (engine.name !== "sqlite in memory") return isText ? texts.slice(0, 2) : numbers.slice(0, 2);
    if (!isText) return [...numbers, null];
    return [...texts, null, ...(jsonColumns.includes(column) ? longTexts : [])];
  };

  /** Returns what the responses of lists and single reads say about the records of `good`. */
  function saidOfGood(replies: Reply[]): unknown[] {
    const direct = replies.slice(lists.length, lists.length + goodReads().length);
    return [
      ...replies.slice(0, lists.length).map(goodItems),
      ...direct.map(({ status, body }) => [status, body.data]),
    ];
  }

  const placeholder = engine.name === "postgres" ? (index: number) => `$${index}` : () => "?";
  const where = ({ key, id }: Cell) => `"${key}" = '${id}'`;

  /** Runs `work` while the cell has this value. Returns 1, or 0 if the database rejects the value. */
  async function whileOdd(cell: Cell, value: unknown, work: () => Promise<void>): Promise<number> {
    const { table, column } = cell;
    const [before] = await sql(`select "${column}" as "value" from "${table}" where ${where(cell)}`);
    const set = `update "${table}" set "${column}" = ${placeholder(1)} where ${where(cell)}`;
    const isTaken = await sql(set, value).then(
      () => true,
      () => false,
    );
    if (!isTaken) return 0;
    await work();
    await sql(set, before?.["value"]);
    return 1;
  }

  test("a damaged row crashes no operation, and does not change what is returned about other rows", async () => {
    const calls = [...lists, ...goodReads(), ...readsOf(odd), ["analytics.getUsage", { keyId: odd.keyId }]];
    const before = await ask(calls as Calls);
    expect(before.map(({ status }) => status)).toEqual(Array(calls.length).fill(200));
    const cells = await cellsOf(server, space.id, odd);
    expect(cells.length).toBeGreaterThan(50);
    const changes = cells.flatMap((cell) => oddValues(cell).map((value) => ({ cell, value })));
    let taken = 0;
    for (const { cell, value } of changes) {
      const shown = `${cell.table}.${cell.column}: ${String(value).slice(0, 20)}`;
      taken += await whileOdd(cell, value, async () => {
        const after = await ask(calls as Calls);
        expect([shown, after.filter(({ status }) => status >= 500).map(({ text }) => text)]).toEqual([
          shown,
          [],
        ]);
        expect([shown, saidOfGood(after)]).toEqual([shown, saidOfGood(before)]);
      });
    }
    expect(taken).toBeGreaterThan(changes.length / 2);
  }, 120_000);

  test("a root key whose row is damaged has no permissions except the readable ones", async () => {
    for (const text of [
      ...texts,
      ...longTexts,
      '["*"',
      '{"*":true}',
      '["identity.*.read_identity",5,null]',
    ]) {
      const rootKey = await server.makeRootKey(["*"], { workspaceId: space.id });
      const hash = server.services.hashKey(rootKey);
      await sql(
        `update "rootKeys" set "permissions" = ${placeholder(1)} where "hash" = ${placeholder(2).replace("1", "2")}`,
        text,
        hash,
      );
      const list = await space.call("identities.listIdentities", {}, { rootKey });
      expect([text.slice(0, 40), list.status]).toEqual([
        text.slice(0, 40),
        text.includes("read_identity") ? 200 : 403,
      ]);
      expect((await space.call("apis.createApi", { name: "none" }, { rootKey })).status).toBe(403);
    }
  });

  test("a damaged balance fails only the call that spends from it, and no other call in the same transaction", async () => {
    const made = await Promise.all(
      Array.from({ length: 24 }, () =>
        space.data("keys.createKey", { apiId: good.apiId, credits: { remaining: 5 } }),
      ),
    );
    const [broken] = made;
    await sql(
      `update "balances" set "refillAmount" = -5, "nextRefillAtMs" = 1 where "id" = '${broken.keyId}'`,
    );
    const replies = await Promise.all(made.map(({ key }) => space.call("keys.verifyKey", { key })));
    expect(replies.map(({ status }) => status)).toEqual(Array(24).fill(200));
    expect(replies.slice(1).every(({ body }) => body.data.credits === 4)).toBe(true);
    expect(replies[0]?.body.data).toMatchObject({ valid: false, code: "USAGE_EXCEEDED", credits: 0 });
  });
});

/** Not on SQLite in memory, where only the usage thread can write usage, so a test cannot damage it. */
describe.each(engines.filter(({ name }) => name !== "sqlite in memory"))("on $name,", (engine) => {
  test("damaged usage crashes no operation that reads it", async () => {
    const server = await startTest({ engine });
    const space = await makeWorkspace(server);
    const { apiId } = await space.data("apis.createApi", { name: "payments" });
    const { keyId, key } = await space.data("keys.createKey", { apiId });
    const usage = (granularity: string, format: string) =>
      space.call("analytics.getUsage", { keyId, granularity, format });
    await space.data("keys.verifyKey", { key });
    expect((await usage("hour", "json")).status).toBe(200); // makes the server store the names
    const hour = Math.floor(server.clock.nowMs / 3_600_000);
    const rows = [
      ["usageMinutes", -1, 0, 1, 1],
      ["usageHours", hour, 9_999, -5, -5],
      ["usageHours", hour, 0, 2 ** 53 - 1, 0],
      ["usageDays", -1, 0, 1, 1],
      ["usageDays", 2 ** 53 - 1, 0, 1, 1],
    ] as const;
    for (const [table, start, outcome, count, credits] of rows) {
      await runOnUsage(
        server,
        `insert into "${table}" select w."id", 4, ${start}, s."id", 0, ${outcome}, ${count}, ${credits}
          from "usageNames" w, "usageNames" s
          where w."kind" = 0 and w."name" = '${space.id}' and s."kind" = 4 and s."name" = '${keyId}'`,
      );
    }
    for (const granularity of ["minute", "hour", "day"]) {
      for (const format of ["json", "csv"]) {
        const reply = await usage(granularity, format);
        expect([granularity, format, reply.status]).toEqual([granularity, format, 200]);
      }
    }
    expect((await usage("hour", "json")).body.data.points.length).toBeGreaterThan(0);
    await server.stop();
  });
});

async function runOnUsage(server: TestServer, sql: string): Promise<void> {
  if (server.databaseUrl.startsWith("file:")) {
    const database = new Database(`${server.databaseUrl.slice("file:".length)}-usage`);
    database.run(sql);
    database.close();
    return;
  }
  const node = { sql, parameters: [], query: { kind: "RawNode" } } as never;
  await server.services.engine.transaction((tx) => tx.executeQuery(node));
}
