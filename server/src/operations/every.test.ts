/** What every operation promises about its description, its input and its callers, before it does anything. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { z } from "zod";
import { expectErrorResponse, flawsOf, forAll, isOffered, needsOf } from "../../test/everyOperation.ts";
import { everything, type Reply, startTest, type TestServer } from "../../test/harness.ts";
import { readReply } from "../../test/reply.ts";
import { fieldsOf, type JsonSchema, objectsOf, type Path, without, withValue } from "../../test/schemas.ts";
import { boundsOf, ofBounds, wrongFor } from "../../test/values.ts";
import { actions, type Resource } from "../domain/caller.ts";
import { memberPath } from "../domain/location.ts";
import { rootKeySecret } from "../domain/secrets.ts";
import { catalogue } from "../errors/catalogue.ts";
import { jsonSchema } from "../jsonSchema.ts";
import type { Operation } from "../operation.ts";
import { randomBytes } from "../runtime.ts";
import { operations } from "./index.ts";

const schemaOf = (operation: Operation) => jsonSchema(operation.input, "input") as JsonSchema;
const allPermissions = (Object.keys(actions) as Resource[]).flatMap((resource) =>
  actions[resource].map((action) => `${resource}.*.${action}`),
);

const unknownField = { message: "is not a known field" };

function locationOf(path: Path): string {
  return path.reduce<string>((parent, member) => memberPath(parent, member), "body");
}

/** The location that an error has for this path in the body. In a batch, the location begins at the entry. */
function placeOf({ judgesEntries }: Operation, path: Path): string {
  return locationOf(judgesEntries === true ? path.slice(1) : path);
}

/** If the operation takes a batch, turns the error of its only entry into the reply to an operation without a batch. */
function asAlone({ judgesEntries }: Operation, reply: Reply): Reply {
  if (judgesEntries !== true || reply.status !== 200) return reply;
  const [{ error }] = reply.body.data;
  return { ...reply, status: error.status, body: { meta: reply.body.meta, error } };
}

describe.each(operations)("$name", (operation) => {
  const schema = schemaOf(operation);
  const fields = fieldsOf(schema);
  const { input: example } = operation.example;
  const instead = [operation.orPermission ?? []].flat().map(forAll);
  const enough = [...instead, ...needsOf(operation).map(forAll)];
  const permissions = allPermissions.filter((one) => !enough.includes(one));
  let server: TestServer;
  let notPermitted: string;
  let permitted: string;
  beforeAll(async () => {
    server = await startTest();
    permitted = await server.makeRootKey(everything);
    notPermitted = await server.makeRootKey(permissions);
  });
  afterAll(() => server.stop());
  beforeEach(() => server.clock.advance(61_000)); // the tests send unknown root keys, which are limited to 100 a minute

  const call = (body: unknown, options = {}) =>
    server.call(operation.name, body, { rootKey: permitted, ...options });
  const refused = async (body: unknown, status: number, options = {}) => {
    const reply = asAlone(operation, await call(body, options));
    expectErrorResponse(reply, status);
    return reply;
  };
  const unknownKey = () => rootKeySecret(randomBytes(24));

  test("has an example whose input and output fit its schemas", () => {
    expect(flawsOf(operation, example)).toEqual([]);
    const data = operation.output ?? (operation.page && z.array(operation.page));
    if (isOffered(operation)) expect(data?.safeParse(operation.example.output).error).toBeUndefined();
    else expect(operation.errors).toHaveLength(1);
  });

  test("is in the OpenAPI document with the permission it needs", async () => {
    const { body: document } = await readReply(await fetch(`${server.url}/openapi.json`));
    const { post } = document.paths[`/v2/${operation.name}`];
    expect(post.operationId).toBe(operation.name);
    for (const permission of needsOf(operation)) expect(post.description).toContain(forAll(permission));
    expect(post.requestBody.content["application/json"].example).toEqual(example);
    const statuses = operation.errors.map((code) => String(catalogue[code].status));
    expect(Object.keys(post.responses)).toEqual(expect.arrayContaining(["200", "400", "401", ...statuses]));
  });

  test("refuses a field it does not know, at every depth, and names the one that was meant", async () => {
    for (const { path, schema: object } of objectsOf(schema)) {
      const [known = "zzzzzzzz"] = Object.keys(object.properties ?? {}).filter((name) => name.length > 3);
      const { body } = await refused(withValue(schema, example, [...path, "zzzzzzzz"], 1), 400);
      const location = placeOf(operation, [...path, "zzzzzzzz"]);
      expect(body.error.errors).toContainEqual(expect.objectContaining({ location, ...unknownField }));
      const mistyped = await refused(withValue(schema, example, [...path, `${known}q`], 1), 400);
      expect(mistyped.body.error.errors).toContainEqual({
        location: placeOf(operation, [...path, `${known}q`]),
        ...unknownField,
        ...(known === "zzzzzzzz" ? { fix: expect.any(String) } : { fix: `did you mean "${known}"?` }),
      });
    }
  });

  test("refuses a body without a required field and names it", async () => {
    for (const { path } of fields.filter(({ isRequired }) => isRequired)) {
      const { body } = await refused(without(schema, example, path), 400);
      expect(body.error.errors).toContainEqual(
        expect.objectContaining({ location: placeOf(operation, path), message: "is missing" }),
      );
    }
  });

  test("refuses every field that has another type, converts nothing, and names it", async () => {
    for (const { path, schema: field } of fields) {
      for (const value of wrongFor(field)) {
        const { body } = await refused(withValue(schema, example, path, value), 400);
        expect(body.error.errors).toContainEqual(
          expect.objectContaining({ location: placeOf(operation, path), message: expect.any(String) }),
        );
      }
    }
  });

  test("takes what lies on a bound, refuses what lies beyond it, and counts code points", () => {
    for (const field of fields) {
      const at = locationOf(field.path);
      const flawsWith = (value: unknown) =>
        flawsOf(operation, withValue(schema, example, field.path, value)).filter(
          ({ location, message }) => location === at && ofBounds.test(message),
        );
      const { within, beyond } = boundsOf(field);
      for (const value of within) expect([at, value, flawsWith(value)]).toEqual([at, value, []]);
      for (const value of beyond) {
        expect([at, value, flawsWith(value)]).toEqual([
          at,
          value,
          [expect.objectContaining({ location: at })],
        ]);
      }
    }
  });

  test.each(["[]", '"x"', "null", "5", "", " ", "{", '{"a":1,"a":2}', "{}}"].map((body) => [body]))(
    "refuses the body %j",
    async (text) => {
      if (text === "[]" && schema.type === "array") return;
      if (text === "" && flawsOf(operation, {}).length === 0) return;
      await refused(text, 400);
    },
  );

  test.each([
    ["no Authorization header", {}],
    ["an empty one", { Authorization: "" }],
    ["another scheme", { Authorization: "Basic bGF0Y2hrZXk6a2V5" }],
    ["the scheme alone", { Authorization: "Bearer" }],
    ["no scheme", { Authorization: rootKeySecret(new Uint8Array(24)) }],
    ["two tokens", { Authorization: "Bearer one two" }],
    ["two headers joined by a proxy", { Authorization: "Bearer one, Bearer two" }],
    ["SQL", { Authorization: "Bearer '||1=1--" }],
  ])("is 401 with %s, and says how to authenticate", async (_, headers: Record<string, string>) => {
    const reply = await refused(example, 401, { rootKey: "", headers });
    expect(reply.headers.get("www-authenticate")).toStartWith("Bearer");
  });

  test("is 401 with a root key that is unknown, mistyped, or in the query", async () => {
    const valid = server.rootKey;
    const mistyped = `${valid.slice(0, -1)}${valid.endsWith("1") ? "2" : "1"}`;
    for (const rootKey of [unknownKey(), mistyped, "an_api_key_2cGKbMxRyIzhCxo1Idjz8q"]) {
      const reply = await refused(example, 401, { rootKey });
      expect(reply.headers.get("www-authenticate")).toStartWith("Bearer");
      expect(reply.text).not.toContain(rootKey);
    }
    const inQuery = await fetch(`${server.url}/v2/${operation.name}?rootKey=${valid}&token=${valid}`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(example),
    });
    expect(inQuery.status).toBe(401);
  });

  test("takes the scheme in any case", async () => {
    const headers = { Authorization: `bEARER ${notPermitted}` };
    await refused(example, 403, { rootKey: "", headers });
  });

  test("is 403 if any permission it needs is missing, and names that permission, one for a single resource first, but no id", async () => {
    for (const needed of needsOf(operation)) {
      const others = allPermissions.filter((one) => one !== forAll(needed) && !instead.includes(one));
      const { body } = await refused(example, 403, { rootKey: await server.makeRootKey(others) });
      expect(body.error.type).toEndWith("/unkey/authorization/insufficient_permissions");
      const isOfOne = needed.includes("<id>");
      const named = isOfOne ? `one of these permissions: "${needed}" or` : "permission:";
      expect(body.error.detail).toBe(`Missing ${named} "${forAll(needed)}".`);
      expect(body.error.detail).not.toMatch(/[a-z]+_[0-9A-Za-z]{22}/);
    }
  });

  test("checks the root key and its permission before the body", async () => {
    for (const body of [{ zzz: 1 }, "{", ""]) {
      await refused(body, 401, { rootKey: unknownKey() });
      await refused(body, 403, { rootKey: notPermitted });
    }
    const headers = { "Content-Type": "text/plain", "Idempotency-Key": "ä" };
    await refused("x", 403, { rootKey: notPermitted, headers });
  });

  test("lists at most 100 of 900 unknown fields, each name cut, and says how many more there are", async () => {
    for (const letter of ["z", "\u0001", "\u{1f511}"]) {
      const unknown = Array.from({ length: 900 }, (_, i) => [`${i}${letter.repeat(150)}`, 0]);
      const { body, text } = await refused(Object.fromEntries(unknown), 400);
      const { errors, detail } = body.error;
      if (Array.isArray(example)) continue;
      expect(new TextEncoder().encode(text).byteLength).toBeLessThan(64 * 1024);
      expect(errors.length).toBeLessThanOrEqual(100);
      if (letter === "z") expect(errors).toHaveLength(100);
      const missing = fields.filter(({ isRequired, path }) => isRequired && path.length === 1).length;
      expect(detail).toEndWith(
        `(and at least ${899 + missing} more, of which ${errors.length - 1} are listed).`,
      );
    }
  });

  test.each([
    ["another type", { "Content-Type": "text/plain" }],
    ["a type that only ends in json", { "Content-Type": "application/problem+json" }],
    ["another character set", { "Content-Type": "application/json; charset=utf-16" }],
    ["a content encoding", { "Content-Encoding": "gzip" }],
  ])("is 415 for a body of %s", async (_, headers: Record<string, string>) => {
    await refused(example, 415, { headers });
  });

  test("accepts only POST, and says so", async () => {
    for (const method of ["GET", "PUT", "PATCH", "DELETE", "OPTIONS"]) {
      const reply = await refused(undefined, 405, { method });
      expect(reply.headers.get("allow")).toBe("POST");
    }
  });

  test("names its errors by addresses at which this server has a page", async () => {
    const replies = [
      await refused({ zzz: 1 }, 400),
      await refused(example, 401, { rootKey: unknownKey() }),
      await refused(example, 403, { rootKey: notPermitted }),
      await refused(example, 405, { method: "GET" }),
      await refused("x", 415, { headers: { "Content-Type": "text/plain" } }),
    ];
    for (const { body } of replies) {
      const page = await fetch(body.error.type);
      expect(page.status).toBe(200);
      expect(await page.text()).toContain(body.error.title);
    }
  });

  test("has a row in the catalogue for each error of its own", () => {
    for (const code of operation.errors) expect(catalogue[code]).toBeDefined();
  });
});
