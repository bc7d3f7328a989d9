import { describe, expect, test } from "bun:test";
import type { CompiledQuery } from "kysely";
import { engines } from "../../test/harness.ts";
import { testServer } from "../../test/setUp.ts";
import { recordingQueries } from "../../test/statements.ts";
import { listIdentities } from "./queries/identities.ts";
import { setRatelimits } from "./queries/ratelimits.ts";

describe.each(engines)("on $name,", (engine) => {
  // the server has only one workspace, so a list of identities may read their limits by a range of ids
  const server = testServer({ engine });

  test("a page of identities reads only the rate limits of its identities and none of keys, whatever ids were imported", async () => {
    const { services, workspaceId } = server;
    const { slow, transaction } = services.engine;
    const owners = ["id_1", "id_2", "key_1", "user_1", "user_2"];
    await transaction(async (tx) => {
      for (const id of owners.filter((one) => one !== "key_1")) {
        const row = { id, workspaceId, externalId: id, meta: "{}", createdAtMs: 1, updatedAtMs: null };
        await tx.insertInto("identities").values(row).execute();
      }
      const limitOf = (ownerId: string) => ({
        ownerId,
        limits: [{ id: `rl_${ownerId}`, name: "api", limit: 5, durationMs: 1_000, autoApply: true }],
      });
      await setRatelimits(tx, workspaceId, owners.map(limitOf));
    });

    async function readLimits(afterId: string | undefined, limit: number) {
      const recorded: CompiledQuery[] = [];
      const filter = { afterId, limit, search: undefined };
      const { rows } = await listIdentities(recordingQueries(slow, recorded), workspaceId, filter);
      const ofLimits = recorded.filter(({ sql }) => sql.includes('from "ratelimits"'));
      const read = await Promise.all(ofLimits.map((query) => slow.executeQuery<{ ownerId: string }>(query)));
      const shown = rows.flatMap(({ ratelimits }) => ratelimits.map(({ id }) => id));
      return { shown, read: read.flatMap((one) => one.rows.map(({ ownerId }) => ownerId)).sort() };
    }

    const expected = (...ids: string[]) => ({ shown: ids.map((id) => `rl_${id}`), read: ids });
    expect(await readLimits(undefined, 2)).toEqual(expected("id_1", "id_2"));
    expect(await readLimits(undefined, 4)).toEqual(expected("id_1", "id_2", "user_1", "user_2"));
    expect(await readLimits("id_1", 2)).toEqual(expected("id_2", "user_1"));
    expect(await readLimits("id_2", 2)).toEqual(expected("user_1", "user_2"));
  });
});
