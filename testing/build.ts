/**
 * Builds `dist`: the package for `import` and for `require`, its types, and the server program with its worker threads.
 * All code is bundled except `@latchkey/sdk`, which stays a dependency.
 */
import { execFileSync } from "node:child_process";
import { cpSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { bundle, writeLicenses } from "../server/bundle.ts";

const root = import.meta.dir;
const dist = join(root, "dist");
const types = join(dist, "types");

rmSync(dist, { recursive: true, force: true });
const bundled = await bundle([join(root, "src/program.ts")], join(dist, "program"));
writeLicenses(bundled, join(dist, "LICENSES.txt"));
for (const [folder, format, type] of [
  ["esm", "esm", "module"],
  ["cjs", "cjs", "commonjs"],
] as const) {
  await build({
    entryPoints: [join(root, "src/index.ts")],
    outfile: join(dist, folder, "index.js"),
    bundle: true,
    external: ["@latchkey/sdk"],
    format,
    platform: "node",
    target: "node20",
    // CommonJS has no `import.meta.url`, so the banner defines a variable that replaces it
    ...(format === "cjs" && {
      define: { "import.meta.url": "moduleUrl" },
      banner: { js: 'const moduleUrl = require("node:url").pathToFileURL(__filename).href;' },
    }),
  });
  writeFileSync(join(dist, folder, "package.json"), `${JSON.stringify({ type })}\n`);
}
execFileSync(
  process.execPath,
  [join(root, "../node_modules/typescript/bin/tsc"), "-p", root, "--noEmit", "false", "--outDir", types],
  { stdio: "inherit" },
);
const own = join(types, "testing/src");
for (const name of ["index", "orders", "seed", "times"]) {
  for (const folder of ["esm", "cjs"]) cpSync(join(own, `${name}.d.ts`), join(dist, folder, `${name}.d.ts`));
}
rmSync(types, { recursive: true });
