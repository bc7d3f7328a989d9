import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { cpSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Document, sdkTable, sdkTypes } from "../../scripts/generateSdk.ts";
import { bin, run } from "./packed.ts";
import { type Reaction, startStub, success } from "./stub.ts";

const document = (await Bun.file(new URL("../../openapi.json", import.meta.url)).json()) as Document;

const thing = {
  type: "object",
  properties: {
    id: { type: "string" },
    colour: { type: "string", enum: ["red", "blue"] },
    parts: { type: "array", items: { anyOf: [{ type: "integer" }, { type: "null" }] } },
    meta: { type: "object", additionalProperties: true },
  },
  required: ["id", "colour"],
};

function operation(
  operationId: string,
  schema: object,
  responseFields: object,
  more: object = {},
): Document["paths"] {
  const content = (of: object) => ({ "application/json": { schema: of } });
  const post = {
    operationId,
    summary: operationId,
    description: "Ends nothing: */",
    requestBody: { content: content(schema) },
    responses: { "200": { content: content({ type: "object", properties: responseFields }) } },
    ...more,
  };
  return { [`/v2/${operationId}`]: { post } };
}

const ref = { type: "object", properties: { thing: { type: "string" } }, required: ["thing"] };
const secret = {
  type: "object",
  properties: { code: { type: "string", format: "password" } },
  required: ["code"],
};
const extended: Document = {
  ...document,
  paths: {
    ...document.paths,
    ...operation("things.getThing", ref, { meta: {}, data: thing }),
    ...operation(
      "things.listThings",
      { type: "object", properties: {} },
      { meta: {}, data: { type: "array", items: thing }, pagination: {} },
    ),
    ...operation(
      "things.paintThing",
      ref,
      { meta: {} },
      { parameters: [{ name: "Idempotency-Key", in: "header" }] },
    ),
    ...operation(
      "things.weighThing",
      secret,
      { meta: {}, data: { type: "object", properties: {} } },
      { "x-latchkey-counts": true },
    ),
  },
};

let folder: string;
beforeAll(() => {
  const sdk = join(import.meta.dir, "..");
  folder = mkdtempSync(join(tmpdir(), "latchkey-generate-"));
  cpSync(join(sdk, "src"), join(folder, "src"), { recursive: true });
  cpSync(join(sdk, "tsconfig.json"), join(folder, "tsconfig.json"));
  writeFileSync(join(folder, "package.json"), '{"type":"module"}');
  for (const guarded of ["hono", "express", "fastify", "koa", "elysia", "nest"]) {
    rmSync(join(folder, `src/${guarded}.ts`));
  }
  symlinkSync(join(sdk, "../node_modules"), join(folder, "node_modules"));
  writeFileSync(join(folder, "src/operations.gen.ts"), sdkTypes(extended));
  writeFileSync(join(folder, "src/table.gen.ts"), sdkTable(extended));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("an operation that is new in the server", () => {
  test("has types in the client without a handwritten line", async () => {
    writeFileSync(
      join(folder, "src/use.ts"),
      `import { Latchkey, type Page, type Thing } from "./index.ts";
const latchkey = new Latchkey<{ key: { size: number } }>();
const { data } = await latchkey.things.getThing({ thing: "one" });
data.colour satisfies "red" | "blue";
data.parts satisfies Array<number | null> | undefined;
data.meta?.size satisfies number | undefined;
for await (const one of latchkey.things.listThings()) one satisfies Thing<{ key: { size: number } }>;
(await latchkey.things.listThings<object>().then((page) => page.next())) satisfies Page<Thing> | null;
// @ts-expect-error paintThing returns no data
(await latchkey.things.paintThing({ thing: "one" })).data;
// @ts-expect-error the thing is missing
await latchkey.things.getThing({});
await latchkey.things.weighThing({ code: "secret_word" });
`,
    );
    await run(folder, bin("tsc"), "-p", ".");
  }, 60_000);

  test("can be called as openapi.json describes it", async () => {
    const data = { id: "one", colour: "red" };
    const reactions: Record<string, (index: number) => Reaction> = {
      weighThing: () => ({ status: 502, body: "secret_word" }),
      paintThing: (index) => (index % 2 === 1 ? "close" : { body: { meta: { requestId: "req_1" } } }),
      listThings: () => success([data], { pagination: { hasMore: false } }),
      getThing: (index) => success(index === 0 ? data : { id: "one" }),
    };
    const stub = await startStub(
      ({ path }, index) => reactions[path.split(".").at(-1) ?? ""]?.(index) ?? "close",
    );
    const { Latchkey } = await import(join(folder, "src/index.ts"));
    const { things } = new Latchkey({
      rootKey: "root_key",
      serverURL: stub.url,
      retries: { strategy: "backoff", backoff: { initialInterval: 1 } },
    });
    expect((await things.getThing({ thing: "one" })).data.colour).toBe("red");
    expect(await things.paintThing({ thing: "one" })).toEqual({ meta: { requestId: "req_1" } });
    expect(new Set(stub.seen.slice(1).map(({ headers }) => headers["idempotency-key"])).size).toBe(1);
    expect((await things.listThings()).data).toHaveLength(1);
    const wrong: Error = await things.getThing({ thing: "one" }).catch((error: Error) => error);
    expect(wrong.name).toBe("ResponseFormatError");
    const before = stub.seen.length;
    const counted: Error & { text: string } = await things
      .weighThing({ code: "secret_word" })
      .catch((error: Error) => error);
    expect(counted.text).toBe("[hidden]");
    expect(stub.seen.length - before).toBe(1);
    await stub.stop();
  });
});

test("an unknown schema stops the generator", () => {
  const strange = operation("things.getThing", { type: "tuple" }, { meta: {} });
  expect(() => sdkTypes({ ...document, paths: strange })).toThrow(/has no type for the schema/);
});

test("the types of two operations with the same verb differ in the name of their group", () => {
  const data = { meta: {}, data: { type: "object", properties: { id: { type: "string" } } } };
  const paths = { ...operation("things.count", ref, data), ...operation("parts.count", ref, data) };
  const types = sdkTypes({ ...document, paths });
  expect(types).toContain("export type ThingsCountInput =");
  expect(types).toContain("export type PartsCountData =");
});

test("the types show a description for every field", () => {
  const types = sdkTypes(document);
  const undescribed = types
    .split("\n")
    .filter((line, index, lines) => /^ +\w+\??: /.test(line) && lines[index - 1]?.endsWith("*/") !== true)
    .filter((line) => !/^ +\w+: \w+Operations(<M>)?;$/.test(line));
  expect(undescribed).toEqual([]);
  expect(types).toMatch(/\/\*\* .*Unix time in milliseconds.*\*\/\n +expires\?: number/);
  expect(types).toMatch(/\/\*\* .*Default: 100\..* \*\/\n +limit\?: number/);
});
