import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { expectUndisturbed, type ServingSubject, startSubject, watch } from "../../test/bystander.ts";
import { type Reply, startTest } from "../../test/harness.ts";
import { Failure } from "../errors/failure.ts";
import { migrateKeys } from "../operations/keys/migrateKeys.ts";
import { parseInput } from "../parse.ts";

const into = { migrationId: "mig_1", apiId: "api_1" };
const bytesOf = ({ text }: { text: string }) => new TextEncoder().encode(text).byteLength;

function failureOf(input: unknown): Failure {
  try {
    parseInput(migrateKeys.input, input);
  } catch (error) {
    if (error instanceof Failure) return error;
    throw error;
  }
  throw new Error("the input was accepted");
}

describe("a long list of keys to migrate", () => {
  /** Items that count how often they are read. */
  function watchedItems(count: number, item: object) {
    let reads = 0;
    const read = () => {
      reads += 1;
    };
    const keys = Array.from({ length: count }, () =>
      Object.defineProperty({ ...item }, "hash", { enumerable: true, get: read }),
    );
    return { keys, reads: () => reads };
  }

  test("is not validated beyond its first 100 violations", () => {
    const { keys, reads } = watchedItems(10_000, {});
    const { flaws, message } = failureOf({ ...into, keys });
    expect(flaws).toHaveLength(100);
    expect(message).toBe("body.keys[0].hash is missing (and at least 99 more, of which 99 are listed).");
    expect(reads()).toBeLessThanOrEqual(2 * 100); // each item is read once for the check and once for the message
  });

  test("is not validated beyond an item that alone has more than 100 unknown fields", () => {
    const unknown = Object.fromEntries(Array.from({ length: 120 }, (_, i) => [`unknown${i}`, 1]));
    const { keys, reads } = watchedItems(9_900, unknown);
    const { flaws, message } = failureOf({ ...into, keys });
    expect(flaws).toHaveLength(100);
    expect(message).toContain("(and at least 120 more, of which 99 are listed).");
    expect(reads()).toBeLessThanOrEqual(2 * 1);
  });

  test("that is too long is refused as a whole, without reading any item", () => {
    const { keys, reads } = watchedItems(10_001, {});
    const { flaws } = failureOf({ ...into, keys });
    expect(flaws.map(({ location, message }) => [location, message])).toEqual([
      ["body.keys", "has more than 10000 items"],
    ]);
    expect(reads()).toBe(0);
  });

  test("is accepted with its defaults if nothing is wrong with it", () => {
    const hash = "LPJNul-wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ";
    const keys = Array.from({ length: 200 }, () => ({ hash }));
    const parsed = parseInput(migrateKeys.input, { ...into, keys });
    expect(parsed).toEqual({ ...into, keys: keys.map((key) => ({ ...key, enabled: true })) });
  });
});

test("an error response stays below 64 KB, whatever names it quotes", async () => {
  const server = await startTest();
  const worstNames = ["\u0001", '"', "\u{1f511}", "\u2028"].map((letter) => letter.repeat(100));
  const replies: Reply[] = [];
  for (const name of worstNames) {
    const key = JSON.stringify(name);
    // the first body is nested too deeply, so its error quotes a path of 32 names; the others repeat the name itself
    replies.push(await server.call("keys.createKey", `${`{${key}:`.repeat(32)}{}${"}".repeat(32)}`));
    replies.push(await server.call("permissions.createRole", { name }));
    replies.push(await server.call("permissions.createRole", { name }));
    const ratelimits = Array.from({ length: 50 }, () => ({ name, limit: 1, duration: 1000 }));
    replies.push(await server.call("identities.createIdentity", { externalId: "a", ratelimits }));
    const keys = Array.from({ length: 5 }, () => ({ hash: "x", ratelimits: [...ratelimits, { [name]: 1 }] }));
    replies.push(await server.call("keys.migrateKeys", { ...into, keys }));
  }
  await server.stop();
  expect(replies.filter(({ status }) => status >= 400).length).toBeGreaterThan(12);
  expect(Math.max(...replies.map(bytesOf))).toBeLessThan(64 * 1024);
});

test("MAX_MIGRATION_BODY_BYTES bounds the body of keys.migrateKeys and of no other operation", async () => {
  const server = await startTest({ config: { MAX_MIGRATION_BODY_BYTES: "2000", MAX_BODY_BYTES: "4000" } });
  const body = JSON.stringify({ ...into, keys: [] }).padEnd(3000);
  expect((await server.call("keys.migrateKeys", body)).status).toBe(413);
  expect((await server.call("identities.getIdentity", "{}".padEnd(3000))).status).toBe(400);
  await server.stop();
});

describe("no other caller waits while one caller", () => {
  let subject: ServingSubject;
  beforeAll(async () => {
    subject = await startSubject();
  });
  afterAll(() => subject.stop());

  const unknown = Object.fromEntries(Array.from({ length: 120 }, (_, i) => [`m${i}`, 0]));
  const migration = { ...into, keys: Array.from({ length: 9_900 }, () => ({ ...unknown })) };

  test("sends 9,900 keys of 120 unknown fields each", async () => {
    const impact = await watch(subject, async () => {
      expect((await subject.call("keys.migrateKeys", migration)).status).toBe(400);
    });
    expectUndisturbed(impact);
  });

  test("sends 0.85 MB of unknown fields", async () => {
    const many = Object.fromEntries(Array.from({ length: 80_000 }, (_, i) => [`m${i}`, 0]));
    const impact = await watch(subject, async () => {
      expect((await subject.call("identities.createIdentity", many)).status).toBe(400);
    });
    expectUndisturbed(impact);
  });
});
