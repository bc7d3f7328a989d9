/** Generates files from the operations, errors, settings and rooms in the code. `--check` only compares. */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describeConfig, readConfig } from "../server/src/config.ts";
import { catalogue } from "../server/src/errors.ts";
import { openapi } from "../server/src/http/openapi.ts";
import { operations } from "../server/src/operations/index.ts";
import { importTable } from "../server/test/architecture.ts";
import { formatPage } from "./formatPage.ts";
import { quickstartPages } from "./generateQuickstarts.ts";
import { referencePages } from "./generateReference.ts";
import { type Document, sdkTable, sdkTypes } from "./generateSdk.ts";

const root = join(import.meta.dir, "..");

/** folders that have no other pages */
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
    console.error(`${name} is stale: run npm run generate and commit it.`);
    stale += 1;
  }
}
for (const path of generatedFolders.flatMap(pagesOf)) {
  if (Object.hasOwn(files, path)) continue;
  if (!checking) rmSync(join(root, path));
  else {
    console.error(`${path} is no longer generated: run npm run generate and commit its deletion.`);
    stale += 1;
  }
}
process.exit(stale === 0 ? 0 : 1);

function document(): Document {
  return openapi(operations, "http://127.0.0.1:7070") as Document;
}

/** The client judges permissions with the server's own code, but ships without the server. */
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

/** The page, with its table of the same head replaced by this one. */
function withTable(name: string, table: string): string {
  const [head = ""] = table.split("\n", 1);
  const lines = readOrEmpty(join(root, name)).split("\n");
  const from = lines.indexOf(head);
  if (from === -1) throw new Error(`${name} has no table that begins with ${head}`);
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

/** What users of the server need to know, in one file. */
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
  const rows = Object.entries(catalogue).map(
    ([code, { status, type, when, fix }]) => `| ${status} | \`${code}\` | \`${type}\` | ${when} | ${fix} |`,
  );
  return `# Errors

Generated from \`server/src/errors.ts\` by \`npm run generate\`. \`error.type\` is the server's own address, \`/errors/\` and the type below;
that address serves the same text as a page.

| status | code | type | when | what to do |
|---|---|---|---|---|
${rows.join("\n")}
`;
}
