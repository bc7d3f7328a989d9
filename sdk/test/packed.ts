import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const root = join(import.meta.dir, "../..");
export const modules = join(root, "node_modules");
/** Where npm installs packages that the SDK needs in a version that differs from that in the root's `node_modules`. */
const ownModules = join(root, "sdk/node_modules");

/** The package as npm publishes it, and projects that install it. */
export type Packed = {
  tarball: string;
  /** Creates a project that has the package and the modules `others` of this repository's node_modules. */
  project(name: string, ...others: string[]): Promise<string>;
  remove(): void;
};

/** Packs the package in a copy of its folder, because tests must leave no files in the repository. */
export async function pack(): Promise<Packed> {
  const folder = mkdtempSync(join(tmpdir(), "latchkey-sdk-"));
  const copy = join(folder, "sdk");
  cpSync(join(root, "sdk"), copy, {
    recursive: true,
    filter: (path) => !/\/(node_modules|dist|test)(\/|$)/.test(path.slice(root.length)),
  });
  symlinkSync(modules, join(folder, "node_modules"));
  symlinkSync(ownModules, join(copy, "node_modules"));
  await run(copy, "npm", "pack", "--pack-destination", folder);
  rmSync(join(folder, "node_modules"));
  const tarball = join(folder, readdirSync(folder).find((name) => name.endsWith(".tgz")) ?? "");
  return {
    tarball,
    async project(name, ...others) {
      const path = join(folder, name);
      mkdirSync(path);
      writeFileSync(join(path, "package.json"), JSON.stringify({ name, private: true, type: "module" }));
      await run(path, "npm", "install", "--offline", "--no-audit", "--no-fund", tarball);
      for (const other of others) {
        mkdirSync(join(path, "node_modules", other, ".."), { recursive: true });
        const own = join(ownModules, other);
        symlinkSync(existsSync(own) ? own : join(modules, other), join(path, "node_modules", other));
      }
      return path;
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** Runs a program and returns its stdout. If it fails, throws an error with everything that it wrote. */
export async function run(cwd: string, ...command: string[]): Promise<string> {
  const { NODE_OPTIONS: _, ...env } = process.env;
  const child = Bun.spawn(command, { cwd, env, stdout: "pipe", stderr: "pipe" });
  const [out, said] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  if ((await child.exited) !== 0) throw new Error(`${command.join(" ")}\n${out}${said}`);
  return out;
}

/** The path of a program in this repository's node_modules. */
export function bin(name: string): string {
  return join(modules, ".bin", name);
}
