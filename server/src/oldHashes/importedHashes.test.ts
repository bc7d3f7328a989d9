/** Imports of keys with hashes such as bcrypt, and what guesses at such keys cost. */
import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import type { CompiledQuery } from "kysely";
import { engines, postgres } from "../../test/harness.ts";
import { importCsv } from "../../test/importForeign.ts";
import { planOf, workOf } from "../../test/plans.ts";
import { testServer, testWorkspace } from "../../test/setUp.ts";
import { recordingQueries } from "../../test/statements.ts";
import { findByDigest, listCandidates, listSalted } from "../storage/queries/keys/waiting.ts";

const bcrypt = (key: string) => Bun.password.hashSync(key, { algorithm: "bcrypt", cost: 4 });
const sha512 = (key: string) => createHash("sha512").update(key).digest("hex");

type Row = { key: string; hash?: string; algorithm?: string; start?: string };

/** A CSV file to import. A row without `hash` gets the bcrypt hash of its key. */
const csv = (rows: readonly Row[]) =>
  [
    "name,hash,algorithm,start,createdAt",
    ...rows.map(({ key, hash = bcrypt(key), algorithm = "", start = key.slice(0, 8) }) =>
      [key, hash, algorithm, start, "2026-01-01"].join(","),
    ),
  ].join("\n");

describe.each(engines)("on $name,", (engine) => {
  const server = testServer({ engine });
  const space = testWorkspace(server);

  const newApi = async (): Promise<string> => (await space.data("apis.createApi", { name: "moved" })).apiId;
  const bring = async (
    text: string,
    options: { apiId?: string; dryRun?: boolean; replace?: boolean } = {},
  ) => {
    const apiId = options.apiId ?? (await newApi());
    const report = await importCsv({ server, workspaceId: space.id, ...options, apiId }, text);
    // a running server does this when it notices that a command has changed its database
    server.services.caches.clear();
    server.clock.advance(1_000);
    return report;
  };
  const verify = (key: string, more: object = {}) => space.data("keys.verifyKey", { key, ...more });
  const stored = (name: string) =>
    server.services.engine.db
      .selectFrom("keys")
      .select(["id", "hash", "start", "pendingMigrationId"])
      .where("workspaceId", "=", space.id)
      .where("name", "=", name)
      .where("deletedAtMs", "is", null)
      .executeTakeFirstOrThrow();

  test("a key whose bcrypt hash has meaningless bits set verifies, and so do keys with the same start", async () => {
    const keys = ["sk_bits_1", "sk_bits_2"] as const;
    const digits = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    const clean = bcrypt(keys[0]);
    const odd = `${clean.slice(0, 28)}${digits[digits.indexOf(clean.charAt(28)) + 5]}${clean.slice(29)}`;
    await bring(csv([{ key: keys[0], hash: odd }, { key: keys[1] }]));
    for (const key of [...keys].reverse()) expect((await verify(key)).code).toBe("VALID");
  });

  test.skipIf(engine.name === "sqlite in memory")(
    "the search for keys with a salted hash reads no keys with a digest, even if these have the same start",
    async () => {
      const digests = Array.from({ length: 1_500 }, (_, index) => `sk_crowd_${index}`);
      await bring(
        csv([
          ...digests.map((key) => ({ key, hash: sha512(key), algorithm: "sha512" })),
          { key: "sk_crowd_salted" },
        ]),
      );
      const storage = server.services.engine;
      const recorded: CompiledQuery[] = [];
      const db = recordingQueries(storage.db, recorded);
      expect(await listCandidates(db, space.id, "sk_crowd_guess")).toHaveLength(1);
      expect(await listSalted(db, space.id, ["sk_crowd"])).toHaveLength(1);
      await findByDigest(db, space.id, ["sha512:guess"]);
      expect(recorded).toHaveLength(3);
      for (const [index, query] of recorded.entries()) {
        const plan = await planOf(storage, server.databaseUrl, query);
        expect([query.sql, plan]).toEqual([
          query.sql,
          expect.stringMatching(index < 2 ? /keysUnderSaltedHash/ : /hash"? ?=/),
        ]);
        if (engine === postgres) expect((await workOf(storage, [query])).rowsRead).toBeLessThan(20);
      }
    },
  );

  test("a key that was verified after its import keeps its SHA-256 in a second import, which finds it unchanged", async () => {
    const [key, other] = ["sk_again_1", "sk_again_2"] as const;
    const apiId = await newApi();
    const text = csv([{ key }, { key: other, hash: sha512(other), algorithm: "sha512" }]);
    await bring(text, { apiId });
    for (const one of [key, other]) expect((await verify(one)).code).toBe("VALID");
    for (const replace of [false, true]) {
      const report = await bring(text, { apiId, replace });
      expect(report).toMatchObject({ refusals: [], counts: { key: { unchanged: 2, changed: 0, kept: 0 } } });
    }
    const renamed = text.replaceAll(`${key},$`, `renamed,$`);
    expect((await bring(renamed, { apiId, replace: true })).counts.key).toMatchObject({ changed: 1 });
    expect(await stored("renamed")).toMatchObject({
      hash: server.services.hashKey(key),
      pendingMigrationId: null,
    });
    expect((await verify(key)).code).toBe("VALID");
  });

  test("all keys with the same start together may cost no more than a single key to compare", async () => {
    const keys = Array.from({ length: 5 }, (_, index) => `sk_work_${index}`);
    const dear = (key: string) => ({ key, hash: bcrypt(key).replace("$04$", "$12$") });
    const apiId = await newApi();
    const text = csv(keys.map(dear));
    for (const dryRun of [true, false]) {
      const report = await bring(text, { apiId, dryRun });
      expect(report.counts.key).toMatchObject({ created: 4, refused: 1 });
      expect(report.refusals[0]?.reason).toContain(
        "comparing a presented key with all of them would take too long",
      );
    }
    expect((await bring(csv([{ key: "sk_work_cheap" }]))).counts.key).toMatchObject({ refused: 1 });
  });

  test("a guess that fits starts of several lengths costs no more than a single key to compare", async () => {
    const key = "sk_length_1";
    const dear = bcrypt("other").replace("$04$", "$14$");
    await bring(
      csv([
        { key: "other", hash: dear, start: "sk_length" },
        { key, start: "sk_length_" },
      ]),
    );
    const { oldHashes } = server.services;
    const { compare } = oldHashes;
    const compared: number[] = [];
    oldHashes.compare = (guess, hashes, place) => {
      compared.push(hashes.length);
      return compare(guess, hashes, place);
    };
    expect((await verify(`${key}x`)).code).toBe("NOT_FOUND");
    expect((await verify(key)).code).toBe("VALID");
    oldHashes.compare = compare;
    expect(compared).toEqual([1, 1]);
  });

  test("every waiting key in a batch is verified", async () => {
    const keys = Array.from({ length: 40 }, (_, index) => `sk_batch${index}_key`);
    await bring(csv(keys.map((key) => ({ key, start: key.slice(0, -3) }))));
    const batch = await space.data(
      "keys.verifyKeys",
      keys.map((key) => ({ key })),
    );
    const codes = batch.map((one: { data?: { code: string } }) => one.data?.code);
    expect(codes).toEqual(keys.map(() => "VALID"));
  });

  test("an import that would give a ninth key the same start refuses that key", async () => {
    const eight = Array.from({ length: 8 }, (_, index) => ({ key: `sk_full_${index}` }));
    const apiId = await newApi();
    const hash = bcrypt("sk_move_1");
    const ninth = { key: "sk_move_1", hash };
    await bring(csv([...eight, ninth]), { apiId });
    const moved = csv([{ ...ninth, start: "sk_full_" }]);
    for (const dryRun of [true, false]) {
      expect((await bring(moved, { apiId, replace: true, dryRun })).refusals[0]?.reason).toContain(
        "have the same start already: give these keys longer starts",
      );
    }
    expect((await stored("sk_move_1")).start).toBe("sk_move_");
    const one = csv([{ ...ninth, start: "sk_free_" }]);
    expect((await bring(one, { apiId, replace: true })).counts.key).toMatchObject({ changed: 1 });
  });

  test("keys that the caller may not see do not hide a key that the caller may see", async () => {
    const hidden = Array.from({ length: 8 }, (_, index) => ({ key: `sk_hide_${index}`, start: "sk_hide_" }));
    await bring(csv(hidden));
    const key = "sk_hide_mine";
    const apiId = await newApi();
    await bring(csv([{ key, start: "sk_hide" }]), { apiId });
    const rootKey = await space.keyWith(`api.${apiId}.verify_key`);
    expect((await space.data("keys.verifyKey", { key }, { rootKey })).code).toBe("VALID");
  });

  test("a request finds its key even if another request has just recognized it, as the last key that waits", async () => {
    const key = "sk_race_last";
    await bring(csv([{ key }]));
    const { oldHashes } = server.services;
    const { areWaiting, noneWait } = oldHashes;
    oldHashes.noneWait = () => false;
    oldHashes.areWaiting = async () => {
      Object.assign(oldHashes, { areWaiting, noneWait });
      expect((await verify(key)).code).toBe("VALID");
      return false;
    };
    expect((await verify(key)).code).toBe("VALID");
  });

  test("if a key is recognized but cannot be stored, since a deleted key has its SHA-256, it is compared once a minute", async () => {
    const key = "sk_twice_1";
    await bring(csv([{ key, hash: createHash("sha256").update(key).digest("hex") }]));
    await space.data("keys.deleteKey", { keyId: (await stored(key)).id });
    await bring(csv([{ key }]));
    const { oldHashes } = server.services;
    const before = { ...oldHashes.results() };
    for (let time = 0; time < 3; time += 1) expect((await verify(key)).code).toBe("NOT_FOUND");
    expect(oldHashes.results()).toEqual({ ...before, matched: before.matched + 1 });
  });
});
