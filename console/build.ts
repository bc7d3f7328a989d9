/**
 * Builds the console: `index.html`, and scripts and styles whose names contain a hash. Each file is also written in
 * compressed form. `bun build.ts` builds `dist/`, unless it is newer than the source.
 */
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, gzipSync } from "node:zlib";

const here = import.meta.dir;
const dist = join(here, "dist");

if (import.meta.main && !isFresh()) await buildDist();

/** Builds into this folder. Returns the paths of the files that were bundled. */
export async function buildConsole(folder: string): Promise<string[]> {
  const { metafile } = await Bun.build({
    entrypoints: [join(here, "index.html")],
    outdir: folder,
    target: "browser",
    minify: true,
    splitting: true,
    metafile: true,
    publicPath: "/console/",
    naming: { chunk: "assets/[name]-[hash].[ext]", asset: "assets/[name]-[hash].[ext]" },
    define: { "process.env.NODE_ENV": '"production"' },
  });
  for (const path of filesIn(folder)) compress(path);
  return Object.keys(metafile?.inputs ?? {});
}

/**
 * Another process may be building or reading at the same time, so the new folder is complete before it replaces the
 * old one.
 */
async function buildDist(): Promise<void> {
  const made = mkdtempSync(join(here, "dist.new-"));
  const old = `${made}-old`;
  try {
    await buildConsole(made);
    if (existsSync(dist)) renameSync(dist, old);
    renameSync(made, dist);
  } catch (error) {
    if (!isFresh()) throw error; // if `dist` is fresh now, another process has built it meanwhile
  } finally {
    rmSync(made, { recursive: true, force: true });
    rmSync(old, { recursive: true, force: true });
  }
}

function compress(path: string): void {
  const content = readFileSync(path);
  writeFileSync(`${path}.gz`, gzipSync(content, { level: 9 }));
  writeFileSync(`${path}.br`, brotliCompressSync(content));
}

function isFresh(): boolean {
  const page = join(dist, "index.html");
  if (!existsSync(page)) return false;
  const builtAtMs = statSync(page).mtimeMs;
  const others = ["index.html", "build.ts", "package.json"].map((name) => join(here, name));
  return [...filesIn(join(here, "src")), ...others].every((path) => statSync(path).mtimeMs <= builtAtMs);
}

function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}
