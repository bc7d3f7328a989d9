/** Tests of `latchkey import unkey`, which reads another server through Unkey's API. */
import { describe, expect, test } from "bun:test";
import { engines, startTest, type TestEngine, type TestServer } from "../../../test/harness.ts";
import { populate } from "../../../test/oldServer.ts";
import { stoppedAfterTest } from "../../../test/setUp.ts";
import { passTo, startUpstream, waits } from "../../../test/upstream.ts";
import { openUsageDatabase } from "../../storage/engines/usage.ts";
import { upstreamClient } from "../../upstream/client.ts";
import { importRecords } from "../importRecords.ts";
import type { Entry } from "../parseRecord.ts";
import { readUnkey } from "./read.ts";

const memory: TestEngine = { name: "sqlite in memory", url: () => ":memory:" };
const kept = stoppedAfterTest();

const usage = await openUsageDatabase({ kind: "memory" });

type Run = {
  url: string;
  rootKey: string;
  apiIds: readonly string[];
  dryRun?: boolean;
  replace?: boolean;
  /** stops the import after this many records, as if it was killed */
  records?: number;
};

/** Imports into the server's first workspace. */
async function runImport(server: TestServer, { url, rootKey, apiIds, dryRun, replace, records }: Run) {
  const { engine, newId } = server.services;
  const { workspaceId } = server;
  const flaws: string[] = [];
  const pauses: number[] = [];
  const now = () => server.clock.nowMs;
  const entries = readUnkey({
    source: {
      client: upstreamClient({ url, rootKey, withinMs: 10_000 }),
      pause: async (ms) => void pauses.push(ms),
    },
    target: { db: engine.slow, workspaceId },
    apiIds,
    namespaces: ["mail"],
    nowMs: now(),
    onFlaw: (type, id, reason) => void flaws.push(`${type} ${id} ${reason}`),
  });
  const target = { engine, workspaceId, usage, newId, now, actorId: "test" };
  const report = await importRecords(target, records === undefined ? entries : first(entries, records), {
    dryRun: dryRun ?? false,
    replace: replace ?? false,
    rootKeys: false,
    reseal: () => undefined,
  });
  return { ...report, flaws, pauses };
}

async function* first(entries: AsyncGenerator<Entry>, count: number): AsyncGenerator<Entry> {
  let left = count;
  for await (const entry of entries) {
    if (left === 0) throw new Error("killed");
    left -= 1;
    yield entry;
  }
}

async function makeOld() {
  const old = kept(await startTest({ engine: memory }));
  return { old, url: old.url, rootKey: old.rootKey, ...(await populate(old)) };
}

/** What the API returns about the api's keys, and about identities, roles, permissions and overrides. */
async function shown(server: TestServer, apiId: string): Promise<unknown[]> {
  const lists: [string, object][] = [
    ["apis.listKeys", { apiId }],
    ["identities.listIdentities", {}],
    ["permissions.listRoles", {}],
    ["permissions.listPermissions", {}],
    ["ratelimit.listOverrides", { namespace: "mail" }],
  ];
  const replies = await Promise.all(lists.map(([operation, body]) => server.call(operation, body)));
  return replies.map(({ body }) => body.data);
}

/** The numbers of created, changed, unchanged records and so on, added up over all types. */
function totals({ counts }: Awaited<ReturnType<typeof runImport>>): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const [type, count] of Object.entries(counts)) {
    if (type === "lastUse") continue;
    for (const [outcome, number] of Object.entries(count)) {
      if (number > 0) sums[outcome] = (sums[outcome] ?? 0) + number;
    }
  }
  return sums;
}

describe.each(engines)("on $name,", (engine) => {
  test("after an import the API of both servers returns the same, and a second import changes nothing", async () => {
    const { old, apiId, keys, ...from } = await makeOld();
    const server = kept(await startTest({ engine }));
    const dry = await runImport(server, { ...from, apiIds: [apiId], dryRun: true });
    expect((await server.call("apis.listKeys", { apiId })).status).toBe(404);
    const run = await runImport(server, { ...from, apiIds: [apiId] });
    expect(run).toMatchObject({ refusals: [], flaws: [], pauses: [] });
    expect(Object.keys(totals(run))).toEqual(["created"]);
    expect(totals(dry)).toEqual(totals(run));
    expect(await shown(server, apiId)).toEqual(await shown(old, apiId));
    const again = await runImport(server, { ...from, apiIds: [apiId] });
    expect(totals(again)).toEqual({ unchanged: totals(run)["created"] ?? 0 });
    for (const { keyId, key } of Object.values(keys)) {
      expect(await waits(server, keyId)).toBe(true);
      expect((await server.call("keys.verifyKey", { key })).body.data.code).toBe("NOT_FOUND");
    }
  });

  test("the next run completes an import that was interrupted", async () => {
    const { old, apiId, keys: _, ...from } = await makeOld();
    const server = kept(await startTest({ engine }));
    await runImport(server, { ...from, apiIds: [apiId], records: 12 }).catch(() => undefined);
    await runImport(server, { ...from, apiIds: [apiId] });
    expect(await shown(server, apiId)).toEqual(await shown(old, apiId));
  });

  test("--replace imports later changes, and a key whose hash is known by now keeps it", async () => {
    const { old, apiId, keys, ...from } = await makeOld();
    const server = kept(await startTest({ engine }));
    await runImport(server, { ...from, apiIds: [apiId] });
    const { keyId, key } = keys["credits"] ?? { keyId: "", key: "" };
    const learned = { hash: server.services.hashKey(key), pendingMigrationId: null, learnedAtMs: 5 };
    const { db } = server.services.engine;
    await server.services.engine.transaction(async (tx) => {
      await tx.updateTable("keys").set(learned).where("id", "=", keyId).execute();
    });
    const again = totals(await runImport(server, { ...from, apiIds: [apiId] }));
    expect([again["kept"] ?? 0, again["changed"] ?? 0]).toEqual([0, 0]);
    await old.call("keys.updateKey", { keyId, name: "renamed", credits: { remaining: 3 } });
    expect(totals(await runImport(server, { ...from, apiIds: [apiId] }))).toMatchObject({ kept: 1 });
    expect(totals(await runImport(server, { ...from, apiIds: [apiId], replace: true }))).toMatchObject({
      changed: 1,
    });
    const stored = db.selectFrom("keys").selectAll().where("id", "=", keyId);
    expect(await stored.executeTakeFirst()).toMatchObject({ ...learned, name: "renamed" });
    expect((await server.call("keys.verifyKey", { key })).body.data).toMatchObject({
      code: "VALID",
      credits: 2,
    });
  });
});

test("calls that fail temporarily are retried after the time in Retry-After", async () => {
  const { old, apiId, keys: _, ...from } = await makeOld();
  let calls = 0;
  const pass = passTo(() => old.url);
  const flaky = kept(
    startUpstream((request, body) => {
      calls += 1;
      if (calls % 3 === 0) return new Response("", { status: 429, headers: { "Retry-After": "7" } });
      return calls % 5 === 0 ? new Response("", { status: 502 }) : pass(request, body);
    }),
  );
  const server = kept(await startTest({ engine: memory }));
  const { pauses } = await runImport(server, { ...from, url: flaky.url, apiIds: [apiId] });
  expect(pauses.filter((ms) => ms >= 7_000).length).toBeGreaterThan(0);
  expect(await shown(server, apiId)).toEqual(await shown(old, apiId));
});

test("a list that is invalid, refused or endless stops the import, but a single invalid record does not", async () => {
  const server = kept(await startTest({ engine: memory }));
  let lie: (operation: string) => Response = () => Response.json({ data: [] });
  const liar = kept(startUpstream((request) => lie(new URL(request.url).pathname.slice(4))));
  const run = () => runImport(server, { url: liar.url, rootKey: "root", apiIds: ["api_1"] });
  const failure = () => run().then(String, (error: Error) => error.message);
  const permission = { id: "perm_1", name: "read", slug: "read" };
  lie = () => Response.json({ data: [permission], pagination: { hasMore: true, cursor: "same" } });
  expect(await failure()).toContain("the same cursor twice");
  lie = () => Response.json({ data: [{ ...permission, slug: 5 }] });
  expect(await failure()).toContain("permissions.listPermissions of the other server returned an unexpected");
  lie = () => Response.json({ error: { detail: "no such root key" } }, { status: 401 });
  expect(await failure()).toContain("Use a root key of the other server");
  lie = () => new Response("x".repeat(9 * 1024 * 1024));
  expect(await failure()).toContain("too_large");
  const bad = {
    keyId: "key_bad",
    start: "",
    enabled: true,
    createdAt: 1,
    lastUsedAt: 5,
    name: "x".repeat(300),
  };
  lie = (operation) =>
    operation === "apis.getApi"
      ? Response.json({ data: { id: "api_1", name: "payments" } })
      : Response.json({
          data: operation === "apis.listKeys" ? [bad, { ...bad, keyId: "key_good", name: "good" }] : [],
        });
  const { flaws, counts, lastLine } = await run();
  expect(lastLine).toBe(3); // the api, a key and its last use
  expect(flaws).toHaveLength(1);
  expect(flaws[0]).toContain("key key_bad name");
  expect(counts.key?.created).toBe(1);
});

test("namespaces get different ids in different workspaces, and if only the ends of long names differ", async () => {
  const server = kept(await startTest({ engine: memory }));
  const client = async (operation: string) => {
    const overrides = [{ overrideId: "rlor_1", identifier: "*", limit: 1, duration: 1000 }];
    const data = operation === "ratelimit.listOverrides" ? overrides : [];
    return { status: 200, body: { data }, retryAfter: null };
  };
  const ids = new Set<string>();
  for (const workspaceId of ["ws_1", "ws_2"]) {
    const entries = readUnkey({
      source: { client, pause: async () => {} },
      target: { db: server.services.engine.slow, workspaceId },
      apiIds: [],
      namespaces: ["a", "b"].map((end) => "x".repeat(200) + end),
      nowMs: 1,
      onFlaw: () => {},
    });
    for await (const { type, fields } of entries) if (type === "namespace") ids.add(fields.id);
  }
  expect(ids.size).toBe(4);
});
