import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeCertificates } from "../certificates.ts";
import { type RedisServer, startRedisServer } from "../redisServer.ts";
import { newRootKey, startNode } from "./node.ts";

const password = "canary-of-a-password";
const rights = "~latchkey:* -@all +evalsha +eval +get +set +del +time +info";

let folder: string;
let server: RedisServer;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "latchkey-tls-"));
  makeCertificates(folder);
  server = await startRedisServer([
    "tls-port PORT",
    `tls-cert-file ${folder}/server.crt`,
    `tls-key-file ${folder}/server.key`,
    `tls-ca-cert-file ${folder}/authority.crt`,
    "tls-auth-clients no",
    "user default off",
    `user latchkey on >${password} ${rights}`,
  ]);
});
afterAll(async () => {
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** Starts a node that counts in this Redis. If it does not start, returns its error message. */
function start(host: string, environment: Record<string, string>, word = password) {
  return startNode({
    databaseUrl: ":memory:",
    rootKey: newRootKey(),
    environment: { REDIS_URL: `rediss://latchkey:${word}@${host}:${server.port}`, ...environment },
  }).catch((error: Error) => error.message);
}

test("a node that trusts a private authority counts in a Redis with TLS, as a user with few permissions", async () => {
  const node = await start("localhost", { NODE_EXTRA_CA_CERTS: join(folder, "authority.crt") });
  if (typeof node === "string") throw new Error(node);
  const limit = { namespace: "calls", identifier: "someone", limit: 3, duration: 60_000 };
  const passed: boolean[] = [];
  for (let call = 0; call < 5; call += 1) {
    passed.push((await node.call("ratelimit.limit", limit)).body.data.success);
  }
  expect(passed).toEqual([true, true, true, false, false]);
  expect(await node.metric("latchkey_redis_up")).toBe(1);
  expect(await node.metric("latchkey_local_decisions_total")).toBe(0);
  expect(node.output()).not.toContain(password);
  await node.kill();
}, 30_000);

test("a node does not start with an untrusted certificate, a wrong host name or a wrong password, and says why", async () => {
  const trusted = { NODE_EXTRA_CA_CERTS: join(folder, "authority.crt") };
  const said = await Promise.all([
    start("localhost", {}),
    start("127.0.0.1", trusted),
    start("localhost", trusted, "wrong-word"),
  ]);
  const [untrusted, otherName, otherWord] = said;
  expect(untrusted).toContain("REDIS_URL: the certificate of Redis is not trusted");
  expect(untrusted).toContain("NODE_EXTRA_CA_CERTS");
  expect(otherName).toContain("REDIS_URL: the certificate of Redis is for another host");
  expect(otherWord).toContain("REDIS_URL: Redis refuses the login: check user and password");
  for (const one of said) {
    expect(one).not.toContain(password);
    expect(one).not.toContain("wrong-word");
    expect(one).not.toContain("    at ");
  }
}, 30_000);
