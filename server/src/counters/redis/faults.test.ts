import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createServer, type Server } from "node:net";
import { RedisClient } from "bun";
import { startProxy } from "../../../test/proxy.ts";
import { freshWindow, openRedisNode, passes } from "../../../test/redisNode.ts";
import { type RedisServer, startRedisServer } from "../../../test/redisServer.ts";
import { until } from "../../../test/until.ts";
import { RedisRefused } from "./faults.ts";

const password = "canary-of-a-password";
const needed = ["evalsha", "eval", "get", "set", "del", "time", "info"];
const rights = ["~latchkey:*", "-@all", ...needed.map((name) => `+${name}`)];

let server: RedisServer;
let admin: RedisClient;
beforeAll(async () => {
  server = await startRedisServer([
    `user default on >${password} ~* &* +@all`,
    `user enough on >${password} ${rights.join(" ")}`,
  ]);
  admin = new RedisClient(as("default"));
});
afterAll(async () => {
  admin.close();
  await server.stop();
});

function as(user: string, word = password): string {
  return `redis://${user}:${word}@127.0.0.1:${server.port}`;
}

/** Returns the message with which counters in this Redis refuse to start. */
async function refusal(url: string): Promise<string> {
  const error: unknown = await openRedisNode(url).then(
    (node) => node.counters.close(),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(RedisRefused);
  const { message } = error as RedisRefused;
  expect(message).not.toContain(password);
  return message;
}

describe("a Redis that can never work is refused at the start, with a sentence that names the fix:", () => {
  test("a wrong password, an unknown user, no password", async () => {
    for (const url of [as("enough", "wrong"), as("nobody"), server.url]) {
      expect(await refusal(url)).toContain("check user and password");
    }
  });

  test("a user who lacks a required permission", async () => {
    for (const [index, missing] of [...needed, "~latchkey:*"].entries()) {
      if (missing === "eval") continue; // a node starts without it while Redis still has the scripts; see the next test
      const fewer = rights.filter((right) => right !== missing && right !== `+${missing}`);
      await admin.send("ACL", ["SETUSER", `less${index}`, "on", `>${password}`, ...fewer]);
      expect(await refusal(as(`less${index}`))).toContain("~latchkey:* +evalsha +eval +get");
    }
  });

  test("a user who is not allowed to send scripts that Redis does not have", async () => {
    await admin.send("SCRIPT", ["FLUSH"]);
    const fewer = rights.filter((right) => right !== "+eval");
    await admin.send("ACL", ["SETUSER", "silent", "on", `>${password}`, ...fewer]);
    expect(await refusal(as("silent"))).toContain("~latchkey:* +evalsha +eval +get");
  });

  test("a database that does not exist", async () => {
    expect(await refusal(`${as("default")}/99`)).toContain("no database with this number");
  });

  test("a Redis with scripts disabled", async () => {
    const without = await startRedisServer(['rename-command EVALSHA ""', 'rename-command EVAL ""']);
    expect(await refusal(without.url)).toContain("does not run scripts");
    await without.stop();
  });

  test("something that is not Redis", async () => {
    for (const greeting of ["HTTP/1.1 400 Bad Request\r\n\r\n", "220 mail ready\r\n"]) {
      const other = await listen(greeting);
      expect(await refusal(`redis://127.0.0.1:${portOf(other)}`)).toContain("is not Redis");
      other.close();
    }
  });
});

test("the documented permissions are enough", async () => {
  await admin.send("SCRIPT", ["FLUSH"]);
  await admin.send("ACL", ["LOG", "RESET"]);
  const node = await openRedisNode(as("enough"));
  const window = freshWindow();
  const hit = await node.counters.hit([window]);
  await node.counters.giveBack(hit);
  expect(await passes(node.counters, window, 12)).toBe(10);
  expect(node.downs).toEqual([]);
  await node.counters.close();
  expect(await admin.send("ACL", ["LOG"])).toEqual([]);
});

test("while Redis is unreachable at the start, each process grants its share until it is reachable", async () => {
  const proxy = await startProxy({ host: "127.0.0.1", port: server.port });
  proxy.cut();
  const node = await openRedisNode(`redis://enough:${password}@127.0.0.1:${proxy.port}`, { nodes: 2 });
  const window = freshWindow();
  expect(await passes(node.counters, window, 8)).toBe(5);
  expect(node.downs).toHaveLength(1);
  proxy.mend();
  await until(() => node.backs.length === 1);
  expect(node.backs).toEqual([{ localDecisions: 8, countersBroughtBack: 1 }]);
  expect(await passes(node.counters, window, 8)).toBe(5);
  await node.counters.close();
  await proxy.close();
});

test("if Redis no longer accepts the login, that is reported once, and limits are still enforced", async () => {
  await admin.send("ACL", ["SETUSER", "changing", "on", `>${password}`, ...rights]);
  const node = await openRedisNode(as("changing"));
  const window = freshWindow();
  await admin.send("ACL", ["SETUSER", "changing", "resetpass"]);
  await admin.send("CLIENT", ["KILL", "USER", "changing"]);
  await until(() => node.downs.length === 2);
  expect(await passes(node.counters, window, 20)).toBe(10);
  expect(node.downs[1]).toContain("check user and password");
  await admin.send("ACL", ["SETUSER", "changing", `>${password}`]);
  await until(() => node.backs.length === 1);
  expect(node.downs).toHaveLength(2);
  expect(await passes(node.counters, window, 20)).toBe(0);
  await node.counters.close();
});

async function listen(greeting: string): Promise<Server> {
  const other = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.on("data", () => socket.end(greeting));
  });
  await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
  return other;
}

function portOf(other: Server): number {
  return (other.address() as { port: number }).port;
}
