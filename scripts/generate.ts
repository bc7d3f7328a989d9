/**
 * Generates files from the operations, errors, settings and rooms in the code. With `--check` it writes nothing, and
 * exits with 1 if a file differs from what it would generate.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { readConfig } from "../server/src/config/read.ts";
import { describeConfig } from "../server/src/config/shown.ts";
import { catalogue } from "../server/src/errors/catalogue.ts";
import { openapi } from "../server/src/http/openapi.ts";
import { operations } from "../server/src/operations/index.ts";
import { importTable } from "../server/test/architecture.ts";
import { formatPage } from "./formatPage.ts";
import { quickstartPages } from "./generateQuickstarts.ts";
import { referencePages } from "./generateReference.ts";
import { type Document, sdkTable, sdkTypes } from "./generateSdk.ts";

const root = join(import.meta.dir, "..");

/** Folders in which every file is generated. */
const generatedFolders = ["docs/reference", "docs/quickstarts"];
const reference = referencePages(operations);
const quickstarts = quickstartPages();
const files: Record<string, () => string> = {
  "openapi.json": () => `${JSON.stringify(document(), null, 2)}\n`,
  "docs/errors.md": errorsPage,
  "docs/moving/format.md": formatPage,
  "README.md": () => withTable("README.md", settingsTable()),
  "ARCHITECTURE.md": () => withTable("ARCHITECTURE.md", importTable()),
  "sdk/src/operations.gen.ts": () => sdkTypes(document()),
  "sdk/src/table.gen.ts": () => sdkTable(document()),
  "sdk/src/permissionQuery.gen.ts": () => copyOf("server/src/domain/permissionQuery.ts"),
  ...Object.fromEntries(
    Object.entries({ ...reference, ...quickstarts }).map(([name, text]) => [name, () => text]),
  ),
};

files["llms-full.txt"] = allPages;

const checking = process.argv.includes("--check");
let stale = 0;
for (const [name, generate] of Object.entries(files)) {
  const path = join(root, name);
  const text = generate();
  if (!checking) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  } else if (readOrEmpty(path) !== text) {
    console.error(`${name} is out of date. Run \`npm run generate\` and commit the file.`);
    stale += 1;
  }
}
for (const path of generatedFolders.flatMap(pagesOf)) {
  if (Object.hasOwn(files, path)) continue;
  if (!checking) rmSync(join(root, path));
  else {
    console.error(
      `${path} is no longer generated. Run \`npm run generate\`, which deletes it, and commit the deletion.`,
    );
    stale += 1;
  }
}
process.exit(stale === 0 ? 0 : 1);

function document(): Document {
  return openapi(operations, "http://127.0.0.1:7070") as Document;
}

/** A copy of a server file. The client checks permissions with the same code, but is published without the server. */
function copyOf(name: string): string {
  return `// Copied from ${name} by \`npm run generate\`.\n\n${readFileSync(join(root, name), "utf8")}`;
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

/** The text of the page `name`, with `table` in place of the table whose first line is the same. */
function withTable(name: string, table: string): string {
  const [head = ""] = table.split("\n", 1);
  const lines = readOrEmpty(join(root, name)).split("\n");
  const from = lines.indexOf(head);
  if (from === -1) {
    throw new Error(
      `${name} has no table with this first line: ${head}. Add the line where the table should be, and run npm run generate again.`,
    );
  }
  const rows = lines.slice(from).findIndex((line) => !line.startsWith("|"));
  lines.splice(from, rows, table);
  return lines.join("\n");
}

function settingsTable(): string {
  const rows = [...describeConfig(readConfig({})).matchAll(/^# (.*)\n(\w+)=(.*)$/gm)].map(
    ([, meaning, name, fallback]) =>
      `| \`${name}\` | ${fallback === "" ? "" : `\`${fallback}\``} | ${meaning?.replaceAll("<", "&lt;")} |`,
  );
  return ["| setting | default | meaning |", "|---|---|---|", ...rows].join("\n");
}

/** The content of `llms-full.txt`: all pages that users of the server need, in one file. */
function allPages(): string {
  const learn = [
    "docs/concepts.md",
    ...Object.keys(quickstarts),
    ...pagesOf("docs/recipes"),
    "docs/coming-from.md",
    "docs/quotas.md",
  ];
  const packages = ["sdk/README.md", "testing/README.md"];
  const rest = ["docs/guarantees.md", "docs/errors.md", ...Object.keys(reference)];
  return [...learn, ...packages, ...rest]
    .map((name) => `<!-- ${name} -->\n\n${files[name]?.() ?? readOrEmpty(join(root, name))}`)
    .join("\n");
}

function pagesOf(folder: string): string[] {
  return readdirSync(join(root, folder))
    .sort()
    .map((name) => `${folder}/${name}`);
}

function errorsPage(): string {
  const rows = Object.entries(catalogue)
    .sort(([, a], [, b]) => a.status - b.status)
    .map(
      ([name, { status, type, when, fix }]) => `| ${status} | \`${type}\` | \`${name}\` | ${when} | ${fix} |`,
    );
  return `# Errors

Generated from \`server/src/errors/\` by \`npm run generate\`. Find the row of an error by what you see:

- A **response** has \`error.type\`: the server's own address, \`/errors/\` and the type below. That address serves the same text as a
  page. \`error.status\` and \`error.title\` are those of the type, and \`error.detail\` says what was wrong with this request.
- An **error of \`@latchkey/sdk\`** has the same \`type\`. Its \`code\` is the last part of the type, such as \`malformed\`.
- The **log of the server** and the pages of this documentation use the name.
- A **response of your own application**, behind a [guard](#guards), has a \`code\` in capitals.

| status | type | name | when | what to do |
|---|---|---|---|---|
${rows.join("\n")}

## Guards

The guards of \`@latchkey/sdk\` refuse a request with a problem as JSON (RFC 9457). Its \`code\` is the code of the verdict
([keys.verifyKey](reference/keys.verifyKey.md) lists them). If there is no verdict, it is one of these:

| status | code | when | what to do |
|---|---|---|---|
| 401 | \`MISSING\` | The request has no key, or not exactly one. | Send the key as the detail says. |
| 503 | \`UNAVAILABLE\` | The server did not respond in time, or is overloaded. The application's log says which of the two. | Retry as the Retry-After header says. If it persists, check the Latchkey server. |
| 500 | \`MISCONFIGURED\` | The server rejected the guard's verification: the root key, the server's URL or an option of the guard is wrong. The application's log says what is wrong. | Fix what the log names. The caller of the application cannot fix it. |
`;
}
