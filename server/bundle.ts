/** Bundles a program of the server's sources, with the threads that it starts, into one folder. */
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";

const source = join(import.meta.dir, "src");
const threadStart = /new URL\("(\.[^"]+\.ts)", import\.meta\.url\)/g;
const sources = readdirSync(source, { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".ts") && !/\.(test|child)\.ts$/.test(name))
  .map((name) => join(source, name));

/** Replaces the folder. Returns the paths of the files that were bundled. */
export async function bundle(programs: readonly string[], folder: string): Promise<string[]> {
  rmSync(folder, { recursive: true, force: true });
  const built = await Bun.build({
    entrypoints: [...programs, ...sources.flatMap(threadsStartedBy)],
    outdir: folder,
    target: "bun",
    splitting: true,
    naming: { entry: "[name].[ext]", chunk: "chunk-[hash].[ext]" },
    metafile: true,
    plugins: [{ name: "threads", setup: renameThreads }],
  });
  console.log(`${built.outputs.length} files in ${folder}`);
  return Object.keys(built.metafile?.inputs ?? {});
}

/** A thread is started by the address of its file, so the bundler does not find it by itself. */
function threadsStartedBy(path: string): string[] {
  const starts = readFileSync(path, "utf8").matchAll(threadStart);
  return [...starts].map(([, file = ""]) => join(dirname(path), file));
}

/** All bundled files are in one folder, and the threads among them are JavaScript. */
function renameThreads(build: Bun.PluginBuilder): void {
  const starting = sources.filter((path) => threadsStartedBy(path).length > 0);
  build.onLoad({ filter: /\.ts$/ }, ({ path }) => {
    if (!starting.includes(path)) return undefined;
    const contents = readFileSync(path, "utf8").replace(
      threadStart,
      (_, file: string) => `new URL("./${basename(file, ".ts")}.js", import.meta.url)`,
    );
    return { contents, loader: "ts" };
  });
}

/** Writes the license of each package of which a file was bundled. */
export function writeLicenses(bundled: readonly string[], file: string): void {
  const folders = new Set(bundled.flatMap((path) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path) ?? []));
  const texts = [...folders].sort().map(licenseOf);
  writeFileSync(file, texts.join(`\n\n${"-".repeat(80)}\n\n`));
}

function licenseOf(folder: string): string {
  const { name, version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const file = readdirSync(folder).find((one) => /^(licen[cs]e|copying)/i.test(one));
  const text = file === undefined ? "" : `\n\n${readFileSync(join(folder, file), "utf8").trim()}`;
  return `${name} ${version} (${license})${text}`;
}
