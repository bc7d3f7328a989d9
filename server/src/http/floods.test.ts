/** What the server serves without a root key costs little, however often it is requested. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { expectUndisturbed, type ServingSubject, startSubject, watch } from "../../test/bystander.ts";
import { openRaw } from "../../test/raw.ts";
import { operations } from "../operations/index.ts";
import type { Engine } from "../storage/engine.ts";
import { readiness } from "./health.ts";
import { servedOpenapi } from "./openapi.ts";

describe("without a root key", () => {
  let subject: ServingSubject;
  beforeAll(async () => {
    subject = await startSubject();
  });
  afterAll(() => subject.stop());

  /** Sends a request that begins with `start` on 100 connections at the same time, and does so three times. */
  async function flood(start: string): Promise<void> {
    const connections = await Promise.all(Array.from({ length: 100 }, () => openRaw(subject.url)));
    for (let round = 0; round < 3; round += 1) {
      for (const connection of connections) connection.send(`${start} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
      for (const connection of connections) await connection.reply();
    }
    for (const connection of connections) connection.destroy();
  }

  test.each([
    "GET /openapi.json",
    "GET /errors",
    "GET /errors/unkey/application/invalid_input",
    `GET /errors/${"a/".repeat(7_000)}`,
    "GET /v2/liveness",
    "GET /health/ready",
    "GET /v2/identities.createIdentiy",
    `GET /${"a".repeat(14_000)}`,
    "POST /v2/keys.verifyKey",
  ])("a hundred callers who request %p at once stall no other caller", async (start) => {
    expectUndisturbed(await watch(subject, () => flood(start)));
  });
});

test("the OpenAPI document is serialized once, however often it is requested", async () => {
  let reads = 0;
  const get = () => {
    reads += 1;
    return "A summary";
  };
  const watched = operations.map((operation) => Object.defineProperty({ ...operation }, "summary", { get }));
  const document = servedOpenapi(watched, () => "http://localhost");
  const first = await document({ headers: {} }).text();
  expect(reads).toBe(operations.length);
  expect(await document({ headers: {} }).text()).toBe(first);
  expect(reads).toBe(operations.length);
});

test("one check of the database serves all who wait for readiness, and later requests get a new check", async () => {
  const checks: { resolve(): void; reject(error: Error): void }[] = [];
  const engine = {
    check: () => new Promise<void>((resolve, reject) => void checks.push({ resolve, reject })),
  } as Engine;
  const ready = readiness(engine, () => false);
  const all = Array.from({ length: 100 }, () => ready());
  expect(checks).toHaveLength(1);
  checks[0]?.resolve();
  expect((await Promise.all(all)).map(({ status }) => status)).toEqual(Array(100).fill(200));
  const later = ready();
  expect(checks).toHaveLength(2);
  checks[1]?.reject(new Error("gone"));
  expect((await later).status).toBe(503);
});
