import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import type { Shape } from "./cacheSize.child.ts";
import { newFolder } from "./program.ts";

const oneLimit: Shape = { keys: 10_000, perIdentity: 1, limits: 1, meta: "{}", permissions: 0 };
const meta = '{"plan":"pro","email":"user-#@example.com","seats":{"bought":#,"used":[1,2,3]}}';

/** Returns how many bytes a cached key takes: measured by the growth of the heap, and as the cache counts them. */
async function bytesPerKey(shape: Shape): Promise<{ measured: number; counted: number }> {
  const script = new URL("./cacheSize.child.ts", import.meta.url).pathname;
  const path = join(newFolder(), "latchkey.db");
  const child = Bun.spawn([process.execPath, script, path, JSON.stringify(shape)], { stdout: "pipe" });
  return JSON.parse(await new Response(child.stdout).text()) as { measured: number; counted: number };
}

test("a cached key with an identity of its own and one limit takes at most 1,000 bytes of heap", async () => {
  expect((await bytesPerKey(oneLimit)).measured).toBeLessThanOrEqual(1_000);
}, 60_000);

test("keys of one identity share it: each takes at most 500 bytes of heap", async () => {
  expect((await bytesPerKey({ ...oneLimit, perIdentity: 1_000, meta })).measured).toBeLessThanOrEqual(500);
}, 60_000);

describe("what the cache counts is within 30 % of the heap that it takes,", () => {
  test.each<[string, Shape]>([
    ["with one limit", oneLimit],
    ["without limits", { ...oneLimit, limits: 0 }],
    ["with metadata", { ...oneLimit, meta }],
    ["with 20 limits", { ...oneLimit, keys: 2_000, limits: 20 }],
    ["with 20 permissions that all keys have", { ...oneLimit, permissions: 20 }],
    ["with one identity for all keys", { ...oneLimit, perIdentity: 10_000 }],
  ])(
    "%s",
    async (_, shape) => {
      const { measured, counted } = await bytesPerKey(shape);
      expect(counted / measured).toBeWithin(0.7, 1.3);
    },
    60_000,
  );
});
