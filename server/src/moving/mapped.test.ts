/** Tests of importing records of identities and keys that the workspace already has under other ids. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { engines, startTest, type TestServer } from "../../test/harness.ts";
import { openUsageDatabase } from "../storage/engines/usage.ts";
import { exportDocument } from "./exportDocument.ts";
import { importRecords } from "./importRecords.ts";
import { readDocument } from "./readDocument.ts";

const dayMs = 86_400_000;
const usage = await openUsageDatabase({ kind: "memory" });

// biome-ignore lint/suspicious/noExplicitAny: tests read responses of any shape
type Data = any;

const call = async (server: TestServer, operation: string, body: object): Promise<Data> => {
  const reply = await server.call(operation, body);
  expect([operation, reply.status, reply.text]).toEqual([operation, 200, reply.text]);
  return reply.body.data;
};

async function* documentOf({ services, workspaceId }: TestServer): AsyncGenerator<Uint8Array> {
  const lines = exportDocument({
    db: services.engine.db,
    usage: undefined,
    workspace: { id: workspaceId, name: "source", timeZone: "UTC" },
    recoveryKey: undefined,
    nowMs: 1,
    warn: (sentence) => expect(sentence).toBe(""),
    rootKeys: false,
    audit: false,
  });
  for await (const line of lines) yield Buffer.from(`${line}\n`);
}

describe.each(engines)("on $name,", (engine) => {
  let source: TestServer;
  let target: TestServer;
  beforeEach(async () => {
    [source, target] = [await startTest({ engine }), await startTest({ engine })];
  });
  afterEach(async () => {
    await Promise.all([source.stop(), target.stop()]);
  });

  async function move() {
    const { engine: place, newId, now } = target.services;
    const { entries } = await readDocument(documentOf(source));
    const rules = { dryRun: false, replace: false, rootKeys: false, reseal: () => null };
    const { workspaceId } = target;
    const report = await importRecords(
      { engine: place, workspaceId, usage, newId, now, actorId: "test" },
      entries,
      rules,
    );
    target.services.caches.clear();
    return report;
  }
  const rows = (table: "holds" | "holdParts" | "movements") =>
    target.services.engine.db.selectFrom(table).selectAll().execute() as Promise<Data[]>;

  test("ended holds and movements are imported as those of the workspace's own identity or key", async () => {
    const { apiId } = await call(source, "apis.createApi", { name: "payments" });
    await call(source, "identities.createIdentity", { externalId: "bob", credits: { remaining: 100 } });
    const { keyId, key } = await call(source, "keys.createKey", { apiId, externalId: "bob" });
    const reserved = await call(source, "credits.reserve", { identity: "bob", amount: 30, ttl: dayMs });
    await call(source, "credits.settle", { reservationId: reserved.reservation.id, amount: 10 });
    const own = await call(source, "keys.createKey", { apiId, credits: { remaining: 50 } });
    await call(source, "keys.updateCredits", { keyId: own.keyId, operation: "increment", value: 5 });
    await call(source, "keys.verifyKey", { key, credits: { reserve: 1, ttl: dayMs } }).then((verdict) =>
      call(source, "credits.release", { reservationId: verdict.reservation.id }),
    );

    const there = await call(target, "identities.createIdentity", {
      externalId: "bob",
      credits: { remaining: 7 },
    });
    const api = await call(target, "apis.createApi", { name: "payments" });
    const made = await call(target, "keys.createKey", { apiId: api.apiId, credits: { remaining: 3 } });
    await target.services.engine.transaction((tx) =>
      tx
        .updateTable("keys")
        .set({ hash: source.services.hashKey(own.key), subjectId: "subject_there" })
        .where("workspaceId", "=", target.workspaceId)
        .where("id", "=", made.keyId)
        .execute(),
    );
    const before = await rows("movements");
    await move();

    const known = new Set(before.map(({ id }) => id));
    const owners = (await rows("movements")).filter(({ id }) => !known.has(id)).map(({ ownerId }) => ownerId);
    expect(owners.length).toBeGreaterThan(2);
    expect(new Set(owners)).toEqual(new Set([there.identityId, "subject_there"]));
    const holds = await rows("holds");
    expect(holds.map((hold) => hold.identityId)).toEqual([there.identityId, there.identityId]);
    expect(new Set(holds.map((hold) => hold.keyId))).toEqual(new Set([keyId, null]));
    const identity = await call(target, "identities.getIdentity", { identity: "bob" });
    expect(identity.credits.remaining).toBe(7);
    const again = await move();
    expect([again.counts.movement?.unchanged, again.counts.hold?.unchanged]).toEqual([owners.length, 2]);
  });

  test("an open hold is refused if the workspace keeps its own balance, so that no release adds units to it", async () => {
    await call(source, "identities.createIdentity", { externalId: "bob", credits: { remaining: 100 } });
    const { reservation } = await call(source, "credits.reserve", {
      identity: "bob",
      amount: 30,
      ttl: dayMs,
    });
    await call(target, "identities.createIdentity", { externalId: "bob", credits: { remaining: 7 } });
    const report = await move();
    expect(report.counts.hold).toMatchObject({ refused: 1, created: 0 });
    expect(report.refusals.at(-1)?.reason).toMatch(
      /has taken its units from a balance of id_\w+ that is not imported/,
    );
    expect(await rows("holdParts")).toEqual([]);
    const released = await target.call("credits.release", { reservationId: reservation.id });
    expect(released.status).toBe(404);
    const identity = await call(target, "identities.getIdentity", { identity: "bob" });
    expect(identity.credits.remaining).toBe(7);
  });

  test("an open hold that is imported with its balance can be released, and a second import finds it unchanged", async () => {
    await call(source, "identities.createIdentity", { externalId: "bob", credits: { remaining: 100 } });
    const { reservation } = await call(source, "credits.reserve", {
      identity: "bob",
      amount: 30,
      ttl: dayMs,
    });
    expect((await move()).counts.hold).toMatchObject({ created: 1 });
    await call(target, "identities.updateIdentity", { identity: "bob", meta: { changed: true } });
    const again = await move();
    expect(again.counts.identity).toMatchObject({ kept: 1 });
    expect(again.counts.hold).toMatchObject({ unchanged: 1 });
    await call(target, "credits.release", { reservationId: reservation.id });
    const identity = await call(target, "identities.getIdentity", { identity: "bob" });
    expect(identity.credits.remaining).toBe(100);
  });
});
