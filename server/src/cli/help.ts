import { closest } from "../domain/closest.ts";
import type { Operation } from "../operation.ts";
import { version } from "../version.ts";
import { UsageError } from "./commandError.ts";
import { type Command, commands } from "./commands.ts";
import { operationHelp } from "./operationHelp.ts";

/**
 * Returns the text to print if the words ask for help or for the version, or only name a group. Returns `undefined`
 * for other words. Errors: `UsageError` if the words ask for help on a command that does not exist.
 */
export function helpFor(words: readonly string[], operations: readonly Operation[]): string | undefined {
  const topic = words.filter((word) => !isHelpFlag(word));
  const isAsked = topic.length < words.length || topic.length === 0 || topic[0] === "help";
  if (topic[0] === "help") topic.shift();
  const [command, ...rest] = topic;
  if (command === undefined) return help(operations);
  if (command === "--version" || command === "version") return version;
  const isComplete = rest.length > 0 || commands.some(({ name }) => name === command);
  if (isComplete && !isAsked) return undefined;
  const operation = operationOf(topic, operations);
  const text = operation === undefined ? helpOn(topic, operations) : operationHelp(operation);
  if (text === undefined) throw unknownCommand(topic, operations);
  return text;
}

function isHelpFlag(word: string): boolean {
  return word === "--help" || word === "-h";
}

export function operationOf([group, verb]: readonly string[], operations: readonly Operation[]) {
  return operations.find(({ name }) => name === `${group}.${verb}`);
}

function help(operations: readonly Operation[]): string {
  return `Usage: latchkey <command>

${commands.map(commandLine).join("\n")}
  <group> <operation>                 call a running server

Operations:
${operations.map(operationLine).join("\n")}

latchkey <group> lists a group, and latchkey <command> -h explains a command. Operations are sent to LATCHKEY_URL, with
the root key in LATCHKEY_ROOT_KEY or LATCHKEY_ROOT_KEY_FILE. Exit codes: 0 success, 1 error, 2 wrong usage, 3 denied.`;
}

/** Returns the help of a command or of a group, or `undefined` if the words name neither. */
function helpOn([group = "", verb = ""]: readonly string[], operations: readonly Operation[]) {
  const find = (wanted: string) => commands.find(({ name }) => name === wanted);
  const command = find(`${group} ${verb}`) ?? find(group);
  return command === undefined ? groupHelp(group, operations) : commandHelp(command);
}

function groupHelp(group: string, operations: readonly Operation[]): string | undefined {
  const lines = [
    ...commands.filter(({ name }) => name.startsWith(`${group} `)).map(commandLine),
    ...operations.filter(({ name }) => name.startsWith(`${group}.`)).map(operationLine),
  ];
  if (lines.length === 0) return undefined;
  return `Usage: latchkey ${group} <command>\n\n${lines.join("\n")}`;
}

function commandHelp({ name, usage, summary, details = [], example }: Command): string {
  return [
    `latchkey ${name}: ${summary}`,
    `Usage: latchkey ${name}${usage === "" ? "" : ` ${usage}`}`,
    ...details.map((line) => `  ${line}`),
    ...(example === undefined ? [] : [`Example: latchkey ${name} ${example}`]),
  ].join("\n");
}

const column = 36;

function commandLine({ name, summary }: Command): string {
  return `  ${name.padEnd(column)}${summary}`;
}

function operationLine({ name, summary }: Operation): string {
  return `  ${name.replace(".", " ").padEnd(column)}${summary}`;
}

/** Returns the error for words that are not a command. Its message suggests the command that was probably meant. */
export function unknownCommand(words: readonly string[], operations: readonly Operation[]): UsageError {
  const [group = "", verb = ""] = words;
  const known = [
    ...operations.map(({ name }) => name.replace(".", " ")),
    ...commands.map(({ name }) => name),
  ];
  const typed = `${group} ${verb}`.trim();
  const near = closest(typed, known) ?? closest(group, known);
  const inGroup = known.some((name) => name.startsWith(`${group} `));
  const hint =
    near === undefined ? `See latchkey ${inGroup ? group : "help"}.` : `Did you mean latchkey ${near}?`;
  return new UsageError(`latchkey ${typed} is not a command. ${hint}`);
}
