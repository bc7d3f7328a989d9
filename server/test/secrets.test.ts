import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { rootKeySecret } from "../src/domain/secrets.ts";
import type { Operation } from "../src/operation.ts";
import { operations } from "../src/operations/index.ts";
import { type Collector, startCollector } from "./collector.ts";
import { engines, type Reply, startTest, type TestServer } from "./harness.ts";
import { freePort } from "./program.ts";
import { readReply } from "./reply.ts";
import { tablesOf } from "./tables.ts";
import { until } from "./until.ts";
import { exampleIn, makeWorld } from "./world.ts";

/** Returns a random text, which can only be where this test has put it. */
const canary = () => `canary${randomBytes(9).toString("hex")}`;

/** Returns whether the bytes contain the text, plain or encoded. */
function holds(artefact: string | Buffer, text: string): boolean {
  const bytes = typeof artefact === "string" ? Buffer.from(artefact) : artefact;
  const forms = [text, Buffer.from(text).toString("hex"), encodeURIComponent(text)];
  // base64 has three ways to encode a text within another one, depending on its offset
  const encoded = [0, 1, 2].map((offset) => {
    const base64 = Buffer.from("x".repeat(offset) + text).toString("base64url");
    return base64.slice(offset + 2, -4);
  });
  return [...forms, ...encoded].some((form) => bytes.includes(form));
}

/** Returns the secret part of a key: its end, which `start` does not show. */
const secretPart = (key: string) => key.slice(-12);

/** Returns paths with a key in them. None is an operation; the only one that exists does not accept POST. */
const pathsWith = (key: string, name: string) => [
  `/${key}`,
  `/v2/${name}/${key}?key=${key}`,
  `/v2/keys.verifyKey.${key}`,
  `/errors/${key}`,
  `/health/live?key=${key}`,
];

describe.each(engines)("on $name,", (engine) => {
  let server: TestServer;
  let metricsAddress: string;
  /** receives the traces */
  let collector: Collector;
  /** texts that must never be stored or shown again, whatever place of a request they were in */
  const secrets: Record<string, string> = {};
  /** texts that may be stored only in their own rows, and shown only to callers who are allowed to read them */
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
    await callEverything();
  }, 60_000);
  afterAll(async () => {
    await server.stop();
    await collector.stop();
  });

  /** Calls every operation, with success and with errors, with secrets wherever a caller can put them. */
  async function callEverything(): Promise<void> {
    const idempotencyKey = canary();
    const unknownRootKey = rootKeySecret(randomBytes(24));
    const otherToken = canary();
    secrets["idempotency key"] = idempotencyKey;
    secrets["unknown root key"] = secretPart(unknownRootKey);
    secrets["token that is not a root key"] = otherToken;
    const world = await makeWorld(server, "world");
    secrets["api key"] = secretPart(world.key);
    const { rootKey, key } = world;
    const isDeletion = ({ name }: Operation) => Number(/\.(delete|remove)/.test(name));
    for (const operation of operations.toSorted((a, b) => isDeletion(a) - isDeletion(b))) {
      const body = exampleIn(operation, world);
      const call = (sent: unknown, options = {}) => server.call(operation.name, sent, options);
      const reply = await call(body, { headers: { "Idempotency-Key": idempotencyKey } });
      const made = reply.body.data?.key;
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
      await call({ [key]: rootKey }); // the response may repeat the name of the unknown field, but the log must not
      await fetch(`${server.url}/v2/${operation.name}?rootKey=${rootKey}&key=${key}`, {
        method: "POST",
        headers: { traceparent: `00-${"a".repeat(32)}-${"b".repeat(16)}-01`, tracestate: `key=${key}` },
      });
      for (const path of pathsWith(key, operation.name)) {
        refusals.push(await readReply(await fetch(server.url + path, { method: "POST" })));
      }
      server.clock.advance(61_000); // a minute later, since an address may send only 100 unknown root keys in a minute
    }
    await sendPrivates();
  }

  async function sendPrivates(): Promise<void> {
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

  /** Returns the names of the artifacts (files, logs and so on) that contain any of these texts. */
  const leaks = (artefacts: [name: string, content: string | Buffer][], texts: Record<string, string>) =>
    artefacts.flatMap(([name, content]) =>
      Object.entries(texts)
        .filter(([, text]) => holds(content, text))
        .map(([what]) => `${what} in ${name}`),
    );

  test("no secret is in the database, which stores only digests and encrypted keys", async () => {
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

  test("no secret is in the log, at any level, or in the metrics", async () => {
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

  test("no byte of the traces contains a secret or anything private", async () => {
    const last = (await server.call("no.such", {})).headers.get("x-request-id") ?? "";
    await until(() => collector.bytes().includes(last));
    const names = new Set(collector.spans().map(({ name }) => name));
    for (const { name } of operations) expect(names).toContain(`POST /v2/${name}`);
    expect(names).toContain("transaction");
    const sent: [string, Buffer] = ["the traces", collector.bytes()];
    expect(leaks([sent], { ...secrets, ...privates })).toEqual([]);
  });

  test("metadata and external ids are stored only in their own rows", async () => {
    const { identifier: _, ...stored } = privates;
    const found = leaks(Object.entries(await rows()), stored);
    expect(found.sort()).toEqual(["externalId in identities", "keyMeta in keys", "meta in identities"]);
  });
});

test("the database's files contain no copy of the metadata or external id of a deleted identity", async () => {
  const [file] = engines;
  if (file === undefined) throw new Error("no engine uses a file");
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
