import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { startTest, type TestServer } from "../harness.ts";
import { cases } from "./cases.ts";
import { compareOperations, gapsOf, type Offered, refusedFields } from "./offered.ts";
import type { OfficialClient } from "./officialClient.ts";
import { pythonClient, pythonVersions } from "./pythonClient.ts";
import { typescriptClient } from "./typescriptClient.ts";

/** What is still missing; a line goes when it is built. */
const missing: string[] = [];

const page = readFileSync(join(import.meta.dir, "../../../docs/compatibility.md"), "utf8");

describe("the operations of the official clients", () => {
  let clients: OfficialClient[];
  let offered: Offered[];
  let server: TestServer;
  beforeAll(async () => {
    clients = [typescriptClient(), ...(await Promise.all(pythonVersions.map(pythonClient)))];
    offered = await compareOperations(clients);
    server = await startTest();
  }, 540_000);
  afterAll(async () => {
    await Promise.all([server.stop(), ...clients.map((client) => client.close())]);
  });

  test("are served with every field, or named as not offered, but for those that are known to be missing", () => {
    expect(gapsOf(offered)).toEqual(missing);
  });

  test("are each tried through every client where they are served", () => {
    expect(namesOf(offered, "served")).toEqual(cases.map(({ operation }) => operation).sort());
  });

  test("answer 404 unknown_operation where they are not offered", async () => {
    const names = namesOf(offered, "not offered");
    expect(names).toContain("portal.createSession");
    for (const name of names) {
      const { status, body } = await server.call(name, {});
      expect({ name, status }).toEqual({ name, status: 404 });
      expect(body.error.type).toBe(`${server.url}/errors/user/bad_request/unknown_operation`);
    }
  });

  test("stand in docs/compatibility.md with what this server does with them, each once", () => {
    const listed = [...page.matchAll(/^\| `(\w+\.\w+)` \| (served|missing) \|/gm)].map(([, name, state]) => [
      name,
      state,
    ]);
    const expected = offered.filter(({ here }) => here.state !== "not offered");
    expect(listed).toEqual(expected.map(({ operation, here }) => [operation, here.state]));
    const groups = new Set(namesOf(offered, "not offered").map((name) => name.split(".")[0]));
    for (const group of groups) expect(page).toContain(`\`${group}.`);
    for (const field of Object.keys(refusedFields)) expect(page).toContain(`\`${field.split(" ")[1]}\``);
  });

  test("of a client that knows one more are a gap, and so is a field more", async () => {
    const errors = new Map();
    const newer: OfficialClient = {
      ...typescriptClient(),
      operations: async () =>
        new Map([
          ["keys.cloneKey", { errors, paged: false }],
          ["apis.getApi", { errors, paged: false, fields: ["apiId", "verbose"] }],
        ]),
    };
    const gaps = gapsOf(await compareOperations([newer]));
    expect(gaps).toEqual(["apis.getApi does not take verbose", "keys.cloneKey is not served"]);
  });
});

test("liveness, which no official client calls, answers in the envelope and asks for no key", async () => {
  const server = await startTest();
  const response = await fetch(`${server.url}/v2/liveness`);
  const body: unknown = await response.json();
  await server.stop();
  expect(response.status).toBe(200);
  expect(body).toEqual({
    meta: { requestId: expect.stringMatching(/^req_/) },
    data: { message: expect.any(String) },
  });
});

function namesOf(offered: readonly Offered[], state: Offered["here"]["state"]): string[] {
  return offered.filter(({ here }) => here.state === state).map(({ operation }) => operation);
}
