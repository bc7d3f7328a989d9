import { beforeEach, describe, expect, test } from "bun:test";
import { sql } from "kysely";
import { engines } from "../../../test/harness.ts";
import { testServer, testWorkspace } from "../../../test/setUp.ts";
import { statuses } from "../../../test/workspace.ts";
import { hashKey } from "../../runtime.ts";

const many = 100_000;
const sampled = [1, 2, 777, many / 2, many];

describe.each(engines)("on $name,", (engine) => {
  const server = testServer({ engine });
  const space = testWorkspace(server);
  let apiId: string;
  beforeEach(async () => {
    ({ apiId } = await space.data("apis.createApi", { name: "payments" }));
  });

  test("deleting an api deletes its keys, and leaves other apis and their keys unchanged", async () => {
    const other = await space.data("apis.createApi", { name: "payments" });
    const gone = await space.data("keys.createKey", { apiId });
    const stays = await space.data("keys.createKey", { apiId: other.apiId });
    for (const { key } of [gone, stays]) {
      expect((await space.data("keys.verifyKey", { key })).valid).toBe(true);
    }
    expect(await space.data("apis.deleteApi", { apiId })).toEqual({});
    expect(await space.data("keys.verifyKey", { key: gone.key })).toEqual({
      valid: false,
      code: "NOT_FOUND",
    });
    expect((await space.data("keys.verifyKey", { key: stays.key })).valid).toBe(true);
    const { keyId } = gone;
    for (const [operation, body] of [
      ["apis.getApi", { apiId }],
      ["apis.deleteApi", { apiId }],
      ["apis.listKeys", { apiId }],
      ["keys.createKey", { apiId }],
      ["keys.getKey", { keyId }],
      ["keys.updateKey", { keyId, enabled: true }],
      ["keys.deleteKey", { keyId }],
      ["keys.rerollKey", { keyId, expiration: 1 }],
      ["keys.updateCredits", { keyId, operation: "set", value: 1 }],
      ["keys.setRoles", { keyId, roles: [] }],
    ] as const) {
      expect([operation, (await space.call(operation, body)).status]).toEqual([operation, 404]);
    }
  });

  test("if 10 callers delete an api at once, exactly one succeeds", async () => {
    expect(await statuses(10, () => space.call("apis.deleteApi", { apiId }))).toEqual({ 200: 1, 404: 9 });
  });

  test("an api that the caller may not delete looks like one that does not exist, and stays", async () => {
    const rootKey = await space.keyWith("api.api_other0.delete_api", `api.${apiId}.read_api`);
    const hidden = await space.call("apis.deleteApi", { apiId }, { rootKey });
    const none = await space.call("apis.deleteApi", { apiId: "api_missing" }, { rootKey });
    expect([hidden.status, hidden.body.error]).toEqual([404, none.body.error]);
    expect((await space.data("apis.getApi", { apiId })).name).toBe("payments");
    const one = await space.keyWith(`api.${apiId}.delete_api`);
    expect((await space.call("apis.deleteApi", { apiId }, { rootKey: one })).status).toBe(200);
  });

  test.skipIf(engine.name === "postgres")(
    "with 100,000 keys, verified or not, all are invalid when the call returns, and no key's row was touched",
    async () => {
      const { engine: storage } = server.services;
      const hashes = new Map(sampled.map((index) => [index, hashKey(`bulk_${index}`)]));
      await storage.transaction(async (tx) => {
        await sql`insert into "keys" ("id", "workspaceId", "apiId", "subjectId", "hash", "start", "byteLength", "enabled", "createdAtMs")
          with recursive n(i) as (select 1 union all select i + 1 from n where i < ${many})
          select 'key_' || printf('%022d', i), ${space.id}, ${apiId}, 'key_' || printf('%022d', i), 'hash_' || i, '', 16, 1, 1 from n`.execute(
          tx,
        );
        for (const [index, hash] of hashes) {
          await tx
            .updateTable("keys")
            .set({ hash })
            .where("workspaceId", "=", space.id)
            .where("id", "=", `key_${String(index).padStart(22, "0")}`)
            .execute();
        }
      });
      const verdicts = () =>
        Promise.all(
          sampled.map(async (index) => (await space.data("keys.verifyKey", { key: `bulk_${index}` })).code),
        );
      expect(await verdicts()).toEqual(sampled.map(() => "VALID"));
      expect((await space.call("apis.deleteApi", { apiId })).status).toBe(200);
      expect(await verdicts()).toEqual(sampled.map(() => "NOT_FOUND"));
      const touched = await storage.db
        .selectFrom("keys")
        .select("id")
        .where("workspaceId", "=", space.id)
        .where((eb) => eb.or([eb("updatedAtMs", "is not", null), eb("deletedAtMs", "is not", null)]))
        .execute();
      expect(touched).toEqual([]);
    },
    30_000,
  );
});
