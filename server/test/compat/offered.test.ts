import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { startTest, type TestServer } from "../harness.ts";
import { cases } from "./cases.ts";
import { goClient } from "./goClient.ts";
import { compareOperations, gapsOf, type Offered } from "./offered.ts";
import type { OfficialClient } from "./officialClient.ts";
import { pythonClient, pythonVersions } from "./pythonClient.ts";
import { typescriptClient } from "./typescriptClient.ts";

/** Operations and fields that this server still lacks, as `gapsOf` lists them. */
const missing: string[] = [];

const page = readFileSync(join(import.meta.dir, "../../../docs/compatibility.md"), "utf8");

describe("the operations of the official clients", () => {
  let clients: OfficialClient[];
  let offered: Offered[];
  let server: TestServer;
  beforeAll(async () => {
    clients = [typescriptClient(), ...(await Promise.all([...pythonVersions.map(pythonClient), goClient()]))];
    offered = await compareOperations(clients);
    server = await startTest();
  }, 540_000);
  afterAll(async () => {
    await Promise.all([server.stop(), ...clients.map((client) => client.close())]);
  });

  test("are served with all their fields, or listed as not offered or missing", () => {
    expect(gapsOf(offered)).toEqual(missing);
  });

  test("are all tried through every client if they are served", () => {
    expect(namesOf(offered, "served")).toEqual(cases.map(({ operation }) => operation).sort());
  });

  test("are all known to the server in the groups that it has, as unkey.py 3.2.2 names them", async () => {
    const groups = [
      "analytics",
      "apis",
      "identities",
      "keys",
      "permissions",
      "ratelimit",
      "rootKeys",
      "workspace",
    ];
    const newest = clients.find(({ name }) => name === "unkey.py 3.2.2");
    const names = [...((await newest?.operations()) ?? new Map()).keys()];
    const groupOf = (name: string) => name.split(".")[0] ?? "";
    expect([...new Set(names.map(groupOf))]).toEqual(expect.arrayContaining(groups));
    for (const name of names.filter((one) => groups.includes(groupOf(one)))) {
      const { status, body } = await server.call(name, {});
      expect([name, status, body.error?.type ?? ""]).toEqual([
        name,
        status,
        expect.not.stringMatching(/unknown_operation$/),
      ]);
    }
  });

  test("return 404 unknown_operation if they are not offered", async () => {
    const names = namesOf(offered, "not offered");
    expect(names).toContain("portal.createSession");
    for (const name of names) {
      const { status, body } = await server.call(name, {});
      expect({ name, status }).toEqual({ name, status: 404 });
      expect(body.error.type).toBe(`${server.url}/errors/user/bad_request/unknown_operation`);
    }
  });

  test("are each listed once in docs/compatibility.md, with whether this server serves them", () => {
    const listed = [...page.matchAll(/^\| `(\w+\.\w+)` \| (served|missing) \|/gm)].map(([, name, state]) => [
      name,
      state,
    ]);
    const expected = offered.filter(({ support }) => support.state !== "not offered");
    expect(listed).toEqual(expected.map(({ operation, support }) => [operation, support.state]));
    const groups = new Set(namesOf(offered, "not offered").map((name) => name.split(".")[0]));
    for (const group of groups) expect(page).toContain(`\`${group}.`);
  });

  test("are reported as a gap if a client has a new operation or a new field", async () => {
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

test("liveness, which no official client calls, returns the envelope and needs no root key", async () => {
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

function namesOf(offered: readonly Offered[], state: Offered["support"]["state"]): string[] {
  return offered.filter(({ support }) => support.state === state).map(({ operation }) => operation);
}
