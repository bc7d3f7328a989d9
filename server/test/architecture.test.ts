import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { importTable, roomOf, rooms, violations } from "./architecture.ts";

const root = join(import.meta.dir, "../..");

function readSources(...folders: string[]): Record<string, string> {
  return Object.fromEntries(
    folders
      .flatMap((folder) =>
        readdirSync(join(root, folder), { recursive: true, encoding: "utf8" }).map(
          (one) => `${folder}/${one}`,
        ),
      )
      .filter((path) => path.endsWith(".ts"))
      .map((path) => [path, readFileSync(join(root, path), "utf8")]),
  );
}

const sources = readSources("server/src", "sdk/src");

test("every file keeps to the import table", () => {
  expect(violations(sources)).toEqual([]);
});

test("every room of the import table has files", () => {
  const inhabited = new Set(Object.keys(sources).map(roomOf));
  expect(Object.keys(rooms).filter((name) => !inhabited.has(name))).toEqual([]);
});

test("the server uses at most ten packages, and bundles them all, so that the published package depends on none", () => {
  const inServer = Object.entries(rooms).filter(([name]) => !name.startsWith("sdk/"));
  const used = new Set(inServer.flatMap(([, { packages = [] }]) => packages));
  const manifest = JSON.parse(readFileSync(join(root, "server/package.json"), "utf8"));
  expect(used.size).toBeLessThanOrEqual(10);
  expect(Object.keys(manifest.devDependencies)).toEqual(expect.arrayContaining([...used]));
  expect(manifest.dependencies).toBeUndefined();
});

test("ARCHITECTURE.md shows the import table that is enforced", () => {
  expect(readFileSync(join(root, "ARCHITECTURE.md"), "utf8")).toContain(`\n${importTable()}\n`);
});

describe("the tree in ARCHITECTURE.md", () => {
  const drawn = drawnPaths(readFileSync(join(root, "ARCHITECTURE.md"), "utf8"));

  test("shows only files and folders that exist", () => {
    expect(drawn.filter((path) => !existsSync(join(root, path)))).toEqual([]);
  });

  test("shows every room", () => {
    const firsts = readdirSync(join(root, "server/src"), { withFileTypes: true });
    const wanted = firsts.map((one) => `server/src/${one.name}${one.isDirectory() ? "/" : ""}`);
    expect(drawn).toEqual(expect.arrayContaining(wanted.filter((path) => !path.endsWith(".test.ts"))));
  });
});

/** Returns the paths in a drawing of a tree, in which three characters are one level. */
function drawnPaths(page: string): string[] {
  const above: string[] = [];
  return [...page.matchAll(/^([│ ]*)[├└]─ (\S+)/gm)].map(([, indent = "", name = ""]) => {
    above.length = indent.length / 3;
    above.push(name);
    return above.join("");
  });
}

describe("a planted violation is found:", () => {
  const cases: [what: string, path: string, source: string, found: string][] = [
    [
      "an operation that imports another",
      "server/src/operations/keys/a.ts",
      'import { b } from "../apis/b.ts";',
      "server/src/operations/keys/a.ts imports server/src/operations/apis/b.ts",
    ],
    [
      "an operation that imports another of its group",
      "server/src/operations/keys/a.ts",
      'import { b } from "./b.ts";',
      "server/src/operations/keys/a.ts imports server/src/operations/keys/b.ts",
    ],
    [
      "a shared part that imports an operation",
      "server/src/operations/shared/values.ts",
      'import { b } from "../keys/b.ts";',
      "server/src/operations/shared/values.ts imports server/src/operations/keys/b.ts",
    ],
    [
      "domain code that reads a clock of the runtime",
      "server/src/domain/a.ts",
      'import { hrtime } from "node:process";',
      "server/src/domain/a.ts imports node:process",
    ],
    [
      "domain code that imports Zod",
      "server/src/domain/a.ts",
      'import type { z } from "zod";',
      "server/src/domain/a.ts imports zod",
    ],
    [
      "domain code that imports the error catalogue",
      "server/src/domain/a.ts",
      'import { Failure } from "../errors/failure.ts";',
      "server/src/domain/a.ts imports server/src/errors/failure.ts",
    ],
    [
      "an engine imported by another file than storage/open.ts",
      "server/src/http/a.ts",
      'import { openSqlite } from "../storage/engines/sqlite.ts";',
      "server/src/http/a.ts imports server/src/storage/engines/sqlite.ts",
    ],
    [
      "values where only types are allowed",
      "server/src/operation.ts",
      'import { type Caller, may } from "./domain/caller.ts";',
      "server/src/operation.ts imports server/src/domain/caller.ts",
    ],
    [
      "a file that imports main",
      "server/src/compose.ts",
      'import "./main.ts";',
      "server/src/compose.ts imports server/src/main.ts",
    ],
    [
      "a re-export",
      "server/src/errors/failure.ts",
      'export * from "../config/read.ts";',
      "server/src/errors/failure.ts imports server/src/config/read.ts",
    ],
    [
      "an import over several lines",
      "server/src/errors/failure.ts",
      'import {\n  readConfig,\n  type Config,\n} from "../config/read.ts";',
      "server/src/errors/failure.ts imports server/src/config/read.ts",
    ],
    [
      "a dynamic import",
      "server/src/run.ts",
      'const { serveHttp } = await import("./http/serve.ts");',
      "server/src/run.ts imports server/src/http/serve.ts",
    ],
    [
      "a file started by its URL",
      "server/src/run.ts",
      'new Worker(new URL("./storage/engines/sqliteWorker.ts", import.meta.url));',
      "server/src/run.ts imports server/src/storage/engines/sqliteWorker.ts",
    ],
    [
      "a program that imports a test",
      "server/src/run.ts",
      'import { cases } from "./domain/ids.test.ts";',
      "server/src/run.ts imports server/src/domain/ids.test.ts",
    ],
    [
      "a program that imports the harness",
      "server/src/run.ts",
      'import { startTest } from "../test/harness.ts";',
      "server/src/run.ts imports server/test/harness.ts",
    ],
    [
      "a file that names the runtime",
      "server/src/run.ts",
      "const at = Bun.nanoseconds();",
      "server/src/run.ts names Bun",
    ],
    [
      "a file that imports the runtime's module",
      "server/src/storage/queries/keys.ts",
      'import { Database } from "bun:sqlite";',
      "server/src/storage/queries/keys.ts names Bun",
    ],
    ["an unlisted room", "server/src/utils/a.ts", "", "server/src/utils/a.ts is in no room of the table"],
    [
      "a client with a dependency",
      "sdk/src/client.ts",
      'import { z } from "zod";',
      "sdk/src/client.ts imports zod",
    ],
  ];
  test.each(cases)("%s", (_what, path, source, found) => {
    expect(violations({ [path]: source })).toEqual([found]);
  });

  test("code that only looks like a violation is not reported", () => {
    const innocent = `// Bun would do this with import { x } from "./main.ts"
/* import { serveHttp } from "./http/serve.ts"; */
import type { Services } from "./services.ts";
import { Failure } from "./errors/failure.ts";
export const emptied = (sql) => sql(\`delete from "keys"\`);
`;
    expect(violations({ "server/src/run.ts": innocent })).toEqual([]);
  });
});
