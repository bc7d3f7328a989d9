import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { rootKeySecret } from "../src/domain/secrets.ts";
import type { Operation } from "../src/operation.ts";
import { operations } from "../src/operations/index.ts";
import { type Collector, startCollector } from "./collector.ts";
import { engines, type Reply, startTest, type TestServer } from "./harness.ts";
import { readReply } from "./reply.ts";
import { tablesOf } from "./tables.ts";
import { until } from "./until.ts";
import { exampleIn, makeWorld } from "./world.ts";

/** A text that is nowhere but where this test puts it. */
const canary = () => `canary${randomBytes(9).toString("hex")}`;

/** Whether bytes hold a text as it is, or as base64 would show it. */
function holds(artefact: string | Buffer, text: string): boolean {
  const bytes = typeof artefact === "string" ? Buffer.from(artefact) : artefact;
  const forms = [text, Buffer.from(text).toString("hex"), encodeURIComponent(text)];
  // in base64 a text looks in one of three ways, by where it begins
  const encoded = [0, 1, 2].map((offset) => {
    const base64 = Buffer.from("x".repeat(offset) + text).toString("base64url");
    return base64.slice(offset + 2, -4);
  });
  return [...forms, ...encoded].some((form) => bytes.includes(form));
}

/** What of a key is secret: all but what `start` shows. */
const secretPart = (key: string) => key.slice(-12);

/** Where a caller may put a key though nothing is served there, and where something is, but not by POST. */
const pathsWith = (key: string, name: string) => [
  `/${key}`,
  `/v2/${name}/${key}?key=${key}`,
  `/v2/keys.verifyKey.${key}`,
  `/errors/${key}`,
  `/health/live?key=${key}`,
];

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, "127.0.0.1", resolve));
  const address = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  return typeof address === "object" && address !== null ? address.port : 0;
}

describe.each(engines)("on $name,", (engine) => {
  let server: TestServer;
  let metricsAddress: string;
  /** gets the traces */
  let collector: Collector;
  /** never stored or shown again, wherever they were sent */
  const secrets: Record<string, string> = {};
  /** stored where they belong, and shown only to those who may read it there */
  const privates = { meta: canary(), keyMeta: canary(), externalId: canary(), identifier: canary() };
  const refusals: Reply[] = [];

  beforeAll(async () => {
    metricsAddress = `127.0.0.1:${await freePort()}`;
    collector = startCollector();
    const recoveryKey = randomBytes(32).toString("base64");
    server = await startTest({
      engine,
      config: {
        METRICS_ADDRESS: metricsAddress,
        RECOVERY_KEY: recoveryKey,
        LOG_LEVEL: "debug",
        OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
        OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
        OTEL_BSP_SCHEDULE_DELAY: "1",
      },
    });
    secrets["recovery key"] = recoveryKey;
    secrets["first root key"] = secretPart(server.rootKey);
    await tellStory();
  }, 60_000);
  afterAll(async () => {
    await server.stop();
    await collector.stop();
  });

  /** Every operation, answered and refused, with secrets wherever a caller may put them. */
  async function tellStory(): Promise<void> {
    const idempotencyKey = canary();
    const unknownRootKey = rootKeySecret(randomBytes(24));
    const otherToken = canary();
    secrets["idempotency key"] = idempotencyKey;
    secrets["unknown root key"] = secretPart(unknownRootKey);
    secrets["token that is no root key"] = otherToken;
    const world = await makeWorld(server, "world");
    secrets["api key"] = secretPart(world.key);
    const { rootKey, key } = world;
    const isDeletion = ({ name }: Operation) => Number(/\.(delete|remove)/.test(name));
    for (const operation of operations.toSorted((a, b) => isDeletion(a) - isDeletion(b))) {
      const body = exampleIn(operation, world);
      const call = (sent: unknown, options = {}) => server.call(operation.name, sent, options);
      const answer = await call(body, { headers: { "Idempotency-Key": idempotencyKey } });
      const made = answer.body.data?.key;
      if (typeof made === "string") secrets[`key of ${operation.name}`] = secretPart(made);
      refusals.push(
        await call({ ...(body as object), rootKey, token: key, meta: { text: privates.meta } }),
        await call({ key: [key], password: rootKey, externalId: [privates.externalId] }),
        await call(`{"key":"${key}",`),
        await call(body, { rootKey: unknownRootKey }),
        await call(body, { rootKey: otherToken }),
        await call(body, { rootKey: `${rootKey} ${otherToken}` }),
        await call(body, { headers: { "Content-Encoding": key } }),
      );
      await call({ [key]: rootKey }); // the answer may name the field, the log may not
      await fetch(`${server.url}/v2/${operation.name}?rootKey=${rootKey}&key=${key}`, {
        method: "POST",
        headers: { traceparent: `00-${"a".repeat(32)}-${"b".repeat(16)}-01`, tracestate: `key=${key}` },
      });
      for (const path of pathsWith(key, operation.name)) {
        refusals.push(await readReply(await fetch(server.url + path, { method: "POST" })));
      }
      server.clock.advance(61_000); // unknown root keys are limited to 100 a minute
    }
    await tellOfPrivates();
  }

  async function tellOfPrivates(): Promise<void> {
    const { meta, keyMeta, externalId, identifier } = privates;
    const call = (operation: string, body: unknown) => server.call(operation, body);
    const limit = { limit: 5, duration: 60_000 };
    await call("identities.createIdentity", { externalId, meta: { text: meta } });
    await call("identities.createIdentity", { externalId, meta: { text: meta } });
    await call("identities.updateIdentity", {
      identity: externalId,
      meta: { text: meta, more: "x".repeat(20_000) },
    });
    await call("identities.getIdentity", { identity: externalId });
    await call("identities.listIdentities", { search: externalId });
    const { apiId } = (await call("apis.createApi", { name: "private" })).body.data;
    const made = { apiId, externalId, meta: { text: keyMeta }, recoverable: true };
    const { key, keyId } = (await call("keys.createKey", made)).body.data;
    secrets["recoverable key"] = secretPart(key);
    expect((await call("keys.getKey", { keyId, decrypt: true })).body.data.plaintext).toBe(key);
    await call("keys.verifyKey", { key });
    await call("apis.listKeys", { apiId, externalId });
    await call("ratelimit.limit", { namespace: "private", identifier, ...limit });
    await call("ratelimit.multiLimit", [{ namespace: "private", identifier, ...limit }]);
  }

  async function rows(): Promise<Record<string, string>> {
    const { db } = server.services.engine;
    const { all } = await tablesOf(db);
    const texts = all.map(async (table) => {
      const found = await db.selectFrom(table).selectAll().execute();
      return [table, JSON.stringify(found)] as const;
    });
    return Object.fromEntries(await Promise.all(texts));
  }

  const metrics = async () => (await fetch(`http://${metricsAddress}/metrics`)).text();
  const files = (): [name: string, content: Buffer][] =>
    readdirSync(server.folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => [entry.name, readFileSync(join(entry.parentPath, entry.name))]);

  /** Where any of these texts is to be found. */
  const leaks = (artefacts: [name: string, content: string | Buffer][], texts: Record<string, string>) =>
    artefacts.flatMap(([name, content]) =>
      Object.entries(texts)
        .filter(([, text]) => holds(content, text))
        .map(([what]) => `${what} in ${name}`),
    );

  test("no secret is in the database, whose rows know them by digest or sealed alone", async () => {
    const stored = await rows();
    expect(Object.keys(secrets).length).toBeGreaterThan(8);
    expect(leaks(Object.entries(stored), secrets)).toEqual([]);
    expect(stored["rootKeys"]).toContain(server.services.hashKey(server.rootKey));
  });

  test("no secret is in any file of the data folder", () => {
    const found = files();
    if (engine.name === "sqlite in a file") {
      expect(found.map(([name]) => name)).toEqual(expect.arrayContaining(["latchkey.db", "latchkey.db-wal"]));
    }
    expect(leaks(found, secrets)).toEqual([]);
  });

  test("no secret is in the log, at any level, nor in the metrics", async () => {
    const log = server.log.join("\n");
    expect(log).toContain('"level":"debug"');
    expect(log).toContain('"code":"root_key_not_found"');
    expect(log).toContain("keys.verifyKey");
    expect(
      leaks(
        [
          ["the log", log],
          ["the metrics", await metrics()],
        ],
        secrets,
      ),
    ).toEqual([]);
  });

  test("no error repeats a secret of its request", () => {
    const errors = refusals.filter(({ status }) => status >= 400);
    expect(errors.length).toBeGreaterThan(operations.length * 5);
    const artefacts = errors.map(({ status, text, headers }, index): [string, string] => [
      `error ${index} (${status}: ${text.slice(0, 300)})`,
      text + JSON.stringify(Object.fromEntries(headers)),
    ]);
    expect(leaks(artefacts, secrets)).toEqual([]);
  });

  test("metadata, external ids and identifiers are in no log and no metric", async () => {
    const artefacts: [string, string][] = [
      ["the log", server.log.join("\n")],
      ["the metrics", await metrics()],
    ];
    expect(leaks(artefacts, privates)).toEqual([]);
  });

  test("no secret is in any byte of the traces, and nothing private", async () => {
    const last = (await server.call("no.such", {})).headers.get("x-request-id") ?? "";
    await until(() => collector.bytes().includes(last));
    const names = new Set(collector.spans().map(({ name }) => name));
    for (const { name } of operations) expect(names).toContain(`POST /v2/${name}`);
    expect(names).toContain("transaction");
    const sent: [string, Buffer] = ["the traces", collector.bytes()];
    expect(leaks([sent], { ...secrets, ...privates })).toEqual([]);
  });

  test("metadata and external ids are stored in their own rows and nowhere else", async () => {
    const { identifier: _, ...stored } = privates;
    const found = leaks(Object.entries(await rows()), stored);
    expect(found.sort()).toEqual(["externalId in identities", "keyMeta in keys", "meta in identities"]);
  });
});

test("no copy of an identity's metadata or external id outlives it in the files of the database", async () => {
  const [file] = engines;
  if (file === undefined) throw new Error("there is no engine on a file");
  const server = await startTest({ engine: file });
  const texts = Array.from({ length: 40 }, canary);
  const content = () =>
    readdirSync(server.folder).map((name): [string, Buffer] => [
      name,
      readFileSync(join(server.folder, name)),
    ]);
  const left = () =>
    content().flatMap(([name, bytes]) =>
      texts.filter((text) => holds(bytes, text)).map((text) => `${text} in ${name}`),
    );
  const { apiId } = (await server.call("apis.createApi", { name: "payments" })).body.data;
  for (const text of texts) {
    const meta = { text, filler: "x".repeat(3_000) };
    await server.call("identities.createIdentity", { externalId: `${text}.user`, meta });
    await server.call("keys.createKey", { apiId, externalId: `${text}.user` });
    await server.call("identities.updateIdentity", { identity: `${text}.user`, meta: { ...meta, more: 1 } });
  }
  expect(left().length).toBeGreaterThanOrEqual(texts.length);
  for (const text of texts) {
    const headers = { "Idempotency-Key": text };
    const reply = await server.call("identities.deleteIdentity", { identity: `${text}.user` }, { headers });
    expect(reply.status).toBe(200);
  }
  const deadline = performance.now() + 10_000;
  while (left().length > 0 && performance.now() < deadline)
    await new Promise((resolve) => setTimeout(resolve, 100));
  expect(left()).toEqual([]);
  await server.stop();
}, 20_000);
