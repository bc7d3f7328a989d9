import { beforeEach, describe, expect, test } from "bun:test";
import { sql } from "kysely";
import { engines, type Reply } from "../../../test/harness.ts";
import { expectRefusal } from "../../../test/refusal.ts";
import { testServer, testWorkspace } from "../../../test/setUp.ts";
import { until } from "../../../test/until.ts";
import { findRevokedRootKey } from "../../storage/queries/rootKeys.ts";

type Created = { keyId: string; key: string };
type Listed = { keyId: string; lastUsedAt: number; expires: number | null; permissions: string[] };

describe.each(engines)("on $name,", (engine) => {
  const server = testServer({ engine });
  const space = testWorkspace(server);
  const create = (body: object, options = {}): Promise<Created> =>
    space.data("rootKeys.createKey", { permissions: ["api.*.read_api"], ...body }, options);
  const list = (options = {}): Promise<Listed[]> => space.data("rootKeys.listKeys", {}, options);
  /** Whether requests with this root key are accepted. */
  const works = async (rootKey: string) => {
    const { status, body } = await server.call("apis.getApi", { apiId: "api_none0" }, { rootKey });
    return status === 404 && body.error.type.endsWith("/unkey/data/api_not_found");
  };
  let ownId: string;
  beforeEach(async () => {
    ownId = (await list())[0]?.keyId ?? "";
  });
  /** A second root key with all permissions. */
  const secondOwner = () => create({ permissions: ["*"] });

  test("a created root key works, and is listed with every member, nulls included", async () => {
    const expires = server.clock.nowMs + 60_000;
    const named = await create({ name: "Deploy", expires });
    const plain = await create({ permissions: ["api.*.read_key", "api.*.read_key"], expires: null });
    expect(await works(named.key)).toBe(true);
    server.clock.advance(5);
    const usedAtMs = server.clock.nowMs;
    expect(await works(named.key)).toBe(true);
    const [, first, second] = await list();
    expect(first).toEqual({
      keyId: named.keyId,
      name: "Deploy",
      start: named.key.slice(0, "latchkey_root_".length + 4),
      end: named.key.slice(-4),
      enabled: true,
      createdAt: usedAtMs - 5,
      lastUsedAt: usedAtMs,
      expires,
      permissions: ["api.*.read_api"],
    } as never);
    expect(second).toMatchObject({
      keyId: plain.keyId,
      name: null,
      lastUsedAt: 0,
      expires: null,
      permissions: ["api.*.read_key"],
    });
    server.clock.advance(60_000);
    expect(await works(named.key)).toBe(false);
  });

  test("pages show each root key once, and only those that the caller may read", async () => {
    const made: string[] = [];
    for (let i = 0; i < 5; i += 1) made.push((await create({})).keyId);
    const rootKey = await space.keyWith(...made.slice(1, 4).map((id) => `root_key.${id}.read_root_key`));
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const { body } = await space.call("rootKeys.listKeys", { limit: 2, cursor }, { rootKey });
      seen.push(...body.data.map(({ keyId }: Listed) => keyId));
      cursor = body.pagination.cursor;
    } while (cursor !== undefined);
    expect(seen).toEqual(made.slice(1, 4));
  });

  test("nobody grants what they do not hold, by creating, updating or rerolling", async () => {
    const held = [
      "root_key.*.create_root_key",
      "root_key.*.update_root_key",
      "api.*.read_api",
      "api.api_1.read_key",
    ];
    const rootKey = await space.keyWith(...held);
    const { keyId } = await create({});
    const allowed = [["api.*.read_api"], ["api.api_7.read_api"], ["api.api_1.read_key"], held];
    for (const permissions of allowed) await create({ permissions }, { rootKey });
    const refused = ["*", "api.*.read_key", "api.api_2.read_key", "identity.*.read_identity"];
    for (const permission of refused) {
      const permissions = ["api.*.read_api", permission];
      for (const [operation, body] of [
        ["rootKeys.createKey", { permissions }],
        ["rootKeys.updateKey", { keyId, permissions }],
      ] as const) {
        const { detail } = expectRefusal(
          await space.call(operation, body, { rootKey }),
          "insufficient_permissions",
        );
        expect(detail).toContain(`"${permission}"`);
      }
    }
    const other = await create({ permissions: ["api.*.read_api", "audit.*.read_event"] });
    const reroll = { keyId: other.keyId, expiration: 0 };
    expectRefusal(await space.call("rootKeys.rerollKey", reroll, { rootKey }), "insufficient_permissions");
    expect(await works(other.key)).toBe(true);
  });

  test("a root key that expires creates and rerolls none that live longer", async () => {
    const ownMs = server.clock.nowMs + 100_000;
    const caller = await create({ permissions: ["*"], expires: ownMs });
    const options = { rootKey: caller.key };
    const endless = await create({});
    for (const expires of [undefined, null, ownMs + 1]) {
      const reply = await space.call("rootKeys.createKey", { permissions: ["*"], expires }, options);
      expectRefusal(reply, "invalid_input", "body.expires");
    }
    await create({ expires: ownMs }, options);
    const reroll = (keyId: string) =>
      space.call("rootKeys.rerollKey", { keyId, expiration: 60_000 }, options);
    expectRefusal(await reroll(endless.keyId), "insufficient_permissions");
    expect((await reroll(caller.keyId)).status).toBe(200);
    for (const expires of [server.clock.nowMs, 0]) {
      const reply = await space.call("rootKeys.createKey", { permissions: ["*"], expires });
      expectRefusal(reply, "invalid_input", "body.expires");
    }
  });

  test("an update changes what is given at once, and leaves the names of the fields in the audit trail", async () => {
    const { keyId, key } = await create({ name: "old" });
    expect(await works(key)).toBe(true);
    const update = (change: object) => space.data("rootKeys.updateKey", { keyId, ...change });
    expect(await update({ enabled: false, name: null })).toEqual({});
    expect(await works(key)).toBe(false);
    await update({ enabled: true, permissions: ["api.*.read_key"] });
    const reply = await server.call("apis.getApi", { apiId: "api_none0" }, { rootKey: key });
    expectRefusal(reply, "insufficient_permissions");
    await update({});
    expect((await list())[1]).toMatchObject({
      name: null,
      enabled: true,
      permissions: ["api.*.read_key"],
    } as never);
    const events = (await space.audit()).filter(({ event }) => event === "rootkey.update");
    expect(events.map(({ fields }) => fields)).toEqual([
      ["name", "enabled"],
      ["enabled", "permissions"],
    ]);
  });

  test("a deleted root key is refused at once, is not listed, and is remembered", async () => {
    const { keyId, key } = await create({});
    expect(await works(key)).toBe(true);
    expect(await space.data("rootKeys.deleteKey", { keyId })).toEqual({});
    expect(await works(key)).toBe(false);
    expect((await list()).map((one) => one.keyId)).toEqual([ownId]);
    const { db } = server.services;
    expect(await findRevokedRootKey(db, "id", keyId)).toEqual({ id: keyId, revokedAtMs: server.clock.nowMs });
    expectRefusal(await space.call("rootKeys.deleteKey", { keyId }), "root_key_unknown");
  });

  test("a reroll keeps name, permissions and expiry, and ends the old root key at the requested time", async () => {
    const expires = server.clock.nowMs + 500_000;
    const old = await create({ name: "Deploy", expires });
    const first = await space.data("rootKeys.rerollKey", { keyId: old.keyId, expiration: 100_000 });
    const again = await space.data("rootKeys.rerollKey", { keyId: old.keyId, expiration: null });
    const shown = await list();
    const byId = (keyId: string) => shown.find((one) => one.keyId === keyId);
    for (const { keyId } of [first, again])
      expect(byId(keyId)).toMatchObject({
        name: "Deploy",
        expires,
        permissions: ["api.*.read_api"],
      } as never);
    expect(byId(old.keyId)?.expires).toBe(server.clock.nowMs + 100_000);
    await space.data("rootKeys.rerollKey", { keyId: old.keyId, expiration: 400_000 });
    expect((await list())[1]?.expires).toBe(server.clock.nowMs + 100_000);
    expect(await works(old.key)).toBe(true);
    await space.data("rootKeys.rerollKey", { keyId: old.keyId, expiration: 0 });
    expect(await works(old.key)).toBe(false);
    expectRefusal(
      await space.call("rootKeys.rerollKey", { keyId: old.keyId, expiration: 0 }),
      "precondition_failed",
    );
    for (const { key } of [first, again]) expect(await works(key)).toBe(true);
  });

  test("rerolling the root key that makes the call leaves it valid for at least a minute", async () => {
    for (const expiration of [0, 59_999]) {
      const reply = await space.call("rootKeys.rerollKey", { keyId: ownId, expiration });
      expectRefusal(reply, "invalid_input", "body.expiration");
    }
    const { key } = await space.data("rootKeys.rerollKey", { keyId: ownId, expiration: 60_000 });
    expect(await works(space.rootKey)).toBe(true);
    server.clock.advance(60_001);
    expect(await works(space.rootKey)).toBe(false);
    expect(await works(key)).toBe(true);
  });

  test("the last enabled root key with all permissions can be neither deleted, disabled nor restricted", async () => {
    const endings: [string, object][] = [
      ["rootKeys.deleteKey", {}],
      ["rootKeys.updateKey", { enabled: false }],
      ["rootKeys.updateKey", { permissions: ["api.*.read_api"] }],
    ];
    const disabled = await secondOwner();
    await space.data("rootKeys.updateKey", { keyId: disabled.keyId, enabled: false });
    await create({ permissions: ["*"], expires: server.clock.nowMs + 1 });
    server.clock.advance(2);
    for (const [operation, body] of endings)
      expectRefusal(await space.call(operation, { keyId: ownId, ...body }), "protected_resource");
    await space.data("rootKeys.updateKey", {
      keyId: ownId,
      name: "owner",
      enabled: true,
      permissions: ["*"],
    });
    for (const [operation, body] of endings) {
      const { keyId } = await secondOwner();
      await space.data(operation, { keyId, ...body });
    }
  });

  test("if two root keys each remove the other's rights at once, one of them keeps all permissions", async () => {
    for (const body of [{ enabled: false }, { permissions: ["api.*.read_api"] }, undefined]) {
      const [one, other] = [await secondOwner(), await secondOwner()];
      await space.data("rootKeys.updateKey", { keyId: ownId, enabled: false }, { rootKey: one.key });
      const end = (target: Created, by: Created) =>
        body === undefined
          ? space.call("rootKeys.deleteKey", { keyId: target.keyId }, { rootKey: by.key })
          : space.call("rootKeys.updateKey", { keyId: target.keyId, ...body }, { rootKey: by.key });
      const replies = await whileRowsAreLocked([one, other], () => [end(one, other), end(other, one)]);
      expect(replies.filter(({ status }) => status === 200)).toHaveLength(1);
      const survivor = replies[0]?.status === 200 ? other : one;
      await space.data("rootKeys.updateKey", { keyId: ownId, enabled: true }, { rootKey: survivor.key });
      await space.data("rootKeys.deleteKey", { keyId: survivor.keyId });
    }
  });

  /** Starts two calls while the rows of these root keys are locked. Unlocks them when both calls wait for a lock. */
  async function whileRowsAreLocked(keys: Created[], start: () => Promise<Reply>[]): Promise<Reply[]> {
    if (engine.name !== "postgres") return Promise.all(start()); // SQLite runs one transaction at a time
    const { transaction } = server.services.engine;
    let calls: Promise<Reply>[] = [];
    await transaction(async (tx) => {
      const ids = keys.map(({ keyId }) => keyId);
      await tx.selectFrom("rootKeys").select("id").where("id", "in", ids).forUpdate().execute();
      calls = start();
      await until(async () => {
        const waiting = await sql<{ count: number }>`select count(*)::int as "count" from pg_stat_activity
          where datname = current_database() and wait_event_type = 'Lock'`.execute(server.services.engine.db);
        return (waiting.rows[0]?.count ?? 0) >= 2;
      });
    });
    return Promise.all(calls);
  }

  test("what is not a permission is refused with the closest one, and an unknown root key does not exist", async () => {
    const wrong: [string, string][] = [
      ["api.*.read_apy", 'did you mean "api.*.read_api"?'],
      ["apis.*.create_key", 'did you mean "api.*.create_key"?'],
      ["nonsense", "use `<resource>"],
    ];
    for (const [permission, fix] of wrong) {
      const reply = await space.call("rootKeys.createKey", { permissions: ["*", permission] });
      const { errors } = expectRefusal(reply, "invalid_input", "body.permissions[1]");
      expect(errors?.[0]?.fix).toStartWith(fix);
    }
    const rootKey = await space.keyWith(
      "root_key.root_other.update_root_key",
      "root_key.root_other.delete_root_key",
    );
    const { keyId } = await create({});
    for (const id of [keyId, "root_0000000000000000000000"]) {
      for (const [operation, body] of [
        ["rootKeys.updateKey", {}],
        ["rootKeys.deleteKey", {}],
        ["rootKeys.rerollKey", { expiration: 0 }],
      ] as const)
        expectRefusal(await space.call(operation, { keyId: id, ...body }, { rootKey }), "root_key_unknown");
    }
  });
});
