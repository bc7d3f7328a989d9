/** Generates the reference in `docs/`: a page for each operation, and the index of all pages. */
import { exampleOf } from "../server/src/cli/operationHelp.ts";
import { catalogue, type ErrorCode } from "../server/src/errors/catalogue.ts";
import { commonErrors, errorsOf, needs } from "../server/src/http/openapi.ts";
import { jsonSchema } from "../server/src/jsonSchema.ts";
import type { Operation } from "../server/src/operation.ts";
import { isWrite } from "../server/src/run.ts";

type Schema = {
  type?: string;
  const?: unknown;
  enum?: unknown[];
  anyOf?: Schema[];
  oneOf?: Schema[];
  items?: Schema;
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: boolean | Schema;
  description?: string;
};

/** The generated pages, by their paths in the repository. */
export function referencePages(operations: readonly Operation[]): Record<string, string> {
  return {
    "docs/README.md": indexPage(operations),
    ...Object.fromEntries(operations.map((one) => [`docs/reference/${one.name}.md`, operationPage(one)])),
  };
}

function indexPage(operations: readonly Operation[]): string {
  const groups = [...new Set(operations.map(groupOf))].sort();
  const sections = groups.map((group) => {
    const rows = operations
      .filter((one) => groupOf(one) === group)
      .map(({ name, summary }) => `- [${name}](reference/${name}.md): ${summary}.`);
    return `### ${group}\n\n${rows.join("\n")}`;
  });
  return `# Documentation

A running server serves these pages at \`/docs\`.

## Learn

- [Concepts](concepts.md): the words on one page, and what a verification checks.
- [Quickstarts](quickstarts/README.md): Hono, Express, Fastify, Next.js, NestJS, Elysia, Workers, Lambda, Python, FastAPI, Go.
- [The TypeScript client](../sdk/README.md): calls, guards for frameworks, errors, retries.
- [Testing](../testing/README.md) your application against a real server, with a clock that the test moves.
- [Recipes](recipes/README.md): plans, LLM tokens, rotation, a leaked key, proxies and more.
- [Credits and quotas](quotas.md): balances, calendar periods and reservations.
- [Coming from](coming-from.md) Unkey, better-auth or a table of your own.
- [Export and import](moving/export-and-import.md): all records of a workspace as a document.
- [Tables with other hashes](moving/other-hashes.md): keys with bcrypt, argon2, PBKDF2, SHA-512 or HMAC.

## Rely on

- [Guarantees](guarantees.md): what you can rely on, and how it is tested.
- [Compatibility](compatibility.md) with Unkey's API and clients.
- [Errors](errors.md): every error, when it occurs and what to do.
- [Performance](performance.md): what verifications cost as the number of keys, limits and tags grows.
- [Operating](operating/README.md): sizing, scaling, security, backups, upgrades.

## Reference

Every operation is \`POST /v2/<group>.<operation>\` with a JSON body and the header \`Authorization: Bearer <root key>\`. An
error has a status of 400 or more, and says what is wrong and what to do. Each of these operations may return these errors in
addition to its own:

${commonErrors.map(errorLine).join("\n")}

${sections.join("\n\n")}
`;
}

function operationPage(operation: Operation): string {
  const { name, summary, description, input, output, page, example } = operation;
  const fields = fieldLines(jsonSchema(input, "input") as Schema, "");
  const data = output ?? page;
  const ofData =
    data && fieldLines(jsonSchema(data, "output") as Schema, page === undefined ? "data" : "data[]");
  const own = errorsOf(operation).filter((code) => !commonErrors.includes(code));
  const parts = [
    `# ${name}`,
    `${summary}.`,
    description,
    `\`POST /v2/${name}\`. ${needs(operation)}${isWrite(operation) ? ` ${idempotency}` : ""}`,
    "## Request",
    fields.length === 0 ? "The body is an empty object, `{}`." : fields.join("\n"),
    "## Example",
    fence("ts", typescriptExample(operation)),
    fence("console", curlExample(operation)),
    fence("console", `npx ${exampleOf(operation)}`),
    "## Response",
    [...responseLines, ...(ofData ?? []), ...(page === undefined ? [] : pageLines)].join("\n"),
    example.output === undefined
      ? undefined
      : fence("json", literal({ data: example.output }, JSON.stringify)),
    "## Errors",
    [...own.map(errorLine), "- [those of every operation](../README.md#reference)"].join("\n"),
  ];
  return `${parts.filter((part) => part !== undefined).join("\n\n")}\n`;
}

const idempotency =
  "With an `Idempotency-Key` header, a retry within 24 hours returns the first response and changes nothing.";

const responseLines = ["- `meta.requestId` (string): Identifies this request in the server's log."];

const pageLines = [
  "- `pagination.hasMore` (boolean): Whether there is a next page.",
  "- `pagination.cursor` (string, optional): Where the next page begins. Send it as `cursor`, unchanged.",
];

function groupOf({ name }: Operation): string {
  return name.split(".")[0] ?? "";
}

function errorLine(code: ErrorCode): string {
  const { status, when, fix } = catalogue[code];
  return `- ${status} \`${code}\`: ${when} ${fix}`;
}

function fence(language: string, text: string): string {
  return `\`\`\`${language}\n${text}\n\`\`\``;
}

type Field = { path: string; type: string; isRequired: boolean; description: string };

function fieldLines(schema: Schema, path: string): string[] {
  const isInput = path === "";
  return fieldsOf(schema, path).map(({ path, type, isRequired, description }) => {
    const presence = isInput === isRequired ? `, ${isInput ? "required" : "optional"}` : "";
    return `- \`${path}\` (${type}${presence}): ${description}`;
  });
}

/**
 * Every field of a schema, at any depth. If several variants of an object have the same field, the field is listed
 * once.
 */
function fieldsOf(schema: Schema, path: string): Field[] {
  const variants = variantsOf(schema).map((variant) => membersOf(variant, path));
  const isDirect = (field: Field) => !/[.[]/.test(field.path.slice(path === "" ? 0 : path.length + 1));
  return [...Map.groupBy(variants.flat(), (field) => field.path).values()].flatMap((same) => {
    const [first] = same;
    if (first === undefined) return [];
    const isInAll = same.length === variants.length || !isDirect(first);
    return {
      path: first.path,
      type: distinct(same.map(({ type }) => type)).join(" or "),
      isRequired: isInAll && same.every(({ isRequired }) => isRequired),
      description: distinct(same.map(({ description }) => description)).join(" Or: "),
    };
  });
}

function membersOf(schema: Schema, path: string): Field[] {
  const { properties = {}, required = [], items, additionalProperties } = schema;
  return [
    ...Object.entries(properties).flatMap(([name, value]) => {
      const inner = path === "" ? name : `${path}.${name}`;
      const { description = "" } = value;
      const field = { path: inner, type: typeOf(value), isRequired: required.includes(name), description };
      return [field, ...fieldsOf(value, inner)];
    }),
    ...(items === undefined ? [] : fieldsOf(items, `${path}[]`)),
    ...(typeof additionalProperties === "object" ? fieldsOf(additionalProperties, `${path}.*`) : []),
  ];
}

/**
 * The alternatives of a schema (`anyOf` or `oneOf`) except `null`. If the schema has no alternatives, the schema
 * itself.
 */
function variantsOf(schema: Schema): Schema[] {
  const choices = schema.anyOf ?? schema.oneOf;
  return choices === undefined ? [schema] : choices.flatMap(variantsOf).filter(({ type }) => type !== "null");
}

function typeOf({ type, const: only, enum: values, anyOf, oneOf, items }: Schema): string {
  const choices = anyOf ?? oneOf;
  if (choices !== undefined) return distinct(choices.map(typeOf)).join(" or ");
  if (only !== undefined) return `\`${JSON.stringify(only)}\``;
  if (values !== undefined) return values.map((value) => `\`${JSON.stringify(value)}\``).join(" or ");
  if (items !== undefined) return `list of ${typeOf(items)}`;
  return type ?? "any JSON";
}

function distinct(texts: readonly string[]): string[] {
  return [...new Set(texts)];
}

function typescriptExample({ name, output, page, example }: Operation): string {
  const results = ["data", ...(page === undefined ? [] : ["pagination"])];
  const assigned = output === undefined && page === undefined ? "" : `const { ${results.join(", ")} } = `;
  const input = literal(example.input, (member) =>
    /^[a-z_$][\w$]*$/i.test(member) ? member : JSON.stringify(member),
  );
  const given = input === "{}" ? "" : input;
  return `import { Latchkey } from "@latchkey/sdk";

const latchkey = new Latchkey(); // reads LATCHKEY_ROOT_KEY and LATCHKEY_URL
${assigned}await latchkey.${name}(${given});`;
}

function curlExample({ name, example }: Operation): string {
  const body = literal(example.input, JSON.stringify).replaceAll("'", "'\\''");
  return `curl http://127.0.0.1:7070/v2/${name} \\
  -H "Authorization: Bearer $LATCHKEY_ROOT_KEY" -H "Content-Type: application/json" \\
  -d '${body}'`;
}

const longestLine = 60;

/** The value as source code. If it does not fit on one line, each member has its own line. */
function literal(value: unknown, nameOf: (member: string) => string, indent = ""): string {
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const isList = Array.isArray(value);
  const inner = `${indent}  `;
  const members = Object.entries(value).map(
    ([name, member]) => `${isList ? "" : `${nameOf(name)}: `}${literal(member, nameOf, inner)}`,
  );
  const [open, close] = isList ? ["[", "]"] : ["{ ", " }"];
  if (members.length === 0) return isList ? "[]" : "{}";
  const line = `${open}${members.join(", ")}${close}`;
  if (indent.length + line.length <= longestLine && !line.includes("\n")) return line;
  return `${open.trim()}\n${members.map((member) => `${inner}${member}`).join(",\n")}\n${indent}${close.trim()}`;
}
