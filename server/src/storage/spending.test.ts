import { describe, expect, test } from "bun:test";
import { sql } from "kysely";
import { engines } from "../../test/harness.ts";
import { testServer } from "../../test/setUp.ts";
import { makeWorkspace, type Workspace } from "../../test/workspace.ts";
import { creditsOnly } from "../domain/accounts.ts";
import { type Engine, StorageError } from "./engine.ts";
import type { Spend } from "./queries/charges.ts";
import { creditSpender } from "./spending.ts";

describe.each(engines)("on $name,", (engine) => {
  const server = testServer({ engine });

  const makeKeys = async (space: Workspace, count: number): Promise<{ key: string; keyId: string }[]> => {
    const { apiId } = await space.data("apis.createApi", { name: "payments" });
    return Promise.all(
      Array.from({ length: count }, () =>
        space.data("keys.createKey", { apiId, credits: { remaining: 100 } }),
      ),
    );
  };

  test("a damaged balance fails the calls that spend from it, and no other call in the same transaction", async () => {
    const space = await makeWorkspace(server);
    const other = await makeWorkspace(server);
    const good = await makeKeys(space, 20);
    const [bad] = await makeKeys(other, 1);
    // JavaScript cannot represent this balance exactly, so the server cannot write what is left of it after a spend
    await server.services.engine.transaction((tx) =>
      sql`update "balances" set "remaining" = 9223372036854775807 where "id" = ${bad?.keyId}`.execute(tx),
    );
    const keys = good.flatMap(({ key }) => [key, key, key]);
    const verifying = keys.map((key) => space.call("keys.verifyKey", { key }));
    const failing = Array.from({ length: 20 }, () => other.call("keys.verifyKey", { key: bad?.key }));
    const replies = await Promise.all(verifying);
    expect(replies.map(({ status, body }) => [status, body.data?.code])).toEqual(
      keys.map(() => [200, "VALID"]),
    );
    for (const { status } of await Promise.all(failing)) expect(status).toBe(500);
    for (const { keyId } of good) {
      const { credits } = await space.data("keys.getKey", { keyId });
      expect(credits.remaining).toBe(97); // 100 − 3: each of the three spends happened once
    }
  });
});

describe("a group of spends whose common transaction fails", () => {
  const spends = ["a1", "b1", "c1", "d1"].map(
    (subjectId): Spend => ({
      workspaceId: "ws_1",
      subjectId: `key_${subjectId}`,
      identityId: undefined,
      cost: creditsOnly(1),
    }),
  );

  /** Returns how many transactions the spender tries if each fails with this error. */
  async function triesWith(error: Error): Promise<number> {
    let tries = 0;
    const engine = {
      transaction: async () => {
        tries += 1;
        throw error;
      },
    } as unknown as Engine;
    const spend = creditSpender(
      engine,
      () => 0,
      () => "mov_1",
    );
    const alike = spends.map((one) => ({ ...one, subjectId: "key_a1" })); // the same key, so all are in the same lane
    const outcomes = await Promise.allSettled(alike.map((one) => spend(one)));
    expect(outcomes.map(({ status }) => status)).toEqual(alike.map(() => "rejected"));
    return tries;
  }

  test.each(["lost", "not_durable", "unavailable", "busy", "full"] as const)(
    "with %s is never retried",
    async (reason) => {
      expect(await triesWith(new StorageError(reason, "It failed."))).toBe(1);
    },
  );

  test("with damaged is retried once, with one spend per transaction", async () => {
    expect(await triesWith(new StorageError("damaged", "It failed."))).toBe(1 + spends.length);
  });
});
