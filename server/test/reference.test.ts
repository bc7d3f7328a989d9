import { describe, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Latchkey } from "../../sdk/src/index.ts";
import { bodyOf, readFlags } from "../src/cli/fields.ts";
import { catalogue } from "../src/errors/catalogue.ts";
import { errorsOf } from "../src/http/openapi.ts";
import { jsonSchema } from "../src/jsonSchema.ts";
import type { Operation } from "../src/operation.ts";
import { operations } from "../src/operations/index.ts";
import { testServer } from "./setUp.ts";
import { exampleIn, makeWorld, type World } from "./world.ts";

type Schema = {
  description?: string;
  properties?: Record<string, Schema>;
  items?: Schema;
  anyOf?: Schema[];
  oneOf?: Schema[];
};

const docs = join(import.meta.dir, "../../docs");
const index = readFileSync(join(docs, "README.md"), "utf8");
const pageOf = ({ name }: Operation) => readFileSync(join(docs, `reference/${name}.md`), "utf8");

/** Returns every named field within a schema, at any depth, with its path as the page shows it. */
function fieldsWithin(schema: Schema, path: string): { path: string; description: string }[] {
  const { properties = {}, items, anyOf = [], oneOf = [] } = schema;
  return [
    ...Object.entries(properties).flatMap(([name, member]) => {
      const inner = path === "" ? name : `${path}.${name}`;
      return [{ path: inner, description: member.description ?? "?" }, ...fieldsWithin(member, inner)];
    }),
    ...(items === undefined ? [] : fieldsWithin(items, `${path}[]`)),
    ...[...anyOf, ...oneOf].flatMap((choice) => fieldsWithin(choice, path)),
  ];
}

describe.each(operations)("the reference of $name", (operation) => {
  const page = pageOf(operation);

  test("has every field of the request and the response with its description", () => {
    const { input, output, page: item } = operation;
    const fields = [
      ...fieldsWithin(jsonSchema(input, "input") as Schema, ""),
      ...fieldsWithin(output === undefined ? {} : (jsonSchema(output, "output") as Schema), "data"),
      ...fieldsWithin(item === undefined ? {} : (jsonSchema(item, "output") as Schema), "data[]"),
    ];
    const lines = page.split("\n");
    const missing = fields.filter(
      ({ path, description }) =>
        !lines.some((line) => line.startsWith(`- \`${path}\` (`) && line.includes(description)),
    );
    expect(missing).toEqual([]);
  });

  test("names its permissions and its errors", () => {
    const { permission, orPermission = permission, alsoNeeds = [] } = operation;
    for (const one of [permission, orPermission, ...alsoNeeds]) {
      expect(page).toContain(`\`${one.replace("<id>", "*")}\``);
    }
    for (const code of errorsOf(operation)) {
      expect(`${page}${index}`).toContain(`- ${catalogue[code].status} \`${code}\`: ${catalogue[code].when}`);
    }
  });
});

type Examples = { operation: Operation; typescript: string; curl: string; command: string };

/** The examples on the pages of the operations that this server offers. */
const examples: Examples[] = operations
  .filter(({ output, example }) => output === undefined || example.output !== undefined)
  .map((operation) => {
    const fences = [...pageOf(operation).matchAll(/^```(?:ts|console)\n([\s\S]*?)^```$/gm)];
    const [typescript = "", curl = "", command = ""] = fences.map(([, code]) => code);
    return { operation, typescript, curl, command };
  });

describe("the examples of the reference", () => {
  const server = testServer();
  /** Creates the records for an example. Each example needs new ones, since it may delete them. */
  const newWorld = async (operation: Operation) => {
    const workspaceId = await server.makeWorkspace();
    const rootKey = await server.makeRootKey(["*", "server.*.read_status"], { workspaceId });
    return makeWorld(server, operation.name, { workspaceId, rootKey });
  };

  test("run in TypeScript and with curl, with the ids of existing records", async () => {
    const script: string[] = [];
    for (const { operation, typescript, curl } of examples) {
      const [world, other] = await Promise.all([newWorld(operation), newWorld(operation)]);
      const latchkey = new Latchkey({ rootKey: world.rootKey, serverURL: server.url });
      const file = join(server.folder, `${operation.name}.mjs`);
      const code = actual(operation, world, typescript).replace(/^import .*$|^const latchkey = .*$/gm, "");
      writeFileSync(file, `export const run = async (latchkey) => {${code}};`);
      const { run } = (await import(file)) as { run(latchkey: Latchkey): Promise<void> };
      await run(latchkey);
      script.push(
        `export LATCHKEY_ROOT_KEY=${other.rootKey}`,
        actual(operation, other, curl).replace(
          "curl http://127.0.0.1:7070",
          `curl -s -w '\\n%{http_code} ${operation.name}\\n' ${server.url}`,
        ),
      );
    }
    const printed = await shell(script.join("\n"));
    const failed = printed.filter((line) => /^[345]\d\d /.test(line));
    expect(failed).toEqual([]);
    expect(printed.filter((line) => line.startsWith("200 "))).toHaveLength(examples.length);
  }, 120_000);

  test("send the same body when they are run as commands", async () => {
    const words = await shell(
      `npx() { printf '%s\\x1f' "$@"; echo; }\n${examples.map(({ command }) => command).join("\n")}`,
    );
    for (const [at, { operation }] of examples.entries()) {
      const [program, group, name, ...flags] = words[at]?.split("\x1f").slice(0, -1) ?? [];
      expect([program, `${group}.${name}`]).toEqual(["latchkey", operation.name]);
      expect(bodyOf(operation, readFlags(operation, flags), 0)).toEqual(operation.example.input);
    }
  });
});

/** Replaces the ids in an example's code by those of records in `world`. */
function actual(operation: Operation, world: World, code: string): string {
  const pairs = textsOf(operation.example.input).map((text, at) => [
    text,
    textsOf(exampleIn(operation, world))[at] ?? "",
  ]);
  return pairs.reduce((text, [from = "", to = ""]) => text.replaceAll(`"${from}"`, `"${to}"`), code);
}

function textsOf(value: unknown): string[] {
  if (typeof value === "string") return [value];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(textsOf) : [];
}

/** Runs a script, and returns the lines that it prints. */
async function shell(script: string): Promise<string[]> {
  const run = Bun.spawn(["bash", "-eu", "-c", script], { stdout: "pipe", stderr: "inherit" });
  const text = await run.stdout.text();
  expect(await run.exited).toBe(0);
  return text.trimEnd().split("\n");
}
