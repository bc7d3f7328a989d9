import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

const root = join(import.meta.dir, "../..");

const workspaces = ["server", "sdk", "testing", "console"];

/** Published packages, and a folder for projects that install them. */
export type Packed = { tarballs: string[]; folder: string; remove(): void };

/** Packs npm workspaces of this repository, in a copy of the tree, because a test must leave no files in the tree. */
export async function pack(...packages: string[]): Promise<Packed> {
  const folder = mkdtempSync(join(tmpdir(), "latchkey-packed-"));
  for (const name of ["package.json", "docs", ...workspaces]) {
    cpSync(join(root, name), join(folder, name), {
      recursive: true,
      filter: (path) => !/^\/\w+\/(node_modules|dist|test|data)(\/|$)/.test(path.slice(root.length)),
    });
  }
  for (const name of ["node_modules", ...workspaces.map((one) => `${one}/node_modules`)]) {
    if (existsSync(join(root, name))) symlinkSync(join(root, name), join(folder, name));
  }
  const tarballs: string[] = [];
  for (const name of packages) {
    const packed = join(folder, "packed", name);
    mkdirSync(packed, { recursive: true });
    await run(["npm", "pack", "--pack-destination", packed], { cwd: join(folder, name) });
    tarballs.push(join(packed, readdirSync(packed)[0] ?? ""));
  }
  return { tarballs, folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

export type RunOptions = { cwd: string; env?: Record<string, string> };

/** Runs a program and returns its output. If it fails, throws everything that it wrote. */
export async function run(command: readonly string[], { cwd, env = {} }: RunOptions): Promise<string> {
  const child = Bun.spawn([...command], {
    cwd,
    env: { ...plainEnvironment(), ...env },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, said] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  if ((await child.exited) !== 0) throw new Error(`${command.join(" ")}\n${out}${said}`);
  return out;
}

/** Returns the environment without the variables that `npm test` has added to it. */
export function plainEnvironment(): Record<string, string> {
  const kept = Object.entries(process.env).filter(([name]) => !/^npm_|^NODE_OPTIONS$|^INIT_CWD$/.test(name));
  return Object.fromEntries(kept.map(([name, value = ""]) => [name, value]));
}

/**
 * Lists the files in `dist` that the program uses: its scripts and those of its threads, the documentation, and the
 * console's files with their compressed versions.
 */
export function loadedFiles(dist: string): string[] {
  const console = [...loadedFrom(join(dist, "console"), "index.html")];
  const docs = readdirSync(join(import.meta.dir, "../../docs"), { recursive: true, encoding: "utf8" });
  return [
    ...loadedFrom(dist, "embed.js", loadedFrom(dist, "main.js")),
    ...docs.filter((name) => name.endsWith(".md")).map((name) => `docs/${name}`),
    "sdk/README.md",
    "testing/README.md",
    ...console.flatMap((name) => ["", ".br", ".gz"].map((ending) => `console/${name}${ending}`)),
  ];
}

/** Returns a file and all files that it uses, directly or through others: its modules, threads, styles and images. */
function loadedFrom(folder: string, name: string, found = new Set<string>()): Set<string> {
  if (found.has(name) || !existsSync(join(folder, name))) return found;
  found.add(name);
  const source = readFileSync(join(folder, name), "utf8");
  for (const [, , other = ""] of source.matchAll(
    /(["'(])(?:\.?\/)?(?:console\/)?([\w./-]+\.(?:js|css|svg))["')]/g,
  )) {
    loadedFrom(folder, other, found);
    loadedFrom(folder, join(dirname(name), other), found);
  }
  return found;
}
