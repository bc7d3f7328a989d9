import { beforeEach, expect, setDefaultTimeout, spyOn, test } from "bun:test";
import { testServer, testWorkspace } from "../../test/setUp.ts";
import { operations } from "../operations/index.ts";
import { hashKey } from "../runtime.ts";
import { why as whyCommand, whyText } from "./why.ts";

setDefaultTimeout(30_000);

const minuteMs = 60_000;
const server = testServer();
const space = testWorkspace(server);
let apiId: string;
beforeEach(async () => {
  server.clock.nowMs = Date.UTC(2026, 0, 15, 12);
  ({ apiId } = await space.data("apis.createApi", { name: "payments" }));
});

/** Returns what `latchkey keys why …` prints. */
async function why(...words: string[]): Promise<string> {
  const { url } = server;
  const target = {
    url,
    rootKey: space.rootKey,
    rootKeyFile: undefined,
    withinMs: 10_000,
    nowMs: Date.now,
    terminalWidth: undefined,
  };
  const print = spyOn(console, "log").mockImplementation(() => {});
  try {
    expect(await whyCommand(operations, words, target)).toBe(0);
    return String(print.mock.calls[0]?.[0]);
  } finally {
    print.mockRestore();
  }
}

const createKey = (body: object = {}) => space.data("keys.createKey", { apiId, ...body });

test("keys why explains why a key is valid, by the key or its id", async () => {
  const { key, keyId } = await createKey();
  const text = `The key ${keyId} is valid, at 2026-01-15T12:00:00.000Z.

  ok    found       The key exists.
  ok    workspace   The workspace is enabled.
  ok    enabled     The key is enabled.
  ok    expiry      The key never expires.
  ok    permissions The verification asks for no permissions.
  ok    credits     The key's credits are unlimited.`;
  expect(await why(key)).toBe(text);
  expect(await why(keyId)).toBe(text);
  expect(await why("--keyId", keyId)).toBe(text);
});

test("keys why explains why a key is NOT_FOUND", async () => {
  expect(await why("prod_nobody")).toBe(`The key is refused: NOT_FOUND, at 2026-01-15T12:00:00.000Z.

  FAIL  found       There is no such key, or this root key may not read it.
                    Fix: Check that the key is complete, that it belongs to the workspace of this root key, and that this root key may read the keys of its api.

Waiting does not help: each check marked FAIL says what to change.`);
  const { keyId } = await createKey();
  await space.data("keys.deleteKey", { keyId });
  expect(await why(keyId)).toContain(
    "  FAIL  found       The key was deleted at 2026-01-15T12:00:00.000Z, see audit event log_",
  );
});

test("keys why explains why a key is DISABLED", async () => {
  const { key } = await createKey({ enabled: false });
  const text = await why(key);
  expect(text).toContain("is refused: DISABLED, at");
  expect(text).toContain(`  FAIL  enabled     The key is disabled.
                    Fix: Enable it: keys.updateKey with \`enabled: true\`.`);
});

test("keys why explains why a key is EXPIRED", async () => {
  const { key } = await createKey({ expires: server.clock.nowMs - 90_000 });
  const text = await why(key);
  expect(text).toContain("is refused: EXPIRED, at");
  expect(
    text,
  ).toContain(`  FAIL  expiry      The key expired at 2026-01-15T11:58:30.000Z, 90 s before this verification.
                    Fix: Set a later \`expires\` with keys.updateKey, or create another key.`);
});

test("keys why explains why a key is FORBIDDEN", () => {
  const fix = "Ask whoever runs this server to enable it: latchkey workspace enable ws_1";
  const check = { check: "workspace", passed: false, why: "The workspace is disabled.", fix };
  expect(
    whyText({ verdict: { valid: false, code: "FORBIDDEN" }, at: server.clock.nowMs, checks: [check] }),
  ).toBe(`The key is refused: FORBIDDEN, at 2026-01-15T12:00:00.000Z.

  FAIL  workspace   The workspace is disabled.
                    Fix: ${fix}

Waiting does not help: each check marked FAIL says what to change.`);
});

test("keys why explains why a key is FORBIDDEN for an address", async () => {
  const { key } = await createKey({ ipAllowList: ["192.0.2.0/24"] });
  const text = await why(key, "--ip", "198.51.100.7");
  expect(text).toContain("is refused: FORBIDDEN, at");
  expect(text).toMatch(/FAIL {2}ipAllowList .*198\.51\.100\.7/);
});

test("keys why explains why a key has INSUFFICIENT_PERMISSIONS", async () => {
  await space.data("permissions.createRole", { name: "editor", permissions: ["docs.read"] });
  const { key } = await createKey({ roles: ["editor"] });
  const text = await why(key, "--permissions", "docs.read AND (docs.write OR admin)");
  expect(text).toContain("is refused: INSUFFICIENT_PERMISSIONS, at");
  expect(text).toContain(`  FAIL  permissions The key lacks docs.write or admin.
                    - all of:
                      + docs.read
                      - any of:
                        - docs.write
                        - admin
                    The key has docs.read, through the role editor.
                    Fix: Give it docs.write or admin, directly or through a role.`);
});

test("keys why explains why a key is RATE_LIMITED, and when it passes", async () => {
  const limit = { name: "requests", limit: 1, duration: minuteMs, autoApply: true };
  const { key } = await createKey({ ratelimits: [limit] });
  await space.data("keys.verifyKey", { key });
  server.clock.advance(19_000);
  const text = await why(key);
  expect(text).toContain("is refused: RATE_LIMITED, at");
  expect(text).toContain(`  FAIL  ratelimit   requests: 1 of 1 used in 60 s: there is no room for a cost of 1.
                    Fix: Wait 41 s, raise the limit, or lower the cost.`);
  expect(text).toEndWith("\n\nIf nothing else changes, the key passes at 2026-01-15T12:01:00.000Z.");
});

test("keys why explains why a key is USAGE_EXCEEDED", async () => {
  const { key } = await createKey({ credits: { remaining: 1 } });
  const text = await why(key, "--credits", '{"cost":3}');
  expect(text).toContain("is refused: USAGE_EXCEEDED, at");
  expect(text).toContain(`  FAIL  credits     The verification costs 3 credits, and 1 is left.
                    Fix: Add credits with keys.updateCredits, or lower the cost.`);
});

/** A key that is refused, and the fields that are sent with it. */
type Refused = { key: { key: string; keyId: string }; sent?: Record<string, unknown> };
const hourly = { name: "calls", limit: 1, period: "hour", autoApply: true };
const identityWith = async (body: object) => {
  await space.data("identities.createIdentity", { externalId: "user_1", ...body });
  return createKey({ externalId: "user_1" });
};
const used = async (key: { key: string; keyId: string }) => {
  expect((await space.data("keys.verifyKey", { key: key.key })).valid).toBe(true);
  return key;
};

test.each<[code: string, fails: string, make: () => Promise<Refused>]>([
  [
    "NOT_FOUND",
    "found       There is no such key",
    async () => ({ key: { key: "prod_nobody", keyId: "key_0000000000000000000000" } }),
  ],
  ["DISABLED", "enabled     The key is disabled", async () => ({ key: await createKey({ enabled: false }) })],
  ["EXPIRED", "expiry      The key expired", async () => ({ key: await createKey({ expires: 1 }) })],
  [
    "FORBIDDEN",
    "ipAllowList ",
    async () => ({ key: await createKey({ ipAllowList: ["192.0.2.0/24"] }), sent: { ip: "198.51.100.7" } }),
  ],
  [
    "INSUFFICIENT_PERMISSIONS",
    "permissions The key lacks docs.write",
    async () => ({ key: await createKey(), sent: { permissions: "docs.write" } }),
  ],
  [
    "RATE_LIMITED",
    "ratelimit   requests: 1 of 1 used in 60 s",
    async () => {
      const limit = { name: "requests", limit: 1, duration: minuteMs, autoApply: true };
      return { key: await used(await identityWith({ ratelimits: [limit] })) };
    },
  ],
  [
    "USAGE_EXCEEDED",
    "credits     The verification costs 1 credit, and 0 are left",
    async () => ({ key: await createKey({ credits: { remaining: 0 } }) }),
  ],
  [
    "USAGE_EXCEEDED",
    "credits     The verification costs 2 credits, and 1 of the identity's is left",
    async () => ({ key: await identityWith({ credits: { remaining: 1 } }), sent: { credits: { cost: 2 } } }),
  ],
  [
    "USAGE_EXCEEDED",
    `quota       calls: 1 of 1 used in this period, 0 left: there is no room for a cost of 1.
                    Fix: Wait for the next period at 2026-01-15T13:00:00.000Z, grant more with quotas.grant, raise the key's limit`,
    async () => ({ key: await used(await createKey({ quotas: [hourly] })) }),
  ],
  [
    "USAGE_EXCEEDED",
    `quota       calls: 1 of 1 used in this period, 0 left: there is no room for a cost of 1.
                    Fix: Wait for the next period at 2026-01-15T13:00:00.000Z, grant more with quotas.grant, raise the identity's limit`,
    async () => ({ key: await used(await identityWith({ quotas: [hourly] })) }),
  ],
])("%s is told alike by key, hash, id and request (case %#)", async (code, fails, make) => {
  const { key, sent = {} } = await make();
  const reply = await space.call("keys.verifyKey", { key: key.key, ...sent });
  expect(reply.body.data.code).toBe(code);
  const flags = Object.entries(sent).flatMap(([name, value]) => [
    `--${name}`,
    typeof value === "string" ? value : JSON.stringify(value),
  ]);
  const told = await why(key.key, ...flags);
  expect(told).toContain(`is refused: ${code}, at`);
  expect(told).toContain(`\n  FAIL  ${fails}`);
  const checksOf = (text: string) => text.slice(text.indexOf("\n\n"));
  expect(checksOf(await why("--keyHash", hashKey(key.key), ...flags))).toBe(checksOf(told));
  expect(checksOf(await why(key.keyId, ...flags))).toBe(checksOf(told));
  const { requestId } = reply.body.meta;
  const recorded = await why(requestId);
  expect(recorded).toStartWith(`The request ${requestId} got ${code} at`);
  expect(checksOf(recorded)).toBe(checksOf(told));
});

test("keys why explains why a recorded request was refused, by its id", async () => {
  const { key, keyId } = await createKey({ permissions: ["docs.read"] });
  const { body } = await space.call("keys.verifyKey", { key, permissions: "docs.write" });
  const { requestId } = body.meta;
  server.clock.advance(1_000);
  const text = `The request ${requestId} got INSUFFICIENT_PERMISSIONS at 2026-01-15T12:00:00.000Z. Decided again:
The key ${keyId} is refused: INSUFFICIENT_PERMISSIONS, at 2026-01-15T12:00:01.000Z.`;
  expect(await why("--request", requestId)).toStartWith(text);
  expect(await why(requestId)).toStartWith(text);
});
