import { beforeEach, describe, expect, test } from "bun:test";
import { engines } from "../../../test/harness.ts";
import { testServer, testWorkspace } from "../../../test/setUp.ts";
import { keyspaces } from "../../storage/migrations/0017_keyspaces.ts";

type Api = { apiId: string; keyspaceId: string; key: string; keyId: string };
const notFound = { valid: false, code: "NOT_FOUND" };

describe.each(engines)("on $name,", (engine) => {
  const server = testServer({ engine });
  const space = testWorkspace(server);
  let [one, other]: [Api, Api] = [] as never;
  const makeApi = async (): Promise<Api> => {
    const { apiId } = await space.data("apis.createApi", { name: "api" });
    const { id: _, keyspaceId } = await space.data("apis.getApi", { apiId });
    const ratelimits = [{ name: "requests", limit: 5, duration: 60_000, autoApply: true }];
    const credits = { remaining: 5 };
    return {
      apiId,
      keyspaceId,
      ...(await space.data("keys.createKey", { apiId, ratelimits, credits })),
    };
  };
  beforeEach(async () => {
    [one, other] = [await makeApi(), await makeApi()];
  });
  const verify = (key: string, keyspaces?: string[]) => space.data("keys.verifyKey", { key, keyspaces });

  test("an api has one keyspace of its own, which is shown with the api, its keys and every outcome but NOT_FOUND", async () => {
    expect(one.keyspaceId).toMatch(/^ks_[0-9A-Za-z]{22}$/);
    expect(other.keyspaceId).not.toBe(one.keyspaceId);
    const { keyspaceId, keyId, key, apiId } = one;
    expect(await space.data("keys.getKey", { keyId })).toMatchObject({ keyspaceId });
    expect(await space.data("keys.whoami", { key })).toMatchObject({ keyspaceId });
    expect(await space.data("apis.listKeys", { apiId })).toMatchObject([{ keyspaceId }]);
    expect(await verify(key)).toMatchObject({ code: "VALID", keyspaceId });
    await space.data("keys.updateKey", { keyId, enabled: false });
    expect(await verify(key)).toMatchObject({ code: "DISABLED", keyspaceId });
    expect(await verify("no such key")).toEqual(notFound);
  });

  test("a key outside of the keyspaces is NOT_FOUND, alone and in a batch, and neither counts nor spends", async () => {
    const ids = [one.keyspaceId, "ks_none"];
    expect(await verify(other.key, ids)).toEqual(notFound);
    const batch = [one, other].map(({ key }) => ({ key, keyspaces: ids }));
    expect(await space.data("keys.verifyKeys", batch)).toMatchObject([
      { data: { code: "VALID", credits: 4 } },
      { data: notFound },
    ]);
    expect(await verify(one.key, ids)).toMatchObject({ code: "VALID", credits: 3 });
    const { credits, ratelimits } = await verify(other.key, [other.keyspaceId]);
    expect([credits, ratelimits[0].remaining]).toEqual([4, 4]);
    expect(await space.flaws("keys.verifyKey", { key: one.key, keyspaces: [] })).toEqual(["body.keyspaces"]);
  });

  test("the id of an api stands for its keyspace, for a verification, a batch and an explanation", async () => {
    const ids = [one.apiId];
    expect(await verify(one.key, ids)).toMatchObject({ code: "VALID", credits: 4 });
    expect(await verify(other.key, ids)).toEqual(notFound);
    const batch = [one, other].map(({ key }) => ({ key, keyspaces: ids }));
    expect(await space.data("keys.verifyKeys", batch)).toMatchObject([
      { data: { code: "VALID", credits: 3 } },
      { data: notFound },
    ]);
    for (const { keyId, valid } of [
      { ...one, valid: true },
      { ...other, valid: false },
    ]) {
      const { verdict } = await space.data("keys.explain", { keyId, keyspaces: ids });
      expect(verdict.valid).toBe(valid);
    }
  });

  test("the explanation of a key outside of the keyspaces names its keyspace", async () => {
    const { keyId, keyspaceId } = one;
    const { verdict, checks } = await space.data("keys.explain", { keyId, keyspaces: [other.keyspaceId] });
    expect(verdict).toEqual(notFound);
    expect(checks).toMatchObject([
      { check: "found", passed: false, why: expect.stringContaining(keyspaceId) },
    ]);
    const allowed = await space.data("keys.explain", { keyId, keyspaces: [keyspaceId] });
    expect(allowed.verdict).toEqual({ valid: true, code: "VALID" });
  });

  test("an api from before keyspaces, or from a node of an older version, has the keyspace that the migration gives it", async () => {
    const stored = () =>
      server.services.engine.db
        .selectFrom("apis")
        .select("keyspaceId")
        .where("id", "=", one.apiId)
        .executeTakeFirstOrThrow();
    const derived = `ks_${one.apiId.slice(4)}`;
    const { engine } = server.services;
    await engine.transaction((tx) =>
      tx.updateTable("apis").set({ keyspaceId: null }).where("id", "=", one.apiId).execute(),
    );
    expect(await space.data("apis.getApi", { apiId: one.apiId })).toMatchObject({ keyspaceId: derived });
    expect(await verify(one.key, [derived])).toMatchObject({ code: "VALID", keyspaceId: derived });
    const update = keyspaces.statements({ text: "text" } as never).find((sql) => sql.startsWith("update"));
    await engine.transaction((tx) => tx.executeQuery({ sql: update ?? "", parameters: [] } as never));
    expect(await stored()).toEqual({ keyspaceId: derived });
  });
});
