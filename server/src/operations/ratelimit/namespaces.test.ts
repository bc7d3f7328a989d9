import { describe, expect, test } from "bun:test";
import { engines } from "../../../test/harness.ts";
import { expectRefusal } from "../../../test/refusal.ts";
import { testServer, testWorkspace } from "../../../test/setUp.ts";
import { statuses } from "../../../test/workspace.ts";

type Listed = { id: string; name: string };

describe.each(engines)("on $name,", (engine) => {
  const server = testServer({ engine });
  const space = testWorkspace(server);
  const count = (namespace: string, body: object = {}) => {
    server.clock.advance(1);
    return space.data("ratelimit.limit", {
      namespace,
      identifier: "user_1",
      limit: 2,
      duration: 60_000,
      ...body,
    });
  };
  const list = (body: object = {}, options = {}): Promise<Listed[]> =>
    space.data("ratelimit.listNamespaces", body, options);
  const names = async (body: object = {}, options = {}) =>
    (await list(body, options)).map(({ name }) => name);
  const get = (namespace: string) => space.call("ratelimit.getNamespace", { namespace });

  test("namespaces are listed in both directions, searched literally, and read by name and id", async () => {
    for (const name of ["email.send", "sms_send", "Email.read"]) await count(name);
    expect(await names()).toEqual(["email.send", "sms_send", "Email.read"]);
    expect(await names({ order: "desc" })).toEqual(["Email.read", "sms_send", "email.send"]);
    expect(await names({ search: "EMAIL" })).toEqual(["email.send", "Email.read"]);
    expect(await names({ search: "s_s" })).toEqual(["sms_send"]);
    const [first] = await list();
    expect((await get("email.send")).body.data).toEqual(first);
    expect((await get(first?.id ?? "")).body.data).toEqual(first);
    expectRefusal(await get("email"), "ratelimit_namespace_not_found");
    const { pagination } = (await space.call("ratelimit.listNamespaces", { limit: 2 })).body;
    expect(await names({ limit: 2, cursor: pagination.cursor })).toEqual(["Email.read"]);
  });

  test("a root key sees and changes exactly the namespaces that it may", async () => {
    await count("one");
    await count("two");
    const [one] = await list();
    const may = (action: string) => space.keyWith(`ratelimit.${one?.id}.${action}`);
    expect(await names({}, { rootKey: await may("read_namespace") })).toEqual(["one"]);
    for (const [operation, action, body] of [
      ["getNamespace", "read_namespace", {}],
      ["renameNamespace", "update_namespace", { name: "three" }],
      ["deleteNamespace", "delete_namespace", {}],
    ] as const) {
      const options = { rootKey: await may(action) };
      const two = await space.call(`ratelimit.${operation}`, { namespace: "two", ...body }, options);
      expectRefusal(two, "ratelimit_namespace_not_found");
      await space.data(`ratelimit.${operation}`, { namespace: one?.id, ...body }, options);
    }
    expect(await names()).toEqual(["two"]);
  });

  test("a renamed namespace keeps its id, its counters and its overrides, and its old name is free", async () => {
    await count("old");
    await space.data("ratelimit.setOverride", {
      namespace: "old",
      identifier: "vip",
      limit: 9,
      duration: 60_000,
    });
    const [before] = await list();
    const renamed = await space.data("ratelimit.renameNamespace", { namespace: "old", name: "new" });
    expect(renamed).toEqual({ ...before, name: "new" });
    expect((await count("new")).remaining).toBe(0);
    expect((await count("new", { identifier: "vip" })).limit).toBe(9);
    expect((await count("old")).remaining).toBe(1);
    const taken = await space.call("ratelimit.renameNamespace", { namespace: "old", name: "new" });
    expectRefusal(taken, "ratelimit_namespace_already_exists");
    await space.data("ratelimit.renameNamespace", { namespace: "new", name: "new" });
    expect(await names()).toEqual(["new", "old"]);
  });

  test("a deleted namespace takes its overrides along, and the next one of its name counts from zero", async () => {
    await count("email");
    await count("email");
    await space.data("ratelimit.setOverride", {
      namespace: "email",
      identifier: "vip",
      limit: 9,
      duration: 60_000,
    });
    expect((await count("email", { identifier: "vip" })).limit).toBe(9);
    const [before] = await list();
    expect(await space.data("ratelimit.deleteNamespace", { namespace: "email" })).toEqual({});
    expect(await list()).toEqual([]);
    expect(await count("email")).toMatchObject({ success: true, remaining: 1 });
    expect((await count("email", { identifier: "vip" })).limit).toBe(2);
    const gone = await space.call("ratelimit.deleteNamespace", { namespace: before?.id });
    expectRefusal(gone, "ratelimit_namespace_not_found");
    expect(await names()).toEqual(["email"]);
    const events = (await space.audit()).map(({ event }) => event);
    expect(events).toContain("ratelimitNamespace.delete");
  });

  test("a namespace that is deleted while overrides are set and requests counted causes no error", async () => {
    await count("email");
    const override = { namespace: "email", identifier: "vip", limit: 9, duration: 60_000 };
    const calls = await statuses(30, (index) => {
      if (index % 3 === 0) return space.call("ratelimit.deleteNamespace", { namespace: "email" });
      if (index % 3 === 1) return space.call("ratelimit.setOverride", override);
      return space.call("ratelimit.limit", { ...override, limit: 1_000 });
    });
    expect(Object.keys(calls).filter((status) => !["200", "404"].includes(status))).toEqual([]);
  });
});
