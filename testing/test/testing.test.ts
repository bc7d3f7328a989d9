/** Tests of the package as npm would publish it, installed from its tarball, in each test runner. */
import { afterAll, beforeAll, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Packed, pack, run } from "../../server/test/packed.ts";
import { until } from "../../server/test/until.ts";
import type * as Testing from "../src/index.ts";

setDefaultTimeout(300_000);

const root = join(import.meta.dir, "../..");
const { fastify } = JSON.parse(
  readFileSync(join(root, "examples/fastify/package.json"), "utf8"),
).dependencies;
const runners = { vitest: "4.0.14", jest: "30.2.0" };

let packed: Packed;
let project: string;
let testing: typeof Testing;
beforeAll(async () => {
  packed = await pack("sdk", "testing");
  const [sdk, own] = packed.tarballs;
  project = join(packed.folder, "project");
  mkdirSync(project);
  const dependencies = {
    ...runners,
    fastify,
    "@latchkey/sdk": `file:${sdk}`,
    "@latchkey/testing": `file:${own}`,
  };
  write({ "package.json": JSON.stringify({ name: "application", private: true, dependencies }) });
  const flags = ["--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund"];
  await run(["npm", "install", ...flags], { cwd: project });
  testing = await import(join(project, "node_modules/@latchkey/testing/dist/esm/index.js"));
});
afterAll(() => packed?.remove());

function write(files: Record<string, string>): void {
  for (const [name, text] of Object.entries(files)) writeFileSync(join(project, name), text);
}

function childProcesses(): number[] {
  const { stdout } = Bun.spawnSync(["pgrep", "-P", String(process.pid)]);
  return stdout.toString().split("\n").filter(Boolean).map(Number);
}

const limited = {
  externalId: "user_123",
  ratelimits: [{ name: "requests", limit: 1, duration: 60_000, autoApply: true }],
};

describe("a test server", () => {
  let latchkey: Testing.TestLatchkey;
  beforeAll(async () => {
    latchkey = await testing.createTestLatchkey({ now: "2026-01-31T23:59:00Z" });
  });
  beforeEach(() => latchkey.reset());
  afterAll(() => latchkey.close());
  const verify = async (key: string) => (await latchkey.client.keys.verifyKey({ key })).data;
  const post = (operation: string, body: object) =>
    fetch(`${latchkey.url}/v2/${operation}`, {
      method: "POST",
      headers: { Authorization: `Bearer ${latchkey.rootKey}`, "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });

  test("counts limits by its own clock, which stands still until the test moves it", async () => {
    const { key } = await latchkey.seed(limited);
    expect((await verify(key)).code).toBe("VALID");
    expect((await verify(key)).code).toBe("RATE_LIMITED");
    await latchkey.clock.advance("59s");
    expect((await verify(key)).code).toBe("RATE_LIMITED");
    await latchkey.clock.advance(1_000);
    expect((await verify(key)).code).toBe("VALID");
    expect(latchkey.clock.now()).toBe(Date.parse("2026-02-01T00:00:00Z"));
  });

  test("makes the SDK's guards compute Retry-After by the server's clock", async () => {
    await latchkey.clock.set("2026-01-31T23:59:00Z");
    const { key } = await latchkey.seed(limited);
    const { guard } = await import(join(project, "node_modules/@latchkey/sdk/dist/esm/index.js"));
    const check = guard(latchkey.client);
    const headersOf = async () => (await check({ headers: { authorization: `Bearer ${key}` } })).headers;
    await headersOf();
    expect(await headersOf()).toMatchObject({ "retry-after": "60", ratelimit: '"requests";r=0;t=60' });
    await latchkey.clock.advance("45s");
    expect(await headersOf()).toMatchObject({ "retry-after": "15" });
    await latchkey.fail("keys.verifyKey", { status: 429 });
    const { headers } = await post("keys.verifyKey", { key });
    expect(headers.get("date")).toBe("Sat, 31 Jan 2026 23:59:45 GMT");
  });

  test("lets a key expire when the clock is set past its expiry, and makes it valid again when the clock is set back", async () => {
    const { key } = await latchkey.seed({ expires: Date.parse("2026-02-02") });
    await latchkey.clock.set("2026-02-02T00:00:01Z");
    expect((await verify(key)).code).toBe("EXPIRED");
    await latchkey.clock.set(new Date("2026-02-01"));
    expect((await verify(key)).code).toBe("VALID");
  });

  test("seeds a key with its identity, permissions and roles, and several keys of one identity", async () => {
    const seeded = await latchkey.seed({
      ...limited,
      meta: { plan: "pro" },
      permissions: ["documents.read"],
      roles: ["admin"],
      name: "first",
    });
    expect(await verify(seeded.key)).toMatchObject({
      valid: true,
      keyId: seeded.keyId,
      name: "first",
      permissions: ["documents.read"],
      roles: ["admin"],
      identity: { id: seeded.identityId, externalId: "user_123", meta: { plan: "pro" } },
    });
    const second = await latchkey.seed({ externalId: "user_123" });
    expect([second.identityId, second.apiId]).toEqual([seeded.identityId, seeded.apiId]);
    expect((await verify(second.key)).code).toBe("RATE_LIMITED"); // the limit belongs to the identity
    const alone = await latchkey.seed({ meta: { own: true }, roles: ["admin"] });
    expect(await verify(alone.key)).toMatchObject({ valid: true, meta: { own: true } });
    expect(alone.identityId).toBeUndefined();
  });

  test("makes as many requests of an operation fail as `fail` says", async () => {
    const { key } = await latchkey.seed();
    await latchkey.fail("keys.verifyKey", { status: 503, times: 2 });
    await latchkey.fail("keys.verifyKey", { status: 502 });
    const statuses: number[] = [];
    for (let call = 0; call < 4; call += 1) statuses.push((await post("keys.verifyKey", { key })).status);
    expect(statuses).toEqual([503, 503, 502, 200]);
    await latchkey.fail("keys.verifyKey", { status: 503, times: Number.POSITIVE_INFINITY });
    expect((await post("identities.listIdentities", {})).status).toBe(200);
    const failed = await post("keys.verifyKey", { key });
    expect(await failed.json()).toMatchObject({ error: { status: 503, title: "Service Unavailable" } });
    expect(await faultOf(latchkey.fail("keys.verifyKey", { status: 200 }))).toContain("from 400 to 599");
    const once = { status: 503, times: 0 };
    expect(await faultOf(latchkey.fail("keys.verifyKey", once))).toContain("a whole number from 1");
    const misspelled = "keys.verifykey" as "keys.verifyKey";
    expect(await faultOf(latchkey.fail(misspelled, { status: 503 }))).toContain(
      "Did you mean keys.verifyKey?",
    );
  });

  test("returns every verification and decision since the last reset", async () => {
    const { key, keyId, apiId, identityId } = await latchkey.seed(limited);
    await verify(key);
    await verify(key);
    const limit = { namespace: "sends", identifier: "a", limit: 1, duration: 60_000 };
    await latchkey.client.ratelimit.limit(limit);
    const events = await latchkey.events();
    const time = latchkey.clock.now();
    expect(events).toMatchObject([
      { time, outcome: "VALID", keyId, apiId, identityId },
      { time, outcome: "RATE_LIMITED", keyId, apiId, identityId },
      { time, outcome: "PASSED" },
    ]);
    await latchkey.reset();
    expect(await latchkey.events()).toEqual([]);
  });

  test("a reset empties the database, restores the first time and removes failures, but keeps the URL and the root key", async () => {
    const { url, rootKey } = latchkey;
    const { key } = await latchkey.seed(limited);
    await latchkey.clock.advance("7d");
    await latchkey.fail("identities.listIdentities", { status: 500 });
    await latchkey.reset();
    expect((await verify(key)).code).toBe("NOT_FOUND");
    const listed = await post("identities.listIdentities", {});
    expect(await listed.json()).toMatchObject({ data: [] });
    expect(latchkey.clock.now()).toBe(Date.parse("2026-01-31T23:59:00Z"));
    expect([latchkey.url, latchkey.rootKey]).toEqual([url, rootKey]);
  });

  test("rejects an invalid time, an invalid duration or a fraction with an error that says so, and does not move the clock", async () => {
    const before = latchkey.clock.now();
    const fractions = ["1.5ms", "0.5s", 1.5];
    for (const wrong of ["2 minutes", "-1s", -1, Number.NaN, ...fractions] as Testing.Duration[]) {
      expect(await faultOf(latchkey.clock.advance(wrong))).toContain("is not a duration");
    }
    expect(latchkey.clock.now()).toBe(before);
    expect(await faultOf(latchkey.clock.set("soon"))).toContain('"soon" is not a time');
    expect(await faultOf(latchkey.clock.set(new Date("soon")))).toContain("Invalid Date is not a time");
    expect(await faultOf(latchkey.clock.advance(Number.NaN))).toContain("NaN is not a duration");
    expect(await faultOf(testing.createTestLatchkey({ now: "soon" }))).toContain("is not a time");
  });

  test("after it was closed, also by `await using`, refuses orders, and its process has ended", async () => {
    const other = await testing.createTestLatchkey();
    await other.close();
    expect(await faultOf(other.events())).toContain("This test server was closed.");
    expect(await faultOf(fetch(other.url))).not.toBe("");
    await other.close(); // closing it twice is not an error
    let url = "";
    {
      await using inner = await testing.createTestLatchkey();
      url = inner.url;
      expect((await fetch(`${url}/health/ready`)).status).toBe(200);
    }
    expect(await faultOf(fetch(url))).not.toBe("");
  });

  test("after its process was killed, refuses orders with an error that says so, and can be closed", async () => {
    const before = childProcesses();
    const other = await testing.createTestLatchkey();
    for (const pid of childProcesses().filter((one) => !before.includes(one))) process.kill(pid, "SIGKILL");
    const refused = "The process of this test server has ended.";
    await until(async () => (await faultOf(other.events())).includes(refused));
    await other.close();
  });

  test("takes at most 400 ms of CPU time to start", () => {
    const program = join(project, "node_modules/@latchkey/testing/dist/program/program.js");
    const times = Array.from({ length: 3 }, () => {
      const { resourceUsage, stdout } = Bun.spawnSync([process.execPath, program], { stdin: "ignore" });
      expect(JSON.parse(stdout.toString())).toMatchObject({ id: 0, value: { rootKey: expect.any(String) } });
      return Number(resourceUsage.cpuTime.total) / 1_000;
    });
    expect(Math.min(...times)).toBeLessThan(400);
  });
});

describe("a test", () => {
  const body = (assert: string) => `
test("a limit holds until its window ends", async () => {
  const latchkey = await createTestLatchkey({ now: "2026-01-31T23:59:00Z" });
  const { key } = await latchkey.seed(${JSON.stringify(limited)});
  const codes = [];
  for (const wait of ["0s", "0s", "2m"]) {
    await latchkey.clock.advance(wait);
    codes.push((await latchkey.client.keys.verifyKey({ key })).data.code);
  }
  ${assert}
  if (process.env.CLOSE === "yes") await latchkey.close();
});`;
  const expected = `expect(codes).toEqual(["VALID", "RATE_LIMITED", "VALID"]);`;
  const imported = `import { createTestLatchkey } from "@latchkey/testing";\n`;

  const cases = [
    {
      runner: "vitest",
      file: "vitest.spec.mjs",
      source: `import { expect, test } from "vitest";\n${imported}${body(expected)}`,
      command: ["node", "node_modules/vitest/vitest.mjs", "run", "vitest.spec.mjs"],
    },
    {
      runner: "Jest",
      file: "jest.test.cjs",
      source: `const { createTestLatchkey } = require("@latchkey/testing");\n${body(expected)}`,
      command: ["node", "node_modules/jest/bin/jest.js", "--testMatch", "**/jest.test.cjs"],
    },
    {
      runner: "node:test",
      file: "node.mjs",
      source: `import assert from "node:assert";\nimport { test } from "node:test";\n${imported}${body(
        `assert.deepEqual(codes, ["VALID", "RATE_LIMITED", "VALID"]);`,
      )}`,
      command: ["node", "--test", "node.mjs"],
    },
    {
      runner: "bun test",
      file: "bun.test.mjs",
      source: `import { expect, test } from "bun:test";\n${imported}${body(expected)}`,
      command: [process.execPath, "test", "./bun.test.mjs"],
    },
  ];
  test.each(
    cases.flatMap((one) => [
      { ...one, closes: "yes" },
      { ...one, closes: "no" },
    ]),
  )(
    "in $runner passes, and the runner exits (the test closes the server: $closes)",
    async ({ file, source, command, closes }) => {
      write({ [file]: source });
      await run(command, { cwd: project, env: { CLOSE: closes } }); // throws the output if the runner fails
      await until(() => !isRunning(join(project, "node_modules/@latchkey/testing/dist/program")));
    },
  );
});

test("the README's examples pass unchanged", async () => {
  const page = readFileSync(join(root, "testing/README.md"), "utf8");
  const examples = [...page.matchAll(/^`([\w.]+)`[^\n]*:\n\n```js\n([\s\S]*?)^```/gm)];
  const files = Object.fromEntries(examples.map(([, name = "", code = ""]) => [name, code]));
  expect(Object.keys(files)).toEqual(["app.js", "app.test.js", "expiry.test.mjs"]);
  write(files);
  await run(["node", "node_modules/vitest/vitest.mjs", "run", "app.test.js"], { cwd: project });
  await run(["node", "--test", "expiry.test.mjs"], { cwd: project });
});

/** Returns the message of the promise's error, or an empty string if it does not reject. */
function faultOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => "",
    (error: unknown) => (error as Error).message,
  );
}

/** Whether a process runs whose command line contains this folder. */
function isRunning(folder: string): boolean {
  const { stdout } = Bun.spawnSync(["pgrep", "-f", folder]);
  return stdout.toString().trim() !== "";
}

test("the package has no install script, and names its license and repository", async () => {
  const manifest = JSON.parse(
    readFileSync(join(project, "node_modules/@latchkey/testing/package.json"), "utf8"),
  );
  expect(Object.keys(manifest.scripts)).toEqual(["prepack"]);
  expect(Object.keys(manifest.dependencies)).toEqual(["@latchkey/sdk"]);
  expect(manifest).toMatchObject({ license: "Apache-2.0", repository: { directory: "testing" } });
});
