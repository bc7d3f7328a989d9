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
  const response = await fetch(`${target.url}/v2/${operation.name}`, {
    method: "POST",
    headers: { Authorization: `Bearer ${rootKeyOf(target)}`, "Content-Type": "application/json" },
    body: JSON.stringify(bodyOf(operation, rest)),
  }).catch(() => {
    throw new CommandError(
      `No server answers at ${target.url}: start one with latchkey serve, or set LATCHKEY_URL.`,
    );
  });
  const answer: unknown = await response.json();
  (response.ok ? console.log : console.error)(JSON.stringify(answer, null, 2));
  return response.ok ? 0 : 1;
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
  return [`latchkey ${operation.name.replace(".", " ")}: ${operation.summary}`, ...fields].join("\n");
}

function bodyOf(operation: Operation, words: readonly string[]): unknown {
  const { properties = {} } = jsonSchema(operation.input, "input") as Schema;
  const body: Record<string, unknown> = {};
  for (let index = 0; index < words.length; index += 2) {
    const flag = words[index] ?? "";
    const value = words[index + 1];
    if (!flag.startsWith("--") || value === undefined) {
      throw new CommandError(`${flag}: flags are --<field> <value>.`);
    }
    const name = flag.slice(2);
    if (name === "json") return json(value, flag);
    const field = properties[name] ?? unknownFlag(operation, name, Object.keys(properties));
    body[name] = field.type === "string" ? value : json(value, flag);
  }
  return body;
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
  if (rootKeyFile !== undefined && existsSync(rootKeyFile)) return readFileSync(rootKeyFile, "utf8").trim();
  throw new CommandError("Which root key? Set LATCHKEY_ROOT_KEY or LATCHKEY_ROOT_KEY_FILE.");
}
