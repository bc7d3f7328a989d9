import { beforeAll, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { newFolder } from "../../test/program.ts";
import { operations } from "../operations/index.ts";
import { UsageError } from "./commandError.ts";
import { completion } from "./completion.ts";
import { inputSchema } from "./fields.ts";

const folder = newFolder();
/** the shells' working directory; it is empty, because the shells also complete the names of files */
const emptyFolder = newFolder();
const scriptOf = (shell: string) => join(folder, shell);
beforeAll(() => {
  for (const shell of Object.keys(shells)) writeFileSync(scriptOf(shell), completion([shell], operations));
});

/** By shell: returns a command that runs this shell and prints its suggestions for the last of the words. */
const shells: Record<string, (words: readonly string[]) => string[]> = {
  bash: (words) => [
    "bash",
    "--norc",
    "-c",
    `source ${scriptOf("bash")}; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _latchkey; printf '%s\n' "\${COMPREPLY[@]}"`,
    "bash",
    ...words,
  ],
  zsh: (words) => [
    "zsh",
    "-f",
    "-c",
    // zsh defines these functions only while it completes a word, so the test defines its own
    `compdef() {}; _files() {}; compadd() { shift; print -l -- "$@" }
    source ${scriptOf("zsh")}; words=("$@"); CURRENT=$#; _latchkey`,
    "zsh",
    ...words,
  ],
  fish: (words) => [
    "fish",
    "--no-config",
    "-c",
    `source ${scriptOf("fish")}; complete --do-complete "${words.join(" ")}"`,
  ],
};

function suggested(shell: string, ...words: string[]): string[] {
  const command = shells[shell]?.(words) ?? [];
  const { stdout, stderr, exitCode } = Bun.spawnSync(command, {
    cwd: emptyFolder,
    env: { ...process.env, HOME: emptyFolder },
  });
  expect([exitCode, stderr.toString()]).toEqual([0, ""]);
  const lines = stdout.toString().trim().split("\n");
  const begun = words.at(-1) ?? "";
  return lines.map((line) => line.split("\t")[0] ?? "").filter((line) => line.startsWith(begun));
}

test.each(Object.keys(shells))("in %s, the Tab key completes groups, commands and flags", (shell) => {
  expect(suggested(shell, "latchkey", "ident")).toEqual(["identities"]);
  expect(suggested(shell, "latchkey", "keys", "verifyK")).toContain("verifyKey");
  expect(suggested(shell, "latchkey", "root-key", "").sort()).toEqual(["create", "list", "revoke"]);
  expect(suggested(shell, "latchkey", "root-key", "create", "--ex")).toEqual(["--expires"]);
  expect(suggested(shell, "latchkey", "keys", "createKey", "--apiId", "a", "--external")).toEqual([
    "--externalId",
  ]);
  expect(suggested(shell, "latchkey", "completion", "").sort()).toEqual(["bash", "fish", "zsh"]);
});

test("the script of every shell has every operation with every field", () => {
  for (const shell of Object.keys(shells)) {
    const script = completion([shell], operations);
    for (const operation of operations) {
      expect(script).toContain(`"${operation.name.replace(".", " ")}"`);
      for (const name of Object.keys(inputSchema(operation).properties ?? {})) {
        expect(script).toContain(`--${name}`);
      }
    }
  }
});

test("an unknown shell is refused", () => {
  for (const words of [[], ["ksh"], ["bash", "zsh"], ["constructor"]]) {
    expect(() => completion(words, operations)).toThrow(UsageError);
  }
});
