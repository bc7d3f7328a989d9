/**
 * Builds `dist` for the published package: the bundled program, the console, and the pages that the server shows at
 * `/docs`. The package then has only one dependency, Bun.
 */
import { cpSync } from "node:fs";
import { join } from "node:path";
import { buildConsole } from "../console/build.ts";
import { bundle, writeLicenses } from "./bundle.ts";

const dist = join(import.meta.dir, "dist");
const program = await bundle(
  ["main", "embed"].map((name) => join(import.meta.dir, `src/${name}.ts`)),
  dist,
);
cpSync(join(import.meta.dir, "../docs"), join(dist, "docs"), {
  recursive: true,
  filter: (path) => !/\.\w+$/.test(path) || path.endsWith(".md"), // folders and pages, but no pictures
});
const console = await buildConsole(join(dist, "console"));
for (const name of ["sdk/README.md", "testing/README.md"]) {
  cpSync(join(import.meta.dir, "..", name), join(dist, name));
}
writeLicenses([...program, ...console], join(dist, "LICENSES.txt"));
