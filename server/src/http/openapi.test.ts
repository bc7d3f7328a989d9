import { beforeAll, expect, test } from "bun:test";
import { type JsonSchema, withoutNull } from "../../test/schemas.ts";
import { testServer } from "../../test/setUp.ts";
import { operations } from "../operations/index.ts";

type Media = Record<string, { schema: JsonSchema }>;
type Operation = {
  security?: unknown[];
  parameters?: { name: string }[];
  responses: Record<string, { description: string; content: Media }>;
};
type Document = { paths: Record<string, { get?: Operation; post?: Operation }> };

const server = testServer();
let document: Document;
beforeAll(async () => {
  document = (await (await fetch(`${server.url}/openapi.json`)).json()) as Document;
});

test("the 409 and 422 of Idempotency-Key are documented on every operation that takes it, and on no other", () => {
  for (const { name } of operations) {
    const post = document.paths[`/v2/${name}`]?.post;
    const takesIt = post?.parameters?.some((parameter) => parameter.name === "Idempotency-Key") === true;
    const says = (status: string, code: string) =>
      post?.responses[status]?.description.includes(`\`${code}\``) === true;
    expect([name, says("409", "idempotency_in_progress"), says("422", "idempotency_key_reused")]).toEqual([
      name,
      takesIt,
      takesIt,
    ]);
  }
});

test("liveness is described the way it is served, without a root key", async () => {
  const liveness = document.paths["/v2/liveness"]?.get;
  expect(liveness?.security).toEqual([]);
  const schema = liveness?.responses["200"]?.content["application/json"]?.schema;
  const served = (await (await fetch(`${server.url}/v2/liveness`)).json()) as Record<string, object>;
  expect(schema?.required).toEqual(Object.keys(served));
  expect(Object.keys(schema?.properties?.["data"]?.properties ?? {})).toEqual(
    Object.keys(served["data"] ?? {}),
  );
});

/** The fields that need no bounds: a table as CSV text, and sentences for people. */
const unbounded = ["csv", "warnings"];

/** The places in a schema where a number, a string or an array has no bounds. */
function withoutBounds(given: JsonSchema, at: string): string[] {
  const schema = withoutNull(given);
  const branches = (given as { oneOf?: JsonSchema[] }).oneOf ?? [];
  const { properties = {}, items } = schema;
  const isClosed = schema.enum !== undefined || "const" in schema;
  const isBounded =
    schema.type === "integer"
      ? schema.minimum !== undefined && schema.maximum !== undefined
      : schema.type !== "string" || schema.maxLength !== undefined;
  return [
    ...(isClosed || isBounded ? [] : [at]),
    ...branches.flatMap((branch) => withoutBounds(branch, at)),
    ...(items === undefined ? [] : withoutBounds(items, `${at}[]`)),
    ...Object.entries(properties)
      .filter(([name]) => !unbounded.includes(name))
      .flatMap(([name, member]) => withoutBounds(member, `${at}.${name}`)),
  ];
}

test("the document has bounds for every whole number and string of a response", () => {
  const found = operations.flatMap(({ name }) => {
    const success = document.paths[`/v2/${name}`]?.post?.responses["200"];
    const data = success?.content["application/json"]?.schema.properties?.["data"];
    return data === undefined ? [] : withoutBounds(data, name);
  });
  expect(found).toEqual([]);
});
