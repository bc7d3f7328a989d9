import { afterAll, beforeAll, expect, test } from "bun:test";
import { postgres } from "../harness.ts";
import { until } from "../until.ts";
import { type Node, newRootKey, runCommand, startNode } from "./node.ts";

/**
 * The number of revocations. The environment variable `TEST_REVOCATIONS` sets another one, such as 1,000, as in
 * docs/guarantees.md.
 */
const revocations = Number(process.env["TEST_REVOCATIONS"] ?? 180);
const atOnce = 12;
const longestMs = 5_000;
const usualMs = 1_000;

let databaseUrl: string;
let nodes: Node[];
let apiId: string;
const rootKey = newRootKey();

beforeAll(async () => {
  databaseUrl = await postgres.url("");
  nodes = await Promise.all([1, 2, 3].map(() => startNode({ databaseUrl, rootKey })));
  apiId = (await node(0).call("apis.createApi", { name: "payments" })).body.data.apiId;
}, 60_000);

afterAll(async () => {
  await Promise.all(nodes.map((one) => one.kill()));
  await postgres.drop?.(databaseUrl);
});

function node(index: number): Node {
  const one = nodes[index % nodes.length];
  if (one === undefined) throw new Error("there are no nodes");
  return one;
}

async function ok(at: Node, operation: string, body: unknown) {
  const { status, text, body: envelope } = await at.call(operation, body);
  if (status !== 200) throw new Error(`${operation} returned ${status}: ${text}`);
  return envelope.data;
}

const codeAt = async (at: Node, key: string, more: object = {}) =>
  (await ok(at, "keys.verifyKey", { key, ...more })).code as string;

/** A way to revoke: creates a key that verifies, and then revokes it. `code` is the verdict that is then expected. */
type Way = (
  at: Node,
  index: number,
) => Promise<{ key: string; revoke(): Promise<unknown>; code: string; more?: object }>;

const ways: Record<string, Way> = {
  async deleted(at) {
    const { key, keyId } = await ok(at, "keys.createKey", { apiId });
    return { key, revoke: () => ok(at, "keys.deleteKey", { keyId }), code: "NOT_FOUND" };
  },
  async disabled(at) {
    const { key, keyId } = await ok(at, "keys.createKey", { apiId });
    return { key, revoke: () => ok(at, "keys.updateKey", { keyId, enabled: false }), code: "DISABLED" };
  },
  async expired(at) {
    const { key, keyId } = await ok(at, "keys.createKey", { apiId });
    return { key, revoke: () => ok(at, "keys.updateKey", { keyId, expires: 1 }), code: "EXPIRED" };
  },
  async "without its permission"(at, index) {
    const permission = `doc.read_${index}`;
    const { key, keyId } = await ok(at, "keys.createKey", { apiId, permissions: [permission] });
    return {
      key,
      revoke: () => ok(at, "keys.removePermissions", { keyId, permissions: [permission] }),
      code: "INSUFFICIENT_PERMISSIONS",
      more: { permissions: permission },
    };
  },
  async "with its identity's limit lowered"(at, index) {
    const externalId = `user_${index}`;
    const limit = (most: number) => [
      { name: "requests", limit: most, duration: 2_592_000_000, autoApply: true },
    ];
    await ok(at, "identities.createIdentity", { externalId, ratelimits: limit(1_000_000) });
    const { key } = await ok(at, "keys.createKey", { apiId, externalId });
    return {
      key,
      revoke: () => ok(at, "identities.updateIdentity", { identity: externalId, ratelimits: limit(1) }),
      code: "RATE_LIMITED",
      more: { ratelimits: [{ name: "requests", cost: 2 }] },
    };
  },
  async "of a deleted api"(at) {
    const own = (await ok(at, "apis.createApi", { name: "one of many" })).apiId;
    const { key } = await ok(at, "keys.createKey", { apiId: own });
    return { key, revoke: () => ok(at, "apis.deleteApi", { apiId: own }), code: "NOT_FOUND" };
  },
};

/** Revokes a key on one node. Returns after how many milliseconds each of the other nodes refused it. */
async function revokeOne(index: number): Promise<number[]> {
  const [way] = Object.values(ways).slice(index % Object.keys(ways).length);
  const at = node(index);
  const made = await way?.(at, index);
  if (made === undefined) throw new Error("there is no way to revoke");
  const { key, revoke, code, more } = made;
  for (const one of nodes) expect(await codeAt(one, key, more)).toBe("VALID");
  await revoke();
  const revokedAt = performance.now();
  expect(await codeAt(at, key, more)).toBe(code);
  return Promise.all(
    nodes
      .filter((one) => one !== at)
      .map(async (one) => {
        await until(async () => (await codeAt(one, key, more)) !== "VALID", longestMs + 1_000);
        const tookMs = performance.now() - revokedAt;
        expect(await codeAt(one, key, more)).toBe(code);
        return tookMs;
      }),
  );
}

test(
  "a key that one node revokes, in any way, is refused there at once and by all other nodes within seconds",
  async () => {
    const took: number[] = [];
    for (let done = 0; done < revocations; done += atOnce) {
      const batch = Array.from({ length: Math.min(atOnce, revocations - done) }, (_, index) =>
        revokeOne(done + index),
      );
      took.push(...(await Promise.all(batch)).flat());
    }
    took.sort((one, other) => one - other);
    const at = (share: number) => Math.round(took[Math.ceil(took.length * share) - 1] ?? 0);
    console.info(`${revocations} revocations: p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, max ${at(1)} ms`);
    expect(took.filter((ms) => ms > longestMs)).toEqual([]);
    expect(took.filter((ms) => ms > usualMs).length).toBeLessThanOrEqual(took.length / 100);
    expect(await node(1).metric("latchkey_change_propagation_seconds_count")).toBeGreaterThan(0);
  },
  120_000 + revocations * 200,
);

test(
  "a new key verifies at once on every node",
  async () => {
    const codes = new Set<string>();
    const makeOne = async (index: number) => {
      const { key } = await ok(node(index), "keys.createKey", { apiId });
      for (const code of await Promise.all(nodes.map((one) => codeAt(one, key)))) codes.add(code);
    };
    for (let done = 0; done < revocations; done += atOnce) {
      await Promise.all(Array.from({ length: atOnce }, (_, index) => makeOne(done + index)));
    }
    expect(codes).toEqual(new Set(["VALID"]));
  },
  60_000 + revocations * 100,
);

test("a root key that the command line revokes, or whose workspace it disables, is refused by every node", async () => {
  const made = await runCommand(databaseUrl, "root-key", "create", "--permissions", "*");
  const [id = "", other = ""] = made.trim().split("\n");
  const workspaceId = (await runCommand(databaseUrl, "workspace", "list")).match(/ws_\w+/)?.[0] ?? "";
  const statuses = async (key: string) => {
    const headers = { Authorization: `Bearer ${key}`, "Content-Type": "application/json" };
    const ask = (one: Node) =>
      fetch(`${one.url}/v2/identities.listIdentities`, { method: "POST", headers, body: "{}" });
    return (await Promise.all(nodes.map(ask))).map(({ status }) => status);
  };
  const all = (status: number) => nodes.map(() => status);
  expect(await statuses(other)).toEqual(all(200));
  await runCommand(databaseUrl, "root-key", "revoke", id);
  await until(async () => (await statuses(other)).every((status) => status === 401), longestMs);
  expect(await statuses(rootKey)).toEqual(all(200));
  await runCommand(databaseUrl, "workspace", "disable", workspaceId);
  await until(async () => (await statuses(rootKey)).every((status) => status === 403), longestMs);
  await runCommand(databaseUrl, "workspace", "enable", workspaceId);
  await until(async () => (await statuses(rootKey)).every((status) => status === 200), longestMs);
}, 60_000);

test("every node knows the number of nodes, and notices when one has stopped", async () => {
  const all = [...nodes];
  const counts = () => Promise.all(nodes.map((one) => one.metric("latchkey_nodes")));
  await until(async () => (await counts()).every((count) => count === 3), 15_000);
  const leaving = nodes.pop();
  leaving?.signal("SIGINT");
  await leaving?.ended;
  await until(async () => (await counts()).every((count) => count === 2), 10_000);
  nodes = all;
}, 60_000);
