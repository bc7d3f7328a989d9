import { existsSync, readFileSync } from "node:fs";
import type { Operation } from "../operation.ts";
import { CommandError, exitCodes, UsageError } from "./commandError.ts";
import { bodyOf, type Flags, readFlags, readSource } from "./fields.ts";
import { printRows, printsRows } from "./lists.ts";

/** The server to call, and how to call it. */
export type Target = {
  url: string;
  rootKey: string | undefined;
  /** a file next to the database; the first start of a server may have written the root key to it */
  rootKeyFile: string | undefined;
  /** the maximum duration of a call; operations that work in several transactions get ten times as long */
  withinMs: number;
  nowMs(): number;
  /** the width of the terminal in characters; undefined: the output does not go to a terminal */
  terminalWidth: number | undefined;
};

/**
 * `latchkey <group> <operation> --field value …`: calls an operation on a running server and prints the response. The
 * flags are the fields of the operation's input. `textOf` turns the response's data into the text to print; without it,
 * the response is printed as JSON or, for a list, as a table. Returns the exit code. Errors: `CommandError`.
 */
export async function callOperation(
  operation: Operation,
  words: readonly string[],
  target: Target,
  textOf?: (data: unknown) => string,
): Promise<number> {
  const flags = readFlags(operation, words);
  if (flags.further.json === "-" && flags.further["root-key-file"] === "-") {
    throw new UsageError("--json and --root-key-file cannot both read stdin.");
  }
  const body = bodyOf(operation, flags, target.nowMs());
  const rootKey = rootKeyOf(target, flags);
  const { terminalWidth } = target;
  if (textOf === undefined && printsRows({ operation, flags, terminalWidth })) {
    const ask = (more: object) => post(operation, { ...(body as object), ...more }, rootKey, target);
    return printRows({ operation, flags, terminalWidth, ask });
  }
  const { ok, reply } = await post(operation, body, rootKey, target);
  const text = ok && textOf !== undefined ? textOf(reply.data) : JSON.stringify(reply, null, 2);
  (ok ? console.log : console.error)(text);
  if (!ok) return exitCodes.error;
  return isDenied(operation, reply) ? exitCodes.denied : exitCodes.ok;
}

type Reply = { data?: Record<string, unknown>; pagination?: { cursor?: string } };

/** Whether the operation decides on a user's key, reservation or request, and has refused it. */
function isDenied({ decides }: Operation, { data = {} }: Reply): boolean {
  if (decides !== true) return false;
  return ["valid", "granted", "success", "passed"].some((member) => data[member] === false);
}

async function post(
  { name, commitsInParts }: Operation,
  body: unknown,
  rootKey: string,
  { url, withinMs }: Target,
): Promise<{ ok: boolean; reply: Reply }> {
  const limitMs = commitsInParts === true ? withinMs * 10 : withinMs;
  const request = {
    method: "POST",
    headers: { Authorization: `Bearer ${rootKey}`, "Content-Type": "application/json" },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(limitMs),
  };
  try {
    const response = await fetch(`${url}/v2/${name}`, request);
    const text = await response.text();
    return { ok: response.ok, reply: parseReply(text, url, response.status) };
  } catch (error) {
    if (error instanceof CommandError) throw error;
    throw new CommandError(
      (error as Error).name === "TimeoutError"
        ? `The server at ${url} did not respond within ${limitMs / 1000} s. The server may still complete the call.`
        : `No server responds at ${url}. Start one with latchkey serve, or set LATCHKEY_URL.`,
    );
  }
}

function parseReply(text: string, url: string, status: number): Reply {
  try {
    return JSON.parse(text);
  } catch {
    throw new CommandError(
      `The response from ${url} is not from a Latchkey server (status ${status}). Check LATCHKEY_URL and any proxy in front of the server.`,
    );
  }
}

function rootKeyOf({ rootKey, rootKeyFile }: Target, { further }: Flags): string {
  const given = further["root-key-file"];
  if (given !== undefined) {
    const place = `--root-key-file: ${given === "-" ? "stdin" : given}`;
    return checked(readSource(given === "-" ? 0 : given, "--root-key-file"), place);
  }
  if (rootKey !== undefined) return rootKey;
  if (rootKeyFile !== undefined && existsSync(rootKeyFile)) return readKey(rootKeyFile);
  throw new CommandError(
    "The root key is missing. Set LATCHKEY_ROOT_KEY or LATCHKEY_ROOT_KEY_FILE, or use --root-key-file.",
  );
}

/** Errors: `CommandError` if the content of `place` cannot be a root key, which `fetch` would not send. */
function checked(content: string, place: string): string {
  const rootKey = content.trim();
  if (/^[!-~]+$/.test(rootKey)) return rootKey;
  throw new CommandError(`${place} does not contain a root key. Write only the root key to it.`);
}

function readKey(file: string): string {
  let content: string;
  try {
    content = readFileSync(file, "utf8");
  } catch (error) {
    const { code } = error as { code?: string };
    throw new CommandError(`The root key in ${file} cannot be read (${code}). Set LATCHKEY_ROOT_KEY.`);
  }
  return checked(content, file);
}
