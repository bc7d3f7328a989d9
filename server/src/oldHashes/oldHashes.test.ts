/** Keys that were imported with a hash other than SHA-256, until their first verification and after it. */
import { afterEach, describe, expect, test } from "bun:test";
import { argon2Sync, createHash, createHmac, pbkdf2Sync } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { engines, postgres, startTest, type TestEngine, type TestServer } from "../../test/harness.ts";
import { importCsv } from "../../test/importForeign.ts";
import { expectRefusal } from "../../test/refusal.ts";
import { testServer, testWorkspace } from "../../test/setUp.ts";
import { watchStatements } from "../../test/statements.ts";
import { startAfter, startUpstream, verdict } from "../../test/upstream.ts";
import { parseForeignHash } from "../domain/oldHashes.ts";
import { countImportedKeys } from "../storage/queries/keys/waiting.ts";
import { openOldHashes } from "./oldHashes.ts";

const secret = "pepper";
const password = (key: string, algorithm: Parameters<typeof Bun.password.hashSync>[1]) =>
  Bun.password.hashSync(key, algorithm);
const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64").replace(/=+$/, "");
const pbkdf2 = (key: string, digest: string, length: number) =>
  base64(pbkdf2Sync(key, "somesalt", 1000, length, digest));
const cheap = { algorithm: "argon2id", memoryCost: 64, timeCost: 1 } as const;
const bcrypt = (key: string, version = "b", cost = 4) =>
  password(key, { algorithm: "bcrypt", cost }).replace("$2b$", `$2${version}$`);

/** What other systems store for a key, and the algorithm's name if the import cannot see it from the hash. */
const hashes: Readonly<Record<string, (key: string) => readonly [hash: string, algorithm?: string]>> = {
  sha512: (key) => [createHash("sha512").update(key).digest("hex"), "sha512"],
  "hmac-sha256": (key) => [createHmac("sha256", secret).update(key).digest("base64"), "hmac-sha256"],
  "hmac-sha512": (key) => [createHmac("sha512", secret).update(key).digest("base64url"), "hmac-sha512"],
  "bcrypt 2a": (key) => [bcrypt(key, "a")],
  "bcrypt 2b": (key) => [bcrypt(key), "bcrypt"],
  "bcrypt 2y": (key) => [bcrypt(key, "y")],
  argon2id: (key) => [password(key, cheap)],
  argon2i: (key) => [password(key, { ...cheap, algorithm: "argon2i" })],
  argon2d: (key) => [password(key, { ...cheap, algorithm: "argon2d" })],
  "argon2id of four lanes": (key) => {
    const parameters = {
      nonce: Buffer.from("somesalt"),
      parallelism: 4,
      tagLength: 24,
      memory: 64,
      passes: 2,
    };
    const digest = argon2Sync("argon2id", { message: key, ...parameters });
    return [`$argon2id$v=19$m=64,t=2,p=4$c29tZXNhbHQ$${base64(digest)}`];
  },
  "PBKDF2 of passlib": (key) => [
    `$pbkdf2-sha256$1000$c29tZXNhbHQ$${pbkdf2(key, "sha256", 32).replaceAll("+", ".")}`,
  ],
  "PBKDF2 of Django": (key) => [`pbkdf2_sha512$1000$somesalt$${pbkdf2(key, "sha512", 64)}==`],
  "PBKDF2 as PHC": (key) => [`$pbkdf2-sha1$i=1000,l=20$c29tZXNhbHQ$${pbkdf2(key, "sha1", 20)}`],
};

type Row = { key: string; hash: string; algorithm?: string | undefined; start?: string };

const csv = (rows: readonly Row[]) =>
  [
    "hash,algorithm,name,start",
    ...rows.map(
      ({ key, hash, algorithm, start }) => `"${hash}",${algorithm ?? ""},${key},${start ?? key.slice(0, 8)}`,
    ),
  ].join("\n");

const started: { stop(): Promise<unknown> }[] = [];
afterEach(async () => {
  for (const one of started.splice(0).reverse()) await one.stop();
});
const kept = <T extends { stop(): Promise<unknown> }>(one: T): T => {
  started.push(one);
  return one;
};

async function storedKey(server: TestServer, keyId: string) {
  const { engine } = server.services;
  return engine.db
    .selectFrom("keys")
    .select(["hash", "pendingMigrationId"])
    .where("id", "=", keyId)
    .executeTakeFirstOrThrow();
}

describe.each(engines)("on $name,", (engine) => {
  const server = testServer({ engine, config: { IMPORTED_HMAC_SECRET: secret } });
  const space = testWorkspace(server);

  const into = async () => {
    const { apiId } = await space.data("apis.createApi", { name: "moved" });
    return { server, workspaceId: space.id, apiId };
  };
  const bring = async (...rows: Row[]) => {
    const report = await importCsv(await into(), csv(rows));
    server.clock.advance(1_000);
    return report;
  };
  const verify = (key: string, more: object = {}) => space.data("keys.verifyKey", { key, ...more });
  const idOf = async (key: string) => {
    const rows = await server.services.engine.db
      .selectFrom("keys")
      .select("id")
      .where("workspaceId", "=", space.id)
      .where("name", "=", key)
      .execute();
    return rows[0]?.id ?? "";
  };

  test.each(Object.keys(hashes))(
    "a key with a hash of %s verifies, and has a SHA-256 from then on",
    async (name) => {
      const key = "sk_live_8Yk3vDbnXhq2Tn6";
      const [hash, algorithm] = hashes[name]?.(key) ?? [""];
      expect(await bring({ key, hash, algorithm })).toMatchObject({ notes: [], refusals: [] });
      expect(await verify(`${key}x`)).toEqual({ valid: false, code: "NOT_FOUND" });
      const { code, keyId } = await verify(key);
      expect([code, keyId]).toEqual(["VALID", await idOf(key)]);
      expect(await storedKey(server, keyId)).toEqual({
        hash: server.services.hashKey(key),
        pendingMigrationId: null,
      });
      expect((await verify(key)).code).toBe("VALID");
      const changes = (await space.audit()).filter(({ targetId }) => targetId === keyId);
      expect(changes).toEqual([{ event: "key.update", targetId: keyId, fields: ["hash"] }]);
    },
  );

  test("first verifications at the same moment replace the hash once, and all find the key", async () => {
    const key = "sk_many_8Yk3vDbnXhq2Tn6";
    await bring({ key, hash: bcrypt(key) });
    const other: TestEngine = { name: "the same", url: () => server.databaseUrl };
    const nodes = engine === postgres ? [server, kept(await startTest({ engine: other }))] : [server];
    const replies = await Promise.all(
      Array.from({ length: 20 }, () =>
        nodes.map((node) => node.call("keys.verifyKey", { key }, { rootKey: space.rootKey })),
      ).flat(),
    );
    const codes = replies.map(({ body }) => body.data?.code);
    expect(codes).toEqual(codes.map(() => "VALID"));
    const changes = (await space.audit()).filter(({ event }) => event === "key.update");
    expect(changes).toHaveLength(1);
  });

  test("keys that share a start are told apart", async () => {
    const keys = ["sk_same_one", "sk_same_two", "sk_same_three"];
    const others = Array.from({ length: 40 }, (_, index) => `sk_same_other_${index}`);
    await bring(
      ...keys.map((key) => ({ key, hash: bcrypt(key) })),
      ...others.map((key) => ({ key, hash: hashes["sha512"]?.(key)[0] ?? "", algorithm: "sha512" })),
    );
    for (const key of keys) expect((await verify(key)).keyId).toBe(await idOf(key));
  });

  test("of nine keys with a salted hash and one start, the ninth is refused", async () => {
    const keys = Array.from({ length: 9 }, (_, index) => `sk_nine_${index}`);
    const between = Array.from({ length: 300 }, (_, index) => `sk_more_${index}`);
    const rows = [
      ...keys.map((key) => ({ key, hash: bcrypt(key) })),
      // these are sorted between the nine keys, so that the nine are imported in several batches
      ...between.map((key) => ({ key, hash: hashes["sha512"]?.(key)[0] ?? "", algorithm: "sha512" })),
    ].sort((one, other) => (one.key.slice(8) < other.key.slice(8) ? -1 : 1));
    const place = await into();
    for (const dryRun of [true, false]) {
      const report = await importCsv({ ...place, dryRun }, csv(rows));
      expect([report.counts.key?.created, report.counts.key?.refused]).toEqual([308, 1]);
      expect(report.refusals[0]?.reason).toContain(
        "have the same start already: give these keys longer starts",
      );
    }
    const again = await importCsv(place, csv(rows));
    expect([again.counts.key?.unchanged, again.counts.key?.refused]).toEqual([308, 1]);
  });

  test("a salted hash without a start is refused, and one with a long start too", async () => {
    const key = "sk_start_1";
    for (const start of ["", "x".repeat(65)]) {
      expect(await bring({ key, hash: bcrypt(key), start })).toMatchObject({
        notes: [expect.stringContaining("start: must be the first 1 to 64 characters")],
      });
    }
  });

  test("a root key without permission for the api neither sees nor changes a waiting key", async () => {
    const keys = { digest: "sk_hide_1", salted: "sk_hide_2" };
    await bring(
      { key: keys.digest, hash: hashes["sha512"]?.(keys.digest)[0] ?? "", algorithm: "sha512" },
      { key: keys.salted, hash: bcrypt(keys.salted) },
    );
    const { apiId } = await space.data("apis.createApi", { name: "other" });
    const hidden = await space.keyWith(`api.${apiId}.verify_key`, `api.${apiId}.read_key`);
    const foreign = await server.makeRootKey(["*"], { workspaceId: await server.makeWorkspace() });
    for (const key of Object.values(keys)) {
      for (const rootKey of [hidden, foreign]) {
        expect((await space.data("keys.verifyKey", { key }, { rootKey })).code).toBe("NOT_FOUND");
        expectRefusal(await space.call("keys.whoami", { key }, { rootKey }), "key_not_found");
      }
      const keyId = await idOf(key);
      expect((await storedKey(server, keyId)).pendingMigrationId).toBe("oldHash");
      expect((await verify(key)).keyId).toBe(keyId);
    }
  });

  test("the batch, whoami and explain find a waiting key as a verification does", async () => {
    const keys = ["sk_find_1", "sk_find_2", "sk_find_3"] as const;
    await bring(...keys.map((key) => ({ key, hash: bcrypt(key) })));
    const batch = await space.data("keys.verifyKeys", [
      { key: keys[0] },
      { key: "sk_find_" },
      { key: keys[0] },
    ]);
    expect(batch.map((one: { data: { code: string } }) => one.data.code)).toEqual([
      "VALID",
      "NOT_FOUND",
      "VALID",
    ]);
    const reader = await space.keyWith("api.*.read_key");
    expect((await space.data("keys.whoami", { key: keys[1] }, { rootKey: reader })).keyId).toBe(
      await idOf(keys[1]),
    );
    const keyId = await idOf(keys[2]);
    const waiting = await space.data("keys.explain", { keyId });
    expect(waiting).toMatchObject({ verdict: { code: "VALID" }, at: server.clock.nowMs });
    expect(waiting.checks[0].why).toContain("bcrypt");
    expect((await space.data("keys.explain", { key: keys[2] })).keyId).toBe(keyId);
    expect((await space.data("keys.explain", { keyId })).checks[0].why).toBe("The key exists.");
  });

  test("a waiting key can be disabled, rerolled and deleted, and is then refused like any other", async () => {
    const keys = ["sk_mend_1", "sk_mend_2", "sk_mend_3"] as const;
    await bring(...keys.map((key) => ({ key, hash: bcrypt(key) })));
    await space.data("keys.updateKey", { keyId: await idOf(keys[0]), enabled: false });
    expect((await verify(keys[0])).code).toBe("DISABLED");
    await space.data("keys.rerollKey", { keyId: await idOf(keys[1]), expiration: 60_000 });
    expect((await verify(keys[1])).code).toBe("VALID");
    server.clock.advance(120_000);
    expect((await verify(keys[1])).code).toBe("EXPIRED");
    await space.data("keys.deleteKey", { keyId: await idOf(keys[2]) });
    expect((await verify(keys[2])).code).toBe("NOT_FOUND");
  });

  test("the state of the import counts waiting keys by their algorithm, and those that were recognized", async () => {
    const workspaceId = await server.makeWorkspace();
    const rootKey = await server.makeRootKey(["*"], { workspaceId });
    const rows = [
      "sha512",
      "hmac-sha256",
      "hmac-sha512",
      "bcrypt 2a",
      "bcrypt 2b",
      "argon2i",
      "PBKDF2 as PHC",
    ].map((name) => {
      const key = `sk_${name.replaceAll(" ", "_")}`;
      const [hash = "", algorithm] = hashes[name]?.(key) ?? [];
      return { key, hash, algorithm };
    });
    const { apiId } = (await server.call("apis.createApi", { name: "moved" }, { rootKey })).body.data;
    await importCsv({ server, workspaceId, apiId }, csv(rows));
    const count = () => countImportedKeys(server.services.engine.slow, workspaceId);
    const waiting = { sha512: 1, "hmac-sha256": 1, "hmac-sha512": 1, bcrypt: 2, argon2: 1, pbkdf2: 1 };
    expect(await count()).toEqual({ learned: 0, waiting: 0, withoutStart: 0, underOldHash: waiting });
    await server.call("keys.verifyKey", { key: "sk_bcrypt_2a" }, { rootKey });
    expect(await count()).toMatchObject({ learned: 1, underOldHash: { ...waiting, bcrypt: 1 } });
  });

  test("if no key waits, unknown keys cost one more statement a second", async () => {
    const workspaceId = await server.makeWorkspace();
    const rootKey = await server.makeRootKey(["*"], { workspaceId });
    let asked = 0;
    watchStatements(server.services.engine, ({ sql }) => {
      if (sql.includes("'oldHash'")) asked += 1;
    });
    for (const total of [1, 2]) {
      for (const key of ["sk_a", "sk_b"]) await server.call("keys.verifyKey", { key }, { rootKey });
      expect(asked).toBe(total);
      server.clock.advance(1_000);
    }
  });
});

async function onlyKey(server: TestServer): Promise<string> {
  return (await server.services.engine.db.selectFrom("keys").select("id").executeTakeFirstOrThrow()).id;
}

/** Test vectors of the reference implementation of argon2, of Openwall's bcrypt, and of passlib. */
const vectors: readonly (readonly [key: string, hash: string])[] = [
  ["password", "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"],
  ["password", "$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc"],
  ["password", "$argon2i$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$wWKIMhR9lyDFvRz9YTZweHKfbftvj+qf+YFY4NeBbtA"],
  ["U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"],
  [
    "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
    "$2a$05$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui",
  ],
  ["password", "$pbkdf2-sha256$1212$4vjV83LKPjQzk31VI4E0Vw$hsYF68OiOUPdDZ1Fg.fJPeq1h/gXXY7acBp9/6c.tmQ"],
  ["password", "$pbkdf2$1212$OB.dtnSEXZK8U5cgxU/GYQ$y5LKPOplRmok7CZp/aqVDVg8zGI"],
];

describe("without a database,", () => {
  const open = (nowMs = () => 0, onFailure = (_place: string, _message: string) => {}) =>
    openOldHashes({
      hmacSecret: Buffer.from("Jefe"),
      threads: 1,
      monotonicMs: nowMs,
      hasOldHashes: async () => true,
      onFailure,
    });

  test("the hashes that other implementations wrote are recognized", async () => {
    const oldHashes = open();
    for (const [key, written] of vectors) {
      const parsed = parseForeignHash(written, undefined);
      const hash = "hash" in parsed ? parsed.hash : parsed.flaw;
      expect([hash, await oldHashes.compare(key, [hash], "x")]).toEqual([hash, { hash }]);
      expect(await oldHashes.compare(`${key}.`, [hash], "x")).toBe("unknown");
    }
    await oldHashes.close();
  });

  test("the HMACs are those of RFC 4231, and the SHA-512 is that of the key alone", () => {
    const [sha512, hmac256, hmac512] = open().digestsOf("what do ya want for nothing?");
    expect(sha512).toBe(
      `sha512:${createHash("sha512").update("what do ya want for nothing?").digest("base64url")}`,
    );
    const known = {
      256: "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
      512: "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
    };
    expect({ hash: hmac256 }).toEqual(parseForeignHash(known[256], "hmac-sha256") as { hash: string });
    expect({ hash: hmac512 }).toEqual(parseForeignHash(known[512], "hmac-sha512") as { hash: string });
  });

  test("a wrong guess is compared once a minute, and one about other keys at once", async () => {
    let nowMs = 0;
    const oldHashes = open(() => nowMs);
    const [one, two] = [bcrypt("one"), bcrypt("two")];
    const guess = (...hashes: string[]) => oldHashes.compare("guess", hashes, "x");
    for (let time = 0; time < 3; time += 1) expect(await guess(one)).toBe("unknown");
    expect(oldHashes.results()).toEqual({ matched: 0, unknown: 1, busy: 0 });
    await guess(one, two);
    expect(oldHashes.results().unknown).toBe(2);
    nowMs += 60_000;
    await guess(one);
    expect(oldHashes.results().unknown).toBe(3);
    await oldHashes.close();
  });

  test("equal guesses at the same moment are one comparison", async () => {
    const oldHashes = open();
    const hash = bcrypt("key", "b", 8);
    const found = await Promise.all([1, 2, 3].map(() => oldHashes.compare("key", [hash], "x")));
    expect(found).toEqual([{ hash }, { hash }, { hash }]);
    expect(oldHashes.results()).toEqual({ matched: 1, unknown: 0, busy: 0 });
    await oldHashes.close();
  });

  test("at most 16 comparisons are pending, and at most two of one start", async () => {
    const oldHashes = open();
    const hash = bcrypt("key", "b", 6);
    const flood = async (count: number, place: (index: number) => string) => {
      const found = await Promise.all(
        Array.from({ length: count }, (_, index) =>
          oldHashes.compare(`${place(index)}${index}`, [hash], place(index)),
        ),
      );
      return found.filter((one) => one === "busy").length;
    };
    expect(await flood(10, () => "one start")).toBe(8);
    expect(await flood(100, (index) => `start ${index}`)).toBe(84);
    expect(oldHashes.pending()).toBe(0);
    await oldHashes.close();
  });

  test("bcrypt does not confuse keys that share 72 bytes, or that repeat each other after a NUL", async () => {
    const oldHashes = open();
    const long = "x".repeat(72);
    const cut = bcrypt(long);
    expect(await oldHashes.compare(long, [cut], "x")).toEqual({ hash: cut });
    for (const [key, hash] of [
      [`${long}y`, cut],
      [`${long}y`, bcrypt(`${long}y`)], // Bun hashes a long key before bcrypt; other libraries do not
      ["ab\0ab", bcrypt("ab")],
    ] as const) {
      expect(await oldHashes.compare(key, [hash], "x")).toBe("unknown");
    }
    await oldHashes.close();
  });

  test("a hash that cannot be read matches no key, hides no other, and is reported", async () => {
    const failures: string[][] = [];
    const oldHashes = open(undefined, (...failure) => void failures.push(failure));
    const damaged = "$argon2id$damaged";
    expect(await oldHashes.compare("key", [damaged], "x")).toBe("unknown");
    const hash = bcrypt("key");
    expect(await oldHashes.compare("key", [damaged, hash], "x")).toEqual({ hash });
    const message = expect.stringMatching(/^argon2: Password verification failed/);
    expect(failures).toEqual([
      ["x", message],
      ["x", message],
    ]);
    await oldHashes.close();
  });

  test("a thread that ends is replaced, also for a guess that is queued", async () => {
    const { Worker: Native } = globalThis;
    const threads: Worker[] = [];
    globalThis.Worker = class extends Native {
      constructor(script: string | URL) {
        super(script);
        threads.push(this);
      }
    };
    const oldHashes = open();
    const hash = bcrypt("key");
    expect(await oldHashes.compare("key", [hash], "x")).toEqual({ hash });
    const ended = oldHashes.compare("other", [hash.replace("$04$", "$12$")], "x");
    const queued = oldHashes.compare("key", [hash], "y");
    threads[0]?.terminate();
    expect([await ended, await queued]).toEqual(["busy", { hash }]);
    expect(threads).toHaveLength(2);
    await oldHashes.close();
    globalThis.Worker = Native;
  });
});

describe("a server", () => {
  test("verifies the keys of the documentation's example after it is imported", async () => {
    const page = readFileSync(join(import.meta.dir, "../../../docs/moving/other-hashes.md"), "utf8");
    const [, text = ""] = /^```csv\n([\s\S]*?)^```$/m.exec(page) ?? [];
    const server = kept(await startTest({ config: { IMPORTED_HMAC_SECRET: "our-pepper" } }));
    const report = await importCsv({ server, workspaceId: server.workspaceId }, text);
    expect(report).toMatchObject({ notes: [], refusals: [], counts: { key: { created: 5 } } });
    const keys = [...page.matchAll(/`(acme_\w+key)`/g)].map(([, key]) => key);
    expect(keys).toHaveLength(5);
    for (const key of keys) {
      const { body } = await server.call("keys.verifyKey", { key });
      expect([key, body.data?.code]).toEqual([key, "VALID"]);
    }
  });

  test("with too many guesses returns 503 to them, and decides about ordinary keys", async () => {
    const server = kept(await startTest());
    const into = { server, workspaceId: server.workspaceId };
    await importCsv(into, csv([{ key: "sk_busy_1", hash: bcrypt("sk_busy_1", "b", 8) }]));
    const { apiId } = (await server.call("apis.createApi", { name: "ordinary" })).body.data;
    const { key } = (await server.call("keys.createKey", { apiId })).body.data;
    const guesses = Array.from({ length: 20 }, (_, index) =>
      server.call("keys.verifyKey", { key: `sk_busy_${index}x` }),
    );
    const ordinary = await server.call("keys.verifyKey", { key });
    expect(ordinary.body.data.code).toBe("VALID");
    const replies = await Promise.all(guesses);
    const refused = replies.filter(({ status }) => status === 503);
    expect(refused.length).toBeGreaterThan(10);
    for (const reply of refused) {
      expectRefusal(reply, "hashing_busy");
      expect(reply.headers.get("retry-after")).toBe("1");
    }
    const decided = replies.filter(({ status }) => status === 200);
    expect(decided.map(({ body }) => body.data.code)).toEqual(decided.map(() => "NOT_FOUND"));
    const batch = await server.call("keys.verifyKeys", [{ key }, { key: "sk_busy_1" }]);
    expect(batch.body.data).toMatchObject([{ data: { code: "VALID" } }, { data: { code: "VALID" } }]);
  });

  test("without the secret of an HMAC does not find the key, and explain says why", async () => {
    const server = kept(await startTest());
    const key = "sk_hmac_1";
    const [hash = "", algorithm] = hashes["hmac-sha256"]?.(key) ?? [];
    const workspaceId = server.workspaceId;
    await importCsv({ server, workspaceId }, csv([{ key, hash, algorithm }]));
    expect((await server.call("keys.verifyKey", { key })).body.data.code).toBe("NOT_FOUND");
    const keyId = await onlyKey(server);
    const { checks } = (await server.call("keys.explain", { keyId })).body.data;
    expect(checks).toMatchObject([{ check: "found", passed: false }]);
    expect(checks[0].fix).toContain("IMPORTED_HMAC_SECRET");
  });

  test.each(["fallback", "shadow"] as const)("in %s recognizes such a key itself", async (mode) => {
    const asked: string[] = [];
    let keyId = "";
    const upstream = kept(
      startUpstream((_, body) => {
        asked.push(JSON.parse(body).key);
        return verdict({ valid: true, code: "VALID", keyId });
      }),
    );
    const server = kept(
      await startAfter({ name: "sqlite in memory", url: () => ":memory:" }, upstream.url, mode),
    );
    const key = "sk_both_1";
    const report = await importCsv(
      { server, workspaceId: server.workspaceId },
      csv([{ key, hash: bcrypt(key) }]),
    );
    expect(report.refusals).toEqual([]);
    keyId = await onlyKey(server);
    expect((await server.call("keys.verifyKey", { key })).body.data).toMatchObject({ code: "VALID", keyId });
    expect((await storedKey(server, keyId)).pendingMigrationId).toBeNull();
    expect(asked).toEqual(mode === "shadow" ? [key] : []);
  });
});
