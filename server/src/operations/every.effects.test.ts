/**
 * What every operation does when it succeeds: its response, its permissions, its audit trail and its Idempotency-Key.
 */
import { beforeAll, describe, expect, test } from "bun:test";
import { z } from "zod";
import { expectErrorResponse, forAll, isOffered, needsOf } from "../../test/everyOperation.ts";
import { engines, everything, startTest, type TestServer } from "../../test/harness.ts";
import { testServer } from "../../test/setUp.ts";
import { dump } from "../../test/tables.ts";
import { exampleIn, makeWorld } from "../../test/world.ts";
import { catalogue } from "../errors/catalogue.ts";
import type { Operation, Permission } from "../operation.ts";
import { isWrite } from "../run.ts";
import { operations } from "./index.ts";

/** The paths at which a response has null, except inside `meta`, where any JSON is allowed. */
function nullsIn(value: unknown, at = ""): string[] {
  if (value === null) return [at];
  if (typeof value !== "object") return [];
  return Object.entries(value).flatMap(([name, inner]) =>
    name === "meta" && at !== "" ? [] : nullsIn(inner, `${at}.${name}`),
  );
}

/** By operation, the paths of response members that may be null, since an official client of Unkey requires them. */
const mayBeNull: Record<string, RegExp> = {
  "rootKeys.listKeys": /\.(name|expires)$/,
  "workspace.getLimits": /\.limit$/,
};

/** The permissions that an operation's example needs in addition to those that every call of the operation needs. */
const furtherNeeds: Record<string, string[]> = {
  "permissions.createRole": ["rbac.*.add_permission_to_role", "rbac.*.create_permission"],
  "rootKeys.createKey": ["api.*.read_api", "api.*.read_key"],
  "rootKeys.rerollKey": ["api.*.read_api"],
  "analytics.getUsage": ["api.*.read_analytics"], // an identity's keys may be in any api
};

describe.each(operations.filter((operation) => !isOffered(operation)))(
  "$name",
  ({ name, errors, example }) => {
    test("returns its documented error, but 400 if the query is empty", async () => {
      const server = await startTest();
      const [code = "unexpected_error"] = errors;
      expectErrorResponse(await server.call(name, example.input), catalogue[code].status);
      for (const query of ["", " \n\t"]) expectErrorResponse(await server.call(name, { query }), 400);
      await server.stop();
    });
  },
);

describe.each(operations.filter(isOffered))("$name", (operation) => {
  test("needs no more than the permissions it names, for all things or for this one", async () => {
    const server = await startTest();
    const world = await makeWorld(server, "first");
    const further = furtherNeeds[operation.name] ?? [];
    const ids: Record<string, string> = {
      api: world.apiId,
      identity: world.identityId,
      root_key: world.rootKeyId,
    };
    const forOne = (permission: Permission) =>
      permission.replace("<id>", ids[permission.split(".")[0] ?? ""] ?? world.namespaceId);
    for (const narrowed of isWrite(operation) ? [forOne] : [forAll, forOne]) {
      const rootKey = await server.makeRootKey([...needsOf(operation).map(narrowed), ...further]);
      const reply = await server.call(operation.name, exampleIn(operation, world), { rootKey });
      expect([reply.status, reply.body.error]).toEqual([200, undefined]);
    }
    await server.stop();
  });
});

describe.each(engines)("on $name,", (engine) => {
  const server = testServer({ engine });

  describe.each(operations.filter(isOffered))("$name", (operation) => {
    let story: Awaited<ReturnType<typeof callTwice>>;
    beforeAll(async () => {
      story = await callTwice(server, operation);
    });

    test("returns its example in the success envelope, as its schema says, and null only where clients expect it", () => {
      const { first } = story;
      const shape = operation.output ?? (operation.page && z.array(operation.page));
      expect([first.status, first.body.error]).toEqual([200, undefined]);
      const { meta, data, pagination, warnings = [], ...more } = first.body;
      expect(more).toEqual({});
      if (shape !== undefined) expect(warnings).toEqual([]);
      expect(meta).toEqual({ requestId: first.headers.get("x-request-id") });
      expect(first.headers.get("cache-control")).toBe("no-store");
      expect(first.headers.get("content-type")).toBe("application/json");
      expect("data" in first.body).toBe(shape !== undefined);
      expect(shape?.safeParse(data).error).toBeUndefined();
      expect(pagination?.hasMore).toBe(operation.page && false);
      const expected = mayBeNull[operation.name] ?? /\.remaining$/;
      expect(nullsIn(first.body).filter((at) => !expected.test(at))).toEqual([]);
    });

    if (!isWrite(operation)) return;

    test("leaves a trace of every change in the audit trail, by ids and names of fields", () => {
      const { first, before, after } = story;
      const rows = after.audit.filter((row) => !before.audit.includes(row)).map((row) => JSON.parse(row));
      if (after.rest !== before.rest) expect(rows).not.toEqual([]);
      for (const row of rows) {
        expect(row).toMatchObject({
          workspaceId: story.workspaceId,
          requestId: first.body.meta.requestId,
          atMs: server.clock.nowMs,
          event: expect.stringMatching(/^[a-zA-Z]+\.[a-z_]+$/),
          targetId: expect.stringMatching(/^[a-z]+_[0-9A-Za-z]{22}$/),
          actorId: expect.stringMatching(/^root_/),
        });
        expect(JSON.parse(row.fields)).toBeArray();
      }
    });

    test("is done once for one Idempotency-Key, and returns the same response again", () => {
      const { first, second, after, atLast } = story;
      expect(second.text).toBe(first.text);
      expect(first.headers.get("idempotent-replayed")).toBeNull();
      expect(second.headers.get("idempotent-replayed")).toBe("true");
      expect(atLast).toEqual(after);
    });
  });
});

/**
 * Sends the example twice with one Idempotency-Key, in a new workspace. Returns the replies, and the state of the
 * workspace before, between and after the two calls.
 */
async function callTwice(server: TestServer, operation: Operation) {
  const workspaceId = await server.makeWorkspace();
  const rootKey = await server.makeRootKey(everything, { workspaceId });
  const world = await makeWorld(server, "first", { workspaceId, rootKey });
  const state = async () => {
    const {
      auditEvents: audit = [],
      idempotency,
      ...rest
    } = await dump(server.services.engine.db, workspaceId);
    return { audit, idempotency, rest: JSON.stringify(rest) };
  };
  const headers: Record<string, string> = isWrite(operation) ? { "Idempotency-Key": "order-1234" } : {};
  const call = () => server.call(operation.name, exampleIn(operation, world), { rootKey, headers });
  const before = await state();
  const first = await call();
  const after = await state();
  const second = await call();
  return { workspaceId, first, second, before, after, atLast: await state() };
}
