import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

/** Runs each gate on a copy of the tree with planted violations, which shows that the gate can fail. */

const root = join(import.meta.dir, "../..");
const folders: string[] = [];
const emptied = /(^|\/)(node_modules|\.git|reports|dist|\.venvs)$|^\/(server\/)?data$|\.(test|browser)\.ts$/;

function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "latchkey-gates-"));
  chmodSync(folder, 0o755);
  folders.push(folder);
  return folder;
}

/** Copies this tree without its tests, and returns the folder. */
function copyTree(): string {
  const folder = makeFolder();
  cpSync(root, folder, { recursive: true, filter: (path) => !emptied.test(path.slice(root.length)) });
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
  return folder;
}

function plant(folder: string, files: Record<string, string>): void {
  for (const [path, source] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), source);
  }
}

const node = Bun.which("node") ?? "node";
const isRoot = process.getuid?.() === 0;

type Outcome = { status: number | null; output: string; lastLine: string };

function npmTest(
  folder: string,
  words: string[] = [],
  options: { path?: string; uid?: number } = {},
): Outcome {
  const run = spawnSync(node, ["scripts/test.mjs", ...words], {
    cwd: folder,
    encoding: "utf8",
    env: { PATH: options.path ?? process.env["PATH"], HOME: folder },
    ...(options.uid === undefined ? {} : { uid: options.uid }),
  });
  return {
    status: run.status,
    output: `${run.stdout}${run.stderr}`,
    lastLine: run.stdout.trimEnd().split("\n").at(-1) ?? "",
  };
}

afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

const lines = (count: number, line: (index: number) => string) =>
  Array.from({ length: count }, (_, index) => line(index)).join("\n");

const planted = {
  "server/src/planted/any.ts": "export const one = (value: any): unknown => value;\n",
  "server/src/planted/default.ts": "export default 1;\n",
  "server/src/planted/nonNull.ts": "export const one = (value: string | undefined): string => value!;\n",
  "server/src/planted/cycle.ts":
    'import { two } from "./cycleBack.ts";\n\nexport const one = (): number => two();\n',
  "server/src/planted/cycleBack.ts":
    'import { one } from "./cycle.ts";\n\nexport const two = (): number => one();\n',
  "server/src/planted/long.ts": `export function long(): number[] {\n  const all: number[] = [];\n${lines(60, (index) => `  all.push(${index});`)}\n  return all;\n}\n`,
  "server/src/planted/longClosure.ts": `export const maker = {\n  make: (): (() => number[]) => () => {\n    const all: number[] = [];\n${lines(73, (index) => `    all.push(${index});`)}\n    return all;\n  },\n};\n`,
  "server/src/planted/longFile.ts": `${lines(401, (index) => `export const one${index} = ${index};`)}\n`,
  "server/test/longFile.ts": `${lines(401, (index) => `export const one${index} = ${index};`)}\n`,
  "server/src/planted/typeCycle.ts":
    'import type { Two } from "./typeCycleBack.ts";\n\nexport type One = { two?: Two };\n',
  "server/src/planted/typeCycleBack.ts":
    'import type { One } from "./typeCycle.ts";\n\nexport type Two = { one?: One };\n',
  "server/src/planted/complex.ts": `export function complex(a: number, b: number): number {\n${lines(7, (index) => `  if (a > ${index} && b > ${index}) return ${index};`)}\n  return a;\n}\n`,
  "server/src/planted/format.ts": "export const  one=1\n",
  "server/src/planted/promise.ts":
    "async function work(): Promise<number> {\n  return 1;\n}\n\nexport function floating(): void {\n  work();\n}\n\nexport async function returned(): Promise<number> {\n  try {\n    return work();\n  } catch {\n    return 0;\n  }\n}\n",
  "server/src/planted/types.ts":
    "type Options = { one?: number };\n\nexport const options = (one: number | undefined): Options => ({ one });\nexport const first = (all: string[]): string => all[0];\nexport const member = (all: Record<string, string>) => all.name;\nexport function partly(one: number): number | undefined {\n  if (one > 1) return one;\n}\nexport enum Colour {\n  Red,\n}\n",
  "scripts/planted.mjs": '/** @param {number} one */\nexport const half = (one) => one / 2;\nhalf("two");\n',
  "sdk/src/planted.ts": "export const one: string = 1;\n",
  "testing/src/index.ts": "export const one: string = 1;\n",
  "console/src/planted.ts": "export const one: string = 1;\n",
  "server/src/planted/used.ts": "export const used = 1;\nexport const spare = 2;\n",
  "server/src/planted.test.ts":
    'import { expect, test } from "bun:test";\nimport { used } from "./planted/used.ts";\n\ntest("one is two", () => {\n  expect(used).toBe(2);\n});\n',
  "server/src/planted/words.ts": `// the request is answered\n// ${"long ".repeat(30)}\n`,
  "docs/errors.md": "# Errors\n",
};

describe("a planted violation is found and named:", () => {
  let run: Outcome;
  beforeAll(() => {
    const folder = copyTree();
    plant(folder, planted);
    run = npmTest(folder);
  }, 240_000);

  test.each([
    ["any", /planted\/any\.ts:\S+ lint\/suspicious\/noExplicitAny/],
    ["a default export", /planted\/default\.ts:\S+ lint\/style\/noDefaultExport/],
    ["a non-null assertion", /planted\/nonNull\.ts:\S+ lint\/style\/noNonNullAssertion/],
    ["an import cycle", /no-cycle\)[^\n]*\n[^\n]*planted\/cycle\.ts/],
    ["an import cycle of types alone", /no-cycle\)[^\n]*\n[^\n]*planted\/typeCycle\.ts/],
    ["a function of more than 60 lines", /max-lines-per-function\)[^\n]*\n[^\n]*planted\/long\.ts/],
    ["a closure of more than 60 lines", /max-lines-per-function\)[^\n]*\n[^\n]*planted\/longClosure\.ts/],
    ["a file of more than 400 lines", /max-lines\)[^\n]*\n[^\n]*planted\/longFile\.ts/],
    ["a file of more than 400 lines among the tests", /max-lines\)[^\n]*\n[^\n]*server\/test\/longFile\.ts/],
    [
      "a function that is too complex",
      /planted\/complex\.ts:\S+ lint\/complexity\/noExcessiveCognitiveComplexity/,
    ],
    ["wrong formatting", /planted\/format\.ts format/],
    ["a promise that nothing awaits", /no-floating-promises\)[^\n]*\n[^\n]*planted\/promise\.ts/],
    ["a promise returned out of its try", /return-await\)[^\n]*\n[^\n]*planted\/promise\.ts/],
    ["undefined passed for an optional member", /planted\/types\.ts\S+ error TS2375/],
    ["an index assumed to exist", /planted\/types\.ts\S+ error TS2322/],
    ["dot access to a member of an index signature", /planted\/types\.ts\S+ error TS4111/],
    ["a path without a return", /planted\/types\.ts\S+ error TS7030/],
    ["syntax that does not erase", /planted\/types\.ts\S+ error TS1294/],
    ["a wrong type in a script", /scripts\/planted\.mjs\S+ error TS2345/],
    ["a wrong type in the client", /sdk\/src\/planted\.ts\S+ error TS2322/],
    ["an unused file", /^server\/src\/planted\/any\.ts\s*$/m],
    ["an unused export", /^spare\s+server\/src\/planted\/used\.ts/m],
    ["an idiom that reads as if translated", /planted\/words\.ts:1 "answered": write return/],
    ["a comment that is too long", /planted\/words\.ts:2 the comment has \d+ columns/],
    ["a test that fails", /\(fail\) one is two/],
    ["a generated file that is out of date", /docs\/errors\.md is out of date/],
  ])("%s", (_what, found) => {
    expect(run.output).toMatch(found);
  });

  test("every gate fails, is listed again at the end, and is counted", () => {
    const again = run.output.match(/^FAIL .* \(see above\)$/gm) ?? [];
    expect(again.length).toBeGreaterThanOrEqual(5);
    expect(run.output).not.toMatch(/^ok /m);
    expect(run).toMatchObject({ status: 1, lastLine: `0 passed, ${again.length + 1} failed` });
  });
});

describe("npm test", () => {
  const folder = makeFolder();
  beforeAll(() => {
    cpSync(join(root, "scripts"), join(folder, "scripts"), { recursive: true });
    symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
    plant(folder, {
      "passing.test.ts": testFile("expect(1).toBe(1);"),
      "failing.test.ts": testFile("expect(1).toBe(2);"),
      "leaving.test.ts": testFile("process.exit(0);"),
      "broken.test.ts": 'throw new Error("before any test");\n',
      "skipping.test.ts": testFile("expect(1).toBe(1);").replace("test(", "test.skip("),
      "console/test/good.browser.ts": browserTestFile(""),
      "console/test/bad.browser.ts": browserTestFile('throw new Error("no");'),
    });
  });

  test.each([
    ["a test that passes", ["passing"], 0, "1 passed, 0 failed"],
    ["a test that fails", ["failing"], 1, "0 passed, 1 failed"],
    ["a skipped test is reported", ["passing", "skipping"], 0, "1 passed, 0 failed, 1 skipped"],
    ["a runner that exits with 0 but leaves no report", ["passing", "leaving"], 1, "0 passed, 1 failed"],
    ["a file that breaks outside its tests", ["passing", "broken"], 1, "1 passed, 1 failed"],
    ["a filter that matches nothing", ["nosuchfile"], 1, "0 passed, 1 failed"],
    ["a browser test that passes", ["browser", "good"], 0, "1 passed, 0 failed"],
    ["browser tests of which one fails", ["browser"], 1, "1 passed, 1 failed"],
    ["browser tests without a report", ["browser", "nosuchfile"], 1, "0 passed, 1 failed"],
  ])("%s", (_what, words, status, lastLine) => {
    expect(npmTest(folder, words)).toMatchObject({ status, lastLine });
  });

  test("says that a filter skips the gates", () => {
    expect(npmTest(folder, ["passing"]).output).toContain("Gates are skipped");
  });
});

describe("the Debian packages that the tests need", () => {
  /** Creates a folder for PATH that has only Node and these programs, as if the machine had no others. */
  function machine(programs: Record<string, string>): { folder: string; path: string } {
    const folder = makeFolder();
    cpSync(join(root, "scripts"), join(folder, "scripts"), { recursive: true });
    plant(folder, { "node_modules/.bin/bun": "" });
    mkdirSync(join(folder, "bin"));
    symlinkSync(node, join(folder, "bin/node"));
    for (const [name, script] of Object.entries(programs)) {
      writeFileSync(join(folder, "bin", name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    }
    return { folder, path: join(folder, "bin") };
  }

  test("are listed by name if there is no apt-get", () => {
    const { folder, path } = machine({ "redis-server": "" });
    const run = npmTest(folder, [], { path });
    expect(run).toMatchObject({ status: 1, lastLine: "" });
    expect(run.output).toMatch(
      /^This command needs Python 3 with venv, .*curl\. Install what is missing, and run the command again\.$/m,
    );
    expect(run.output).not.toContain("Redis");
  });

  test("are printed as one command to run if the user is not root", () => {
    const { folder, path } = machine({ "apt-get": "exit 1", curl: "" });
    const run = npmTest(folder, [], { path, ...(isRoot ? { uid: 65_534 } : {}) });
    expect(run).toMatchObject({ status: 1, lastLine: "" });
    expect(run.output).toMatch(
      /with: sudo sh -c 'apt-get update && apt-get install -y --no-install-recommends python3-venv [^']*redis-server [^']*chromium openssl procps[^']*'$/m,
    );
  });

  test.if(isRoot)("are installed without prompting if the user is root", () => {
    const programs =
      "python3 initdb postgres haproxy pgbouncer redis-server chromium openssl pkill zsh fish curl";
    const { folder, path } = machine({
      "apt-get": `echo "$DEBIAN_FRONTEND $*" >> calls
for one in ${programs}; do echo '#!/bin/sh' > bin/$one; /bin/chmod 755 bin/$one; done`,
      sh: 'exec /bin/sh "$@"',
    });
    npmTest(folder, ["any"], { path });
    expect(readFileSync(join(folder, "calls"), "utf8")).toMatch(
      /^noninteractive update\nnoninteractive install -y --no-install-recommends python3-venv .*redis-server .*chromium openssl procps .*curl\n$/,
    );
  });

  test.if(isRoot)("end the run if they cannot be installed", () => {
    const { folder, path } = machine({ "apt-get": "exit 100", sh: 'exec /bin/sh "$@"' });
    const run = npmTest(folder, ["any"], { path });
    expect(run.status).toBe(1);
    expect(run.output).toContain("which could not be installed with: apt-get update");
    expect(run.output).not.toMatch(/\d+ passed/);
  });
});

function browserTestFile(body: string): string {
  return `import { test } from "node:test";\n\nvoid test("planted", () => {\n  ${body}\n});\n`;
}

function testFile(body: string): string {
  return `import { expect, test } from "bun:test";\n\ntest("planted", () => {\n  ${body}\n});\nvoid expect;\n`;
}
