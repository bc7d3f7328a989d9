import type { Operation } from "../operation.ts";
import { commandName, furtherFlags, inputSchema, isTextList, isTime, type Schema } from "./fields.ts";

/** What `-h` prints for an operation: its fields and which of them are required, its other flags, and an example. */
export function operationHelp(operation: Operation): string {
  const schema = inputSchema(operation);
  const { properties = {}, required = [] } = schema;
  const wanted = required.map((name) => ` --${name} <${typeOf(properties[name] ?? {})}>`).join("");
  const optional = Object.keys(properties).length > required.length ? " [--<field> <value> …]" : "";
  const fields = Object.keys(properties).length === 0 ? " --json <body>" : `${wanted}${optional}`;
  return [
    `${commandName(operation)}: ${operation.summary}`,
    `Usage: ${commandName(operation)}${fields}`,
    ...fieldLines(schema, ""),
    ...Object.entries(furtherFlags(operation)).map(([name, usage]) => `  --${name} ${usage}`),
    `Example: ${exampleOf(operation)}`,
  ].join("\n");
}

/** Returns a line for each field, including nested fields. A field of the body itself is shown as a flag. */
function fieldLines(value: Schema, path: string): string[] {
  const inner = value.anyOf?.find(({ type }) => type !== "null") ?? value;
  if (inner.items !== undefined) return fieldLines(inner.items, `${path}[]`);
  return Object.entries(inner.properties ?? {}).flatMap(([name, field]) => {
    const label = path === "" ? `  --${name}` : `      ${path}.${name}`;
    const mark = inner.required?.includes(name) === true ? ", required" : "";
    const type = path === "" ? typeOf(field) : plainTypeOf(field);
    const line = `${label} <${type}${mark}>  ${field.description ?? ""}`;
    return [line, ...fieldLines(field, path === "" ? name : `${path}.${name}`)];
  });
}

/** Returns the type of a field as its flag expects it, such as `time` or `a,b`. */
function typeOf(field: Schema): string {
  const { anyOf } = field;
  const orNull = anyOf?.some(({ type }) => type === "null") === true ? " or null" : "";
  if (isTime(field)) return `time${orNull}`;
  if ((anyOf ?? [field]).some(isTextList)) return `a,b${orNull}`;
  return plainTypeOf(field);
}

function plainTypeOf({ type, enum: values, anyOf }: Schema): string {
  if (anyOf !== undefined) return anyOf.map(plainTypeOf).join(" or ");
  return values === undefined ? (type ?? "json") : values.join(" or ");
}

/** Returns the example of an operation as a command line. */
export function exampleOf(operation: Operation): string {
  const { input } = operation.example;
  if (Array.isArray(input)) return `${commandName(operation)} --json ${quoted(JSON.stringify(input))}`;
  const flags = Object.entries(input as Record<string, unknown>).map(
    ([name, value]) => ` --${name} ${quoted(textOf(value))}`,
  );
  return `${commandName(operation)}${flags.join("")}`;
}

function textOf(value: unknown): string {
  if (typeof value === "string") return value;
  const isTexts = Array.isArray(value) && value.every((one) => typeof one === "string" && !one.includes(","));
  return isTexts && value.length > 0 ? value.join(",") : JSON.stringify(value);
}

/** Quotes a text for a shell, if necessary. */
function quoted(text: string): string {
  return /^[\w./:@-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
