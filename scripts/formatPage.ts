import { type JsonSchema, jsonSchema } from "../server/src/jsonSchema.ts";
import { end, formatVersion, header, maxLineBytes, recordSchemas } from "../server/src/moving/format.ts";
import { excludedColumns, excludedTables } from "../server/src/moving/tables.ts";

type Field = JsonSchema & {
  description?: string;
  type?: string;
  enum?: string[];
  const?: string;
  anyOf?: Field[];
  items?: Field;
  properties?: Record<string, Field>;
};

/** Generates `docs/moving/format.md`: the format of exported documents, from its schemas. */
export function formatPage(): string {
  const records = Object.entries(recordSchemas).map(
    ([type, schema]) => `### \`${type}\`\n\n${fieldsOf(schema)}`,
  );
  const tables = Object.entries(excludedTables).map(([name, why]) => `| \`${name}\` | ${why} |`);
  const columns = Object.entries(excludedColumns).flatMap(([table, all]) =>
    Object.entries(all).map(
      ([name, why]) => `| \`${name}\` of ${table === "*" ? "every table" : `\`${table}\``} | ${why} |`,
    ),
  );
  return `# The document format

Generated from \`server/src/moving/format.ts\` by \`npm run generate\`. \`latchkey export\` writes documents of this format, and
\`latchkey import\` reads them.

A document is text in UTF-8 with one JSON object in each line ([JSON Lines](https://jsonlines.org)). It contains all records of one
workspace. It has the hashes of keys, not the keys themselves, so nobody can use it to pass a verification. It is still
confidential: it has metadata, external ids and, in \`sealed\`, keys that can be read with the recovery key.

\`\`\`json
{"format":"latchkey","version":${formatVersion},"createdAtMs":1767225600000,"workspace":{"id":"ws_0Ck3vDbnXhq2Tn6Yp1Zs4a","name":"default","timeZone":"UTC"},"recoveryKey":null}
{"type":"api","id":"api_0Ck3vDbnXhq2Tn6Yp1Zs4a","name":"payments","createdAtMs":1767225600000}
{"type":"identity","id":"id_0Ck3vDbnXhq2Tn6Yp1Zs4a","externalId":"user_123","createdAtMs":1767225600000}
{"type":"key","id":"key_0Ck3vDbnXhq2Tn6Yp1Zs4a","apiId":"api_0Ck3vDbnXhq2Tn6Yp1Zs4a","identityId":"id_0Ck3vDbnXhq2Tn6Yp1Zs4a","hash":"LPJNul-wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ","createdAtMs":1767225600000}
{"type":"end","records":3}
\`\`\`

- The first line is the header, and the last one has the type \`end\` with the number of records between them.
- The records are sorted by type, in the order of the types below, and then by id, byte by byte. So every reference is to an
  earlier line, and no record occurs twice.
- Times are Unix milliseconds. An omitted field has its default. \`null\` means the same as omitted.
- A line has at most ${maxLineBytes} bytes.

## The header

${fieldsOf(header)}

## The records

Every record has a \`type\`, and the fields of that type.

${records.join("\n\n")}

### \`end\`

${fieldsOf(end)}

## Not in a document

| table or column | why |
|---|---|
${[...tables, ...columns].join("\n")}
`;
}

function fieldsOf(schema: Parameters<typeof jsonSchema>[0]): string {
  const rows = rowsOf(jsonSchema(schema, "input") as Field);
  return ["| field | type | required | meaning |", "|---|---|---|---|", ...rows].join("\n");
}

/** The table's rows. The fields of an object have rows of their own after the row of the object, as `object.field`. */
function rowsOf(schema: Field, path = ""): string[] {
  const required = (schema["required"] ?? []) as string[];
  return Object.entries(schema.properties ?? {}).flatMap(([name, field]) => {
    const inner = innerOf(field);
    const needed = required.includes(name) ? "yes" : "";
    const row = `| \`${path}${name}\` | ${typeOf(field)} | ${needed} | ${field.description ?? ""} |`;
    return [
      row,
      ...(inner === undefined ? [] : rowsOf(inner, `${path}${name}${isList(field) ? "[]" : ""}.`)),
    ];
  });
}

const optionsOf = (field: Field): Field[] => (field.anyOf ?? [field]).filter(({ type }) => type !== "null");

function isList(field: Field): boolean {
  return optionsOf(field).some(({ type }) => type === "array");
}

/** The object schema of a field, or of the items of a list; undefined if it is not an object. */
function innerOf(field: Field): Field | undefined {
  const options = optionsOf(field).flatMap((one) => optionsOf(one.items ?? one));
  return options.find(({ properties }) => properties !== undefined);
}

function typeOf(field: Field): string {
  const names = optionsOf(field).map((one) => {
    if (one.enum !== undefined) return one.enum.map((value) => `\`${value}\``).join(", ");
    if (one.const !== undefined) return `\`${one.const}\``;
    if (one.type === "array") return `list of ${one.items === undefined ? "values" : typeOf(one.items)}`;
    return one.anyOf === undefined ? (one.type ?? "any") : typeOf(one);
  });
  return names.join(" or ");
}
