import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { runProgram } from "../../test/program.ts";
import { jsonSchema } from "../jsonSchema.ts";
import { operations } from "../operations/index.ts";
import { UsageError } from "./commandError.ts";
import { commands, flagsOf } from "./commands.ts";
import { helpFor } from "./help.ts";

setDefaultTimeout(60_000); // each command is a separate process

const help = (words: string) => helpFor(words.split(" "), operations) ?? "";
const bareHelp = helpFor([], operations) ?? "";

test("help lists every command and operation, and needs no valid settings", async () => {
  for (const words of [[], ["help"], ["--help"], ["-h"]]) {
    expect(helpFor(words, operations)).toBe(bareHelp);
  }
  for (const { name } of commands) expect(bareHelp).toContain(`  ${name} `);
  for (const { name } of operations) expect(bareHelp).toContain(`  ${name.replace(".", " ")} `);
  const { code, stdout, stderr } = await runProgram(["help"], { env: { PORT: "nonsense" } });
  expect([code, stdout, stderr]).toEqual([0, `${bareHelp}\n`, ""]);
});

test("a group alone, or with -h, lists its commands and operations", () => {
  for (const words of ["audit", "audit -h", "-h audit", "audit --help", "help audit"]) {
    const text = help(words);
    for (const name of ["audit export", "audit listEvents"]) expect(text).toContain(`  ${name} `);
    expect(text).not.toContain("workspace");
  }
  for (const { name } of operations) {
    expect(help(name.split(".")[0] ?? "")).toContain(`  ${name.replace(".", " ")} `);
  }
});

test("-h and --help explain a command wherever they stand, and run nothing", () => {
  for (const words of [
    "root-key create -h",
    "root-key -h create",
    "help root-key create",
    "root-key create --name x --help --permissions",
  ]) {
    expect(help(words)).toStartWith("latchkey root-key create: ");
  }
  for (const { name } of [...commands, ...operations.map((one) => ({ name: one.name.replace(".", " ") }))]) {
    expect(help(`${name} -h`)).toStartWith(`latchkey ${name}: `);
  }
  expect(help("keys createKey --apiId api_1 -h")).toContain("--apiId <string, required>");
});

test("words that are not a command are refused with a hint, and exit code 2", async () => {
  const refusalOf = (words: string) => {
    try {
      return helpFor(words.split(" "), operations);
    } catch (error) {
      return error instanceof UsageError ? error.message : undefined;
    }
  };
  expect(refusalOf("identity")).toBe("latchkey identity is not a command. See latchkey help.");
  expect(refusalOf("help nothing")).toBe("latchkey nothing is not a command. See latchkey help.");
  const { code, stdout, stderr } = await runProgram(["keys", "verifyKye"]);
  expect([code, stdout, stderr]).toEqual([
    2,
    "",
    "latchkey keys verifyKye is not a command. Did you mean latchkey keys verifyKey?\n",
  ]);
  expect((await runProgram(["workspace", "remove"])).stderr).toBe(
    "latchkey workspace remove is not a command. See latchkey workspace.\n",
  );
});

test("--version prints the version of the package", async () => {
  const { version } = JSON.parse(readFileSync(join(import.meta.dir, "../../package.json"), "utf8"));
  for (const word of ["--version", "version"]) {
    expect(await runProgram([word])).toMatchObject({ code: 0, stdout: `${version}\n`, stderr: "" });
  }
});

test("serve and config read settings from the environment only", async () => {
  for (const words of [
    ["serve", "--port", "80"],
    ["config", "PORT"],
  ]) {
    const { code, stdout, stderr } = await runProgram(words);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toMatch(/^latchkey (serve|config) takes no arguments\. .+\.\n$/);
  }
});

describe("the help of an operation", () => {
  test("has the description of every field at any depth, and marks those that are required", () => {
    for (const { name, input } of operations) {
      const text = help(`${name.replace(".", " ")} -h`);
      const missing = descriptionsIn(jsonSchema(input, "input")).filter((one) => !text.includes(one));
      expect([name, missing]).toEqual([name, []]);
    }
    const update = help("keys updateKey -h");
    expect(update).toMatch(/^ {2}--keyId <string, required> {2}The key's id.* 3 to 255 characters\.$/m);
    expect(update).toMatch(/^ {2}--expires <time or null> {2}.*Unix time in milliseconds/m);
    expect(update).toMatch(/^ {2}--permissions <a,b> {2}/m);
    expect(update).toMatch(/^ {6}credits\.refill\.interval <.*, required> {2}How often/m);
    expect(help("ratelimit multiLimit -h")).toMatch(/^ {6}\[\]\.cost <integer> {2}.*Default: 1\.$/m);
  });

  test("shows how to write the required fields, and an example", () => {
    expect(help("keys verifyKey -h")).toMatch(
      /^Usage: latchkey keys verifyKey --key <string> \[--<field> <value> …\]$/m,
    );
    for (const { name } of operations) {
      const command = `latchkey ${name.replace(".", " ")}`;
      expect(help(`${name.replace(".", " ")} -h`)).toMatch(new RegExp(`^Example: ${command}.*$`, "m"));
    }
    expect(help("identities createIdentity -h")).toMatch(/^Example: .* --meta '\{"plan":"pro"\}'/m);
  });
});

test("the details of a command describe every flag of its usage", () => {
  for (const command of commands) {
    const used = command.usage.match(/--[a-z-]+/g) ?? [];
    expect([command.name, flagsOf(command).sort()]).toEqual([command.name, used.sort()]);
  }
});

/** The descriptions of all fields of a schema. */
function descriptionsIn(schema: unknown): string[] {
  if (typeof schema !== "object" || schema === null) return [];
  const { properties = {} } = schema as { properties?: Record<string, { description?: string }> };
  const own = Object.values(properties).map(({ description = "a description" }) => description);
  return [...own, ...Object.values(schema).flatMap(descriptionsIn)];
}
