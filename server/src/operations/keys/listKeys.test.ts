import { beforeEach, describe, expect, test } from "bun:test";
import type { CompiledQuery } from "kysely";
import { engines } from "../../../test/harness.ts";
import { workOf } from "../../../test/plans.ts";
import { expectRefusal } from "../../../test/refusal.ts";
import { testServer, testWorkspace } from "../../../test/setUp.ts";
import { recordingQueries } from "../../../test/statements.ts";
import { encodeCursor } from "../../domain/cursor.ts";
import { itemAt } from "../../domain/itemAt.ts";
import { inBatches } from "../../storage/batches.ts";
import { keysByCreation, keysByExpiry, matchingKeys } from "../../storage/queries/keys/list.ts";
import { rowBudget } from "../../storage/queries/walk.ts";

type Page = { data: { keyId: string; apiId: string }[]; pagination: { hasMore: boolean; cursor?: string } };

const hour = 3_600_000;
const orders = ["created", "lastUsed", "expires"].flatMap((orderBy) => [
  { orderBy, order: "asc" },
  { orderBy, order: "desc" },
]);

describe.each(engines)("on $name,", (engine) => {
  const server = testServer({ engine });
  const space = testWorkspace(server);
  let apiId: string;
  let otherApiId: string;
  beforeEach(async () => {
    ({ apiId } = await space.data("apis.createApi", { name: "payments" }));
    ({ apiId: otherApiId } = await space.data("apis.createApi", { name: "other" }));
  });
  const create = async (body: object = {}): Promise<{ keyId: string; key: string }> => {
    server.clock.advance(1);
    return space.data("keys.createKey", { apiId, ...body });
  };
  const page = async (body: object = {}, options = {}): Promise<Page> => {
    const reply = await space.call("keys.listKeys", body, options);
    expect([reply.status, reply.body.error]).toEqual([200, undefined]);
    return reply.body;
  };
  /** reads all pages; returns the ids in order */
  const walk = async (body: object = {}, options = {}) => {
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const { data, pagination } = await page({ ...body, cursor }, options);
      expect(pagination.hasMore).toBe(pagination.cursor !== undefined);
      seen.push(...data.map(({ keyId }) => keyId));
      cursor = pagination.cursor;
    } while (cursor !== undefined);
    return seen;
  };
  const use = async (key: string) => {
    server.clock.advance(1_000);
    await space.data("keys.verifyKey", { key });
  };

  test.each(["first", "second", "third"])(
    "a list goes on if the %s key of a page is deleted while the page is read",
    async (place) => {
      const ids: string[] = [];
      for (let made = 0; made < 5; made += 1) ids.push((await create()).keyId);
      const gone = itemAt(ids, ["first", "second", "third"].indexOf(place));
      const executor = server.services.engine.slow.getExecutor();
      const { executeQuery } = executor;
      executor.executeQuery = (async (query: CompiledQuery) => {
        // the keys are found before, and their details are read by this statement
        const readsDetails = query.sql.includes("directCount") && String(query.parameters).includes(gone);
        if (!readsDetails) return executeQuery.call(executor, query);
        executor.executeQuery = executeQuery;
        await space.data("keys.deleteKey", { keyId: gone });
        return executeQuery.call(executor, query);
      }) as typeof executeQuery;
      expect(await walk({ limit: 2 })).toEqual(ids.filter((id) => id !== gone));
    },
  );

  test("keys of all apis are listed with their api, in the form in which getKey returns them", async () => {
    const one = await create({ name: "first", externalId: "user_1", credits: { remaining: 5 } });
    const two = await create({ apiId: otherApiId, enabled: false, expires: 1 });
    const gone = await create();
    await space.data("keys.deleteKey", { keyId: gone.keyId });
    const [first, second, ...more] = (await page()).data;
    expect(first).toEqual({ ...(await space.data("keys.getKey", { keyId: one.keyId })), apiId });
    expect(second).toEqual({ ...(await space.data("keys.getKey", { keyId: two.keyId })), apiId: otherApiId });
    expect(more).toEqual([]);
    await space.data("apis.deleteApi", { apiId: otherApiId });
    expect(await walk()).toEqual([one.keyId]);
  });

  test("each filter returns exactly the keys that it describes, and together those that match all", async () => {
    const nowMs = server.clock.nowMs;
    await space.data("permissions.createRole", { name: "editor", permissions: ["write"] });
    const { identityId } = await space.data("identities.createIdentity", { externalId: "user_1" });
    const a = await create({ name: "Mobile 50%", externalId: "user_1", roles: ["editor"] });
    const b = await create({ prefix: "prod", permissions: ["write"], expires: nowMs + hour });
    const c = await create({
      apiId: otherApiId,
      enabled: false,
      externalId: "user_1",
      expires: nowMs + 2 * hour,
    });
    await use(a.key);
    const usedAtMs = server.clock.nowMs;
    const role = await space.data("permissions.getRole", { role: "editor" });
    const cases: [object, { keyId: string }[]][] = [
      [{ apiId }, [a, b]],
      [{ apiId: otherApiId }, [c]],
      [{ apiId: "api_missing" }, []],
      [{ identity: "user_1" }, [a, c]],
      [{ identity: identityId }, [a, c]],
      [{ identity: "nobody" }, []],
      [{ search: "50%" }, [a]],
      [{ search: "PROD_" }, [b]],
      [{ search: "_" }, [b]],
      [{ enabled: true }, [a, b]],
      [{ enabled: false }, [c]],
      [{ role: "editor" }, [a]],
      [{ role: role.id }, [a]],
      [{ role: "missing" }, []],
      [{ permission: "write" }, [a, b]],
      [{ permission: "missing" }, []],
      [{ expiresBefore: nowMs + hour + 1 }, [b]],
      [{ expiresBefore: nowMs + hour }, []],
      [{ expiresBefore: nowMs + 3 * hour }, [b, c]],
      [{ unusedSince: usedAtMs }, [b, c]],
      [{ unusedSince: usedAtMs - 1 }, [b, c]],
      [{ identity: "user_1", enabled: true, unusedSince: usedAtMs }, []],
      [{ identity: "user_1", role: "editor", permission: "write", apiId }, [a]],
      [{ role: "editor", apiId: otherApiId }, []],
    ];
    for (const [filter, expected] of cases) {
      const ids = expected.map(({ keyId }) => keyId).sort();
      for (const order of orders)
        expect([filter, order, (await walk({ ...filter, ...order, limit: 1 })).sort()]).toEqual([
          filter,
          order,
          ids,
        ]);
    }
    server.clock.advance(1);
    expect(await walk({ unusedSince: usedAtMs + 1 })).toEqual([a, b, c].map(({ keyId }) => keyId));
  });

  test("pages of every size show each key once, in each order and direction, with and without a filter", async () => {
    const made: { keyId: string; key: string }[] = [];
    const expires = (hours: number) => ({ expires: server.clock.nowMs + hours * hour, externalId: "user_1" });
    for (const body of [{}, expires(3), expires(1), {}, expires(2), expires(2), {}])
      made.push(await create(body));
    const at = (...indexes: number[]) => indexes.map((index) => itemAt(made, index).keyId);
    for (const index of [5, 0, 3]) await use(itemAt(made, index).key);
    const expected: Record<string, string[]> = {
      created: at(0, 1, 2, 3, 4, 5, 6),
      lastUsed: at(1, 2, 4, 6, 5, 0, 3),
      expires: at(2, 4, 5, 1, 0, 3, 6),
    };
    for (const [orderBy, ascending] of Object.entries(expected)) await expectPages(orderBy, ascending);

    async function expectPages(orderBy: string, ascending: string[]) {
      const ofIdentity = ascending.filter((keyId) => at(1, 2, 4, 5).includes(keyId));
      for (const limit of [1, 2, 6, 7, 8]) {
        const asked = { limit, orderBy };
        expect([asked, await walk(asked)]).toEqual([asked, ascending]);
        expect([asked, await walk({ ...asked, order: "desc" })]).toEqual([asked, ascending.toReversed()]);
        expect(await walk({ ...asked, identity: "user_1" })).toEqual(ofIdentity);
        expect(await walk({ ...asked, apiId, order: "desc" })).toEqual(ascending.toReversed());
      }
    }
  });

  test("a root key sees exactly the keys of the apis whose keys it may read", async () => {
    const { apiId: third } = await space.data("apis.createApi", { name: "third" });
    const own = await create();
    const other = await create({ apiId: otherApiId });
    await create({ apiId: third });
    const one = { rootKey: await space.keyWith(`api.${apiId}.read_key`, "api.*.read_api") };
    const two = { rootKey: await space.keyWith(`api.${apiId}.read_key`, `api.${otherApiId}.read_key`) };
    for (const order of orders) {
      expect(await walk(order, one)).toEqual([own.keyId]);
      expect((await walk({ ...order, limit: 1 }, two)).sort()).toEqual([own.keyId, other.keyId].sort());
      expect(await walk({ ...order, apiId: third }, one)).toEqual([]);
    }
  });

  test("a contradictory or unknown filter is refused with a message that says so, with the closest allowed value", async () => {
    const cursor = encodeCursor({ id: "key_0000000000000000000000", by: "expires", value: 5 });
    const refused: [object, string, string][] = [
      [{ unusedSince: server.clock.nowMs + 1 }, "unusedSince", "is in the future"],
      [{ cursor, orderBy: "lastUsed" }, "cursor", "another order"],
      [{ cursor }, "cursor", "another order"],
      [{ cursor: "nonsense" }, "cursor", "is not a cursor"],
      [{ orderBy: "expire" }, "orderBy", "is not one of the allowed values"],
      [{ order: "decs" }, "order", "is not one of the allowed values"],
      [{ enabled: "true" }, "enabled", "true or false"],
      [{ identity: "" }, "identity", "fewer than"],
      [{ limit: 101 }, "limit", "more than"],
    ];
    for (const [body, field, words] of refused) {
      const reply = await space.call("keys.listKeys", body);
      const { errors = [] } = expectRefusal(reply, "invalid_input", `body.${field}`);
      expect(errors[0]?.message).toContain(words);
    }
    const { errors } = expectRefusal(
      await space.call("keys.listKeys", { orderBy: "expire" }),
      "invalid_input",
    );
    expect(errors?.[0]?.fix).toStartWith('did you mean "expires"?');
  });

  test("among many keys, every page reads a bounded number of rows, and a rare match is found by paging on", async () => {
    const count = 4 * rowBudget;
    const rows = Array.from({ length: count }, (_, index) => ({
      id: `key_${String(index).padStart(22, "0")}`,
      workspaceId: space.id,
      apiId: index % 2 === 0 ? apiId : otherApiId,
      identityId: index >= count - 100 ? "id_1" : null,
      subjectId: `key_${index}`,
      hash: `${space.id}${index}`,
      start: "",
      prefix: null,
      byteLength: 16,
      name: index === count - 1 ? "the needle" : null,
      meta: null,
      enabled: 1 as const,
      expiresAtMs: index % 3 === 0 ? index : null,
      createdAtMs: 1,
      updatedAtMs: null,
      deletedAtMs: null,
      pendingMigrationId: null,
      sealed: null,
      rerolledAtMs: null,
      expiresBeforeRerollMs: null,
      migratedFrom: null,
      learnedAtMs: null,
    }));
    const { engine: storage } = server.services;
    await storage.transaction(async (tx) => {
      await inBatches(rows, (batch) => tx.insertInto("keys").values(batch).execute());
    });
    await workOf(storage, []); // updates the database's statistics, with which it plans the queries
    const needle = [rows.at(-1)?.id ?? ""];
    for (const order of orders) expect(await walk({ ...order, search: "needle" })).toEqual(needle);
    expect(await page({ search: "needle" })).toMatchObject({ data: [], pagination: { hasMore: true } });

    const all = {
      apiId: undefined,
      identityId: undefined,
      roleId: undefined,
      permissionId: undefined,
      search: undefined,
      enabled: undefined,
      expiresBeforeMs: undefined,
    };
    const after = { id: rows[9_000]?.id ?? "", value: 9_000 };
    for (const descending of [false, true]) {
      const stretch = { after, descending, limit: 100 };
      for (const filter of [
        all,
        { ...all, apiId },
        { ...all, identityId: "id_1" },
        { ...all, roleId: "role_1" },
      ]) {
        await expectWork((db) => keysByCreation(db, space.id, filter, stretch), 250);
      }
      await expectWork((db) => keysByExpiry(db, space.id, all, stretch), 110);
      await expectWork((db) => keysByExpiry(db, space.id, { ...all, expiresBeforeMs: 9_900 }, stretch), 110);
    }
    const ids = rows.slice(0, 200).map(({ id }) => id);
    const filters = { apiId, identityId: "id_1", enabled: true, search: "x", expiresBeforeMs: 5 };
    for (const filter of [
      all,
      { ...all, roleId: "role_1" },
      { ...all, permissionId: "perm_1" },
      { ...all, ...filters },
    ]) {
      await expectWork((db) => matchingKeys(db, space.id, ids, filter), 500);
    }

    /** Expects the statement to use only indexes, and to read at most `most` rows. */
    async function expectWork(statement: (db: typeof storage.slow) => Promise<unknown>, most: number) {
      const recorded: CompiledQuery[] = [];
      await statement(recordingQueries(storage.slow, recorded));
      const { fullScans, sorts, rowsRead = 0 } = await workOf(storage, recorded);
      expect({ fullScans, sorts }).toEqual({ fullScans: [], sorts: [] });
      expect(rowsRead).toBeLessThanOrEqual(most);
    }
  }, 180_000);
});
