import { beforeEach, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { expectUndisturbed, startSubject, watch } from "../../../test/bystander.ts";
import { engines, type Reply } from "../../../test/harness.ts";
import { newFolder } from "../../../test/program.ts";
import { testServer, testWorkspace } from "../../../test/setUp.ts";
import { dump } from "../../../test/tables.ts";
import { statuses } from "../../../test/workspace.ts";
import { maxPageBytes } from "../../storage/jsonPage.ts";
import { insertKeyPermissions, insertPermission } from "../../storage/queries/permissions.ts";
import { insertKeyRoles, insertRole } from "../../storage/queries/roles.ts";
import type { Schema, Tx } from "../../storage/schema.ts";
import { bounds } from "./bounds.ts";

const minuteMs = 60_000;

function expectBound(reply: Reply, detail: string): void {
  expect([reply.status, reply.body.error?.detail]).toEqual([412, expect.stringContaining(detail)]);
  expect(reply.body.error.type).toEndWith("/user/precondition_failed/bound_exceeded");
}

describe.each(engines)("on $name,", (engine) => {
  const server = testServer({ engine });
  const space = testWorkspace(server);
  let apiId: string;
  beforeEach(async () => {
    ({ apiId } = await space.data("apis.createApi", { name: "payments" }));
  });
  const write = <T>(work: (tx: Tx) => Promise<T>) => server.services.engine.transaction(work);
  const state = () => dump(server.services.engine.db, space.id);
  const names = (prefix: string, count: number) => Array.from({ length: count }, (_, n) => `${prefix}${n}`);

  /** Inserts rows without checks: an older version, which did not have the bounds, may have stored such rows. */
  async function insertRows<T extends keyof Schema>(table: T, rows: readonly object[]): Promise<void> {
    for (let from = 0; from < rows.length; from += 1_000) {
      await write((tx) =>
        tx
          .insertInto(table)
          .values(rows.slice(from, from + 1_000) as never)
          .execute(),
      );
    }
  }

  test("a key has at most 1000 direct permissions: more are refused, fewer are always accepted", async () => {
    const { keyId, key } = await space.data("keys.createKey", { apiId, permissions: names("p", 1_000) });
    const call = (verb: string, permissions: string[]) =>
      space.call(`keys.${verb}Permissions`, { keyId, permissions });
    const before = await state();
    expectBound(await call("add", ["one.more"]), "at most 1000 direct permissions on a key");
    expect(await state()).toEqual(before);
    expect((await call("add", ["p0", "p999"])).status).toBe(200);
    const id = server.services.newId("perm");
    await write(async (tx) => {
      await insertPermission(tx, space.id, { id, slug: "beyond", name: "beyond", description: null }, 0);
      await insertKeyPermissions(tx, space.id, keyId, [id]);
    });
    expect((await space.data("keys.verifyKey", { key })).permissions).toHaveLength(1_001);
    expect((await space.data("keys.getKey", { keyId })).permissions).toHaveLength(1_001);
    expect((await space.data("keys.rerollKey", { keyId, expiration: minuteMs })).key).toBeString();
    expectBound(await call("add", ["another"]), "at most 1000");
    expect((await call("remove", ["p1"])).body.data).toHaveLength(1_000);
    expect((await call("remove", ["p2"])).body.data).toHaveLength(999);
    expect((await call("add", ["another"])).status).toBe(200);
    expect((await call("set", [])).status).toBe(200);
  });

  test("a key has at most 100 roles: more are refused, fewer are always accepted", async () => {
    const roles = names("r", 102);
    for (const name of roles) await space.data("permissions.createRole", { name });
    const { keyId } = await space.data("keys.createKey", { apiId, roles: roles.slice(0, 100) });
    const call = (verb: string, some: string[]) => space.call(`keys.${verb}Roles`, { keyId, roles: some });
    const before = await state();
    expectBound(await call("add", ["r100"]), "at most 100 roles on a key");
    expect(await state()).toEqual(before);
    const id = server.services.newId("role");
    await write(async (tx) => {
      await insertRole(tx, space.id, { id, name: "beyond", description: null }, 0);
      await insertKeyRoles(tx, space.id, keyId, [id]);
    });
    expect((await space.data("keys.getKey", { keyId })).roles).toHaveLength(101);
    expectBound(await call("add", ["r101"]), "at most 100");
    expect((await call("remove", ["r1"])).body.data).toHaveLength(100);
    expect((await call("remove", ["beyond"])).body.data).toHaveLength(99);
    expect((await call("add", ["r101"])).status).toBe(200);
  });

  test("a namespace has at most 10,000 overrides, however many callers set them at once", async () => {
    const namespace = "sends";
    await space.data("ratelimit.limit", { namespace, identifier: "u", limit: 1, duration: minuteMs });
    const { id: namespaceId } = await server.services.engine.db
      .selectFrom("namespaces")
      .select("id")
      .where("workspaceId", "=", space.id)
      .executeTakeFirstOrThrow();
    const common = {
      workspaceId: space.id,
      namespaceId,
      limit: 1,
      durationMs: minuteMs,
      createdAtMs: 0,
      updatedAtMs: null,
    };
    const rows = names("u", bounds.overridesPerNamespace - 1).map((identifier) => ({
      ...common,
      id: server.services.newId("rlor"),
      identifier,
    }));
    await insertRows("overrides", rows);
    const set = (identifier: string) =>
      space.call("ratelimit.setOverride", { namespace, identifier, limit: 5, duration: minuteMs });
    expect(await statuses(10, (index) => set(`new${index}`))).toEqual({ 200: 1, 412: 9 });
    const before = await state();
    expectBound(await set("one.more"), "at most 10000 overrides in a namespace");
    expect(await state()).toEqual(before);
    expect((await set("u5")).status).toBe(200);
    expect((await space.call("ratelimit.deleteOverride", { namespace, identifier: "u5" })).status).toBe(200);
    expect((await set("one.more")).status).toBe(200);
  });

  test("a workspace has at most 10,000 rate limit namespaces, however many callers create them at once", async () => {
    const rows = names("n", bounds.namespacesPerWorkspace - 1).map((name) => ({
      id: server.services.newId("rlns"),
      workspaceId: space.id,
      name,
      createdAtMs: 0,
    }));
    await insertRows("namespaces", rows);
    const limit = (namespace: string) => ({ namespace, identifier: "u", limit: 9, duration: minuteMs });
    const count = (namespace: string) => space.call("ratelimit.limit", limit(namespace));
    expect(await statuses(64, (index) => count(`new${index}`))).toEqual({ 200: 1, 412: 63 });
    expectBound(await count("one.more"), "at most 10000 rate limit namespaces in a workspace");
    expectBound(await space.call("ratelimit.multiLimit", [limit("n1"), limit("one.more")]), "at most 10000");
    expect((await count("n1")).body.data.remaining).toBe(8); // the refused calls have counted nothing
    const stored = await server.services.engine.db
      .selectFrom("namespaces")
      .select("id")
      .where("workspaceId", "=", space.id)
      .execute();
    expect(stored).toHaveLength(bounds.namespacesPerWorkspace);
  });

  describe("with permissions that have long descriptions,", () => {
    const slugs = names("p".repeat(120), 1_000);
    beforeEach(async () => {
      const description = "\u{1f511}".repeat(512);
      const rows = slugs.map((slug) => ({
        id: server.services.newId("perm"),
        workspaceId: space.id,
        slug,
        name: slug,
        description,
        createdAtMs: 0,
      }));
      await insertRows("permissions", rows);
    });

    test("a page of roles or keys beyond 8 MiB is shortened, and its cursors lead to every one, once", async () => {
      for (let n = 0; n < 6; n += 1) {
        await space.data("permissions.createRole", { name: `role${n}`, permissions: slugs });
      }
      const meta = { text: "x".repeat(60_000) };
      for (let n = 0; n < 50; n += 1) await space.data("keys.createKey", { apiId, roles: ["role0"], meta });
      for (const [operation, more, total] of [
        ["permissions.listRoles", {}, 6],
        ["apis.listKeys", { apiId }, 50],
      ] as const) {
        const pages = await pagesOf(operation, more);
        expect(pages.length).toBeGreaterThan(1);
        const seen = pages.flat();
        expect([seen.length, new Set(seen).size]).toEqual([total, total]);
      }
    });

    /** Reads the list to its end. Returns the ids on each page. */
    async function pagesOf(operation: string, body: object, cursor?: string): Promise<string[][]> {
      const reply = await space.call(operation, { ...body, cursor });
      expect(Buffer.byteLength(reply.text)).toBeLessThan(maxPageBytes + 1_000);
      const { data, pagination } = reply.body;
      const ids = data.map((one: { id?: string; keyId?: string }) => one.id ?? one.keyId);
      return pagination.hasMore ? [ids, ...(await pagesOf(operation, body, pagination.cursor))] : [ids];
    }

    test("a response too large to be kept under an Idempotency-Key is 412 and changes nothing", async () => {
      const { keyId } = await space.data("keys.createKey", { apiId });
      const set = (headers = {}) =>
        space.call("keys.setPermissions", { keyId, permissions: slugs }, { headers });
      const before = await state();
      for (let attempt = 0; attempt < 2; attempt += 1) {
        expectBound(
          await set({ "Idempotency-Key": "once" }),
          "the most that is stored for an Idempotency-Key. Nothing was changed.",
        );
      }
      expect(await state()).toEqual(before);
      expect((await set()).body.data).toHaveLength(1_000);
    });
  });
});

test("a list of 100 keys with 40 roles of 1000 permissions each delays no other request", async () => {
  const subject = await startSubject({ env: { DATABASE_URL: `file:${join(newFolder(), "latchkey.db")}` } });
  const roles = Array.from({ length: 40 }, (_, n) => `role${n}`);
  for (const name of roles) {
    const permissions = Array.from({ length: 1_000 }, (_, n) => `${name}.permission.${n}`);
    await subject.call("permissions.createRole", { name, permissions });
  }
  const { apiId } = (await subject.call("apis.createApi", { name: "large" })).body.data;
  for (let n = 0; n < 100; n += 1) await subject.call("keys.createKey", { apiId, roles });
  const impact = await watch(subject, async () => {
    const { status, body } = await subject.call("apis.listKeys", { apiId });
    expect([status, body.pagination.hasMore]).toEqual([200, true]);
  });
  await subject.stop();
  expectUndisturbed(impact);
}, 60_000);
