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

/** No gate is believed that has not been seen to fail: each is run on a copy of the tree with violations planted. */

const root = join(import.meta.dir, "../..");
const folders: string[] = [];
const emptied = /(^|\/)(node_modules|\.git|reports|data|dist|\.venvs)$|\.test\.ts$/;

function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "latchkey-gates-"));
  chmodSync(folder, 0o755);
  folders.push(folder);
  return folder;
}

/** This tree without its tests. */
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
  "server/src/planted/complex.ts": `export function complex(a: number, b: number): number {\n${lines(7, (index) => `  if (a > ${index} && b > ${index}) return ${index};`)}\n  return a;\n}\n`,
  "server/src/planted/format.ts": "export const  one=1\n",
  "server/src/planted/promise.ts":
    "async function work(): Promise<number> {\n  return 1;\n}\n\nexport function floating(): void {\n  work();\n}\n\nexport async function returned(): Promise<number> {\n  try {\n    return work();\n  } catch {\n    return 0;\n  }\n}\n",
  "server/src/planted/types.ts":
    "type Options = { one?: number };\n\nexport const options = (one: number | undefined): Options => ({ one });\nexport const first = (all: string[]): string => all[0];\nexport const member = (all: Record<string, string>) => all.name;\nexport function partly(one: number): number | undefined {\n  if (one > 1) return one;\n}\nexport enum Colour {\n  Red,\n}\n",
  "scripts/planted.mjs": '/** @param {number} one */\nexport const half = (one) => one / 2;\nhalf("two");\n',
  "sdk/src/planted.ts": "export const one: string = 1;\n",
  "server/src/planted/used.ts": "export const used = 1;\nexport const spare = 2;\n",
  "server/src/planted.test.ts":
    'import { expect, test } from "bun:test";\nimport { used } from "./planted/used.ts";\n\ntest("one is two", () => {\n  expect(used).toBe(2);\n});\n',
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
    ["an import cycle", /planted\/cycle\.ts:\S+ lint\/suspicious\/noImportCycles/],
    [
      "a function of more than 60 lines",
      /planted\/long\.ts:\S+ lint\/complexity\/noExcessiveLinesPerFunction/,
    ],
    ["a function too complex", /planted\/complex\.ts:\S+ lint\/complexity\/noExcessiveCognitiveComplexity/],
    ["another format", /planted\/format\.ts format/],
    ["a promise nobody waits for", /no-floating-promises\)[^\n]*\n[^\n]*planted\/promise\.ts/],
    ["a promise returned out of its try", /return-await\)[^\n]*\n[^\n]*planted\/promise\.ts/],
    ["undefined given for an absent member", /planted\/types\.ts\S+ error TS2375/],
    ["an index taken for granted", /planted\/types\.ts\S+ error TS2322/],
    ["a member of an index read as if it were known", /planted\/types\.ts\S+ error TS4111/],
    ["a path without a return", /planted\/types\.ts\S+ error TS7030/],
    ["syntax that does not erase", /planted\/types\.ts\S+ error TS1294/],
    ["a wrong type in a script", /scripts\/planted\.mjs\S+ error TS2345/],
    ["a wrong type in the client", /sdk\/src\/planted\.ts\S+ error TS2322/],
    ["a file that nobody uses", /^server\/src\/planted\/any\.ts\s*$/m],
    ["an export that nobody uses", /^spare\s+server\/src\/planted\/used\.ts/m],
    ["a test that fails", /\(fail\) one is two/],
    ["a generated file that is stale", /docs\/errors\.md is stale/],
  ])("%s", (_what, found) => {
    expect(run.output).toMatch(found);
  });

  test("every gate fails, is named again at the end, and counts", () => {
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
    });
  });

  test.each([
    ["a test that passes", ["passing"], 0, "1 passed, 0 failed"],
    ["a test that fails", ["failing"], 1, "0 passed, 1 failed"],
    ["a test that is left out is counted aloud", ["passing", "skipping"], 0, "1 passed, 0 failed, 1 skipped"],
    [
      "a runner that leaves no report has failed, though it ends with 0",
      ["passing", "leaving"],
      1,
      "0 passed, 1 failed",
    ],
    ["a file that breaks outside its tests", ["passing", "broken"], 1, "1 passed, 1 failed"],
    ["a filter that fits nothing", ["nosuchfile"], 1, "0 passed, 1 failed"],
  ])("%s", (_what, words, status, lastLine) => {
    expect(npmTest(folder, words)).toMatchObject({ status, lastLine });
  });

  test("says so when a filter leaves the gates out", () => {
    expect(npmTest(folder, ["passing"]).output).toContain("Gates are left out");
  });
});

describe("what the tests need from Debian", () => {
  /** A machine with Node and these programs, which do nothing. */
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

  test("is asked for by name where there is no apt-get", () => {
    const { folder, path } = machine({ "redis-server": "" });
    const run = npmTest(folder, [], { path });
    expect(run).toMatchObject({ status: 1, lastLine: "" });
    expect(run.output).toMatch(
      /^What runs here needs Python 3 with venv, .*curl: install it, and run this again\.$/m,
    );
    expect(run.output).not.toContain("Redis");
  });

  test("is told as one line to run to who is not root", () => {
    const { folder, path } = machine({ "apt-get": "exit 1", curl: "" });
    const run = npmTest(folder, [], { path, ...(isRoot ? { uid: 65_534 } : {}) });
    expect(run).toMatchObject({ status: 1, lastLine: "" });
    expect(run.output).toMatch(
      /run {2}sudo sh -c 'apt-get update && apt-get install -y --no-install-recommends python3-venv [^']*redis-server openssl procps'$/m,
    );
  });

  test.if(isRoot)("is installed by root without a question", () => {
    const programs = "python3 initdb postgres haproxy redis-server openssl pkill curl";
    const { folder, path } = machine({
      "apt-get": `echo "$DEBIAN_FRONTEND $*" >> calls
for one in ${programs}; do echo '#!/bin/sh' > bin/$one; /bin/chmod 755 bin/$one; done`,
      sh: 'exec /bin/sh "$@"',
    });
    npmTest(folder, ["any"], { path });
    expect(readFileSync(join(folder, "calls"), "utf8")).toMatch(
      /^noninteractive update\nnoninteractive install -y --no-install-recommends python3-venv .*redis-server openssl procps curl\n$/,
    );
  });

  test.if(isRoot)("ends the run where it could not be installed", () => {
    const { folder, path } = machine({ "apt-get": "exit 100", sh: 'exec /bin/sh "$@"' });
    const run = npmTest(folder, ["any"], { path });
    expect(run.status).toBe(1);
    expect(run.output).toContain("and this did not bring it: apt-get update");
    expect(run.output).not.toMatch(/\d+ passed/);
  });
});

function testFile(body: string): string {
  return `import { expect, test } from "bun:test";\n\ntest("planted", () => {\n  ${body}\n});\nvoid expect;\n`;
}
