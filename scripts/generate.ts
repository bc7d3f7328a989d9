/** Writes everything that is made from the code: from operations, errors, settings, rooms. `--check` only compares. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describeConfig, readConfig } from "../server/src/config.ts";
import { catalogue } from "../server/src/errors.ts";
import { openapi } from "../server/src/http/openapi.ts";
import { operations } from "../server/src/operations/index.ts";
import { importTable } from "../server/test/architecture.ts";
import { type Document, sdkTable, sdkTypes } from "./generateSdk.ts";

const root = join(import.meta.dir, "..");

const files: Record<string, () => string> = {
  "openapi.json": () => `${JSON.stringify(document(), null, 2)}\n`,
  "docs/errors.md": errorsPage,
  "README.md": () => withTable("README.md", settingsTable()),
  "ARCHITECTURE.md": () => withTable("ARCHITECTURE.md", importTable()),
  "sdk/src/operations.gen.ts": () => sdkTypes(document()),
  "sdk/src/table.gen.ts": () => sdkTable(document()),
};

const checking = process.argv.includes("--check");
let stale = 0;
for (const [name, make] of Object.entries(files)) {
  const path = join(root, name);
  const made = make();
  if (!checking) writeFileSync(path, made);
  else if (readOrEmpty(path) !== made) {
    console.error(`${name} is stale: run npm run generate and commit it.`);
    stale += 1;
  }
}
process.exit(stale === 0 ? 0 : 1);

function document(): Document {
  return openapi(operations, "http://127.0.0.1:7070") as Document;
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

/** The page with this table in place of the one with the same head. */
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

function errorsPage(): string {
  const rows = Object.entries(catalogue).map(
    ([code, { status, type, when, fix }]) => `| ${status} | \`${code}\` | \`${type}\` | ${when} | ${fix} |`,
  );
  return `# Errors

Made from \`server/src/errors.ts\` by \`npm run generate\`. \`error.type\` is the server's own address, \`/errors/\` and the type below;
that address serves the same text as a page.

| status | code | type | when | what to do |
|---|---|---|---|---|
${rows.join("\n")}
`;
}
