import { existsSync, readFileSync } from "node:fs";
import { jsonSchema } from "../jsonSchema.ts";
import type { Operation } from "../operation.ts";
import { closest } from "../parse.ts";
import { CommandError } from "./manage.ts";

type Target = {
  /** the server to call */
  url: string;
  rootKey: string | undefined;
  /** where a server of this folder may have put its first root key */
  rootKeyFile: string | undefined;
};

type Schema = { properties?: Record<string, { type?: string; description?: string }> };

/**
 * Calls `<group> <operation> --field value …` on a running server and prints its answer. The flags are the fields
 * of the operation's input; text is taken as it is, everything else as JSON; `--json` gives the whole body.
 * Answers the exit code. Errors: `CommandError`.
 */
export async function callOperation(
  operations: readonly Operation[],
  words: string[],
  target: Target,
): Promise<number> {
  const [group = "", verb = "", ...rest] = words;
  const operation = operations.find(({ name }) => name === `${group}.${verb}`);
  if (operation === undefined) throw unknownCommand(operations, `${group}.${verb}`);
  if (rest.includes("--help")) {
    console.log(usage(operation));
    return 0;
  }
  const { ok, answer } = await post(target, operation.name, bodyOf(operation, rest));
  (ok ? console.log : console.error)(JSON.stringify(answer, null, 2));
  return ok ? 0 : 1;
}

async function post(target: Target, name: string, body: unknown): Promise<{ ok: boolean; answer: unknown }> {
  const url = target.url.replace(/\/+$/, "");
  const request = {
    method: "POST",
    headers: { Authorization: `Bearer ${rootKeyOf(target)}`, "Content-Type": "application/json" },
    body: JSON.stringify(body),
  };
  const response = await fetch(`${url}/v2/${name}`, request).catch(() => {
    throw new CommandError(
      `No server answers at ${url}: start one with latchkey serve, or set LATCHKEY_URL.`,
    );
  });
  const answer = await response.json().catch(() => {
    throw new CommandError(
      `What answers at ${url} is no Latchkey server (${response.status}): set LATCHKEY_URL.`,
    );
  });
  return { ok: response.ok, answer };
}

function unknownCommand(operations: readonly Operation[], name: string): CommandError {
  const names = operations.map((operation) => operation.name);
  const near = closest(name, names);
  const hint = near === undefined ? "see latchkey help" : `did you mean latchkey ${near.replace(".", " ")}?`;
  return new CommandError(`latchkey ${name.replace(".", " ")} is no command: ${hint}`);
}

function usage(operation: Operation): string {
  const { properties = {} } = jsonSchema(operation.input, "input") as Schema;
  const fields = Object.entries(properties).map(
    ([name, { type, description }]) => `  --${name} <${type ?? "json"}>  ${description ?? ""}`,
  );
  const whole = "  --json <json>  The whole body, instead of its fields.";
  return [`latchkey ${operation.name.replace(".", " ")}: ${operation.summary}`, ...fields, whole].join("\n");
}

function bodyOf(operation: Operation, words: readonly string[]): unknown {
  const given = pairsOf(operation, words);
  const whole = given.get("json");
  if (whole !== undefined && given.size > 1) {
    throw new CommandError("--json is the whole body: give it alone.");
  }
  if (whole !== undefined) return json(whole, "--json");
  const { properties = {} } = jsonSchema(operation.input, "input") as Schema;
  const fields = new Map(Object.entries(properties));
  const body: Record<string, unknown> = {};
  for (const [name, value] of given) {
    const field = fields.get(name) ?? unknownFlag(operation, name, [...fields.keys()]);
    body[name] = field.type === "string" ? value : json(value, `--${name}`);
  }
  return body;
}

/** Flags with their values. Errors: `CommandError` for what is neither, and for a flag that comes twice. */
function pairsOf(operation: Operation, words: readonly string[]): Map<string, string> {
  const pairs = new Map<string, string>();
  for (let index = 0; index < words.length; index += 2) {
    const flag = words[index] ?? "";
    const value = words[index + 1];
    if (!flag.startsWith("--") || value === undefined) {
      throw new CommandError(
        `${flag} is no --<field> with a <value>; see latchkey ${operation.name.replace(".", " ")} --help.`,
      );
    }
    if (pairs.has(flag.slice(2))) throw new CommandError(`${flag} is there twice.`);
    pairs.set(flag.slice(2), value);
  }
  return pairs;
}

function unknownFlag(operation: Operation, name: string, known: readonly string[]): never {
  const near = closest(name, known);
  const hint = near === undefined ? "." : `: did you mean --${near}?`;
  throw new CommandError(`--${name} is no field of ${operation.name}${hint}`);
}

function json(text: string, flag: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new CommandError(`${flag} takes JSON, and ${JSON.stringify(text)} is none.`);
  }
}

function rootKeyOf({ rootKey, rootKeyFile }: Target): string {
  if (rootKey !== undefined) return rootKey;
  if (rootKeyFile !== undefined && existsSync(rootKeyFile)) return readKey(rootKeyFile);
  throw new CommandError("Which root key? Set LATCHKEY_ROOT_KEY or LATCHKEY_ROOT_KEY_FILE.");
}

function readKey(file: string): string {
  try {
    return readFileSync(file, "utf8").trim();
  } catch (error) {
    const { code } = error as { code?: string };
    throw new CommandError(`The root key in ${file} cannot be read (${code}): set LATCHKEY_ROOT_KEY.`);
  }
}
