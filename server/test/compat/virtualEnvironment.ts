import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

const root = resolve(import.meta.dir, "../../..");
const howToInstall =
  "the tests need Python 3.10 or newer with its venv module: apt-get install -y python3 python3-venv";

/** Like `environmentOf`, for a version of Unkey's Python client. */
export function virtualEnvironment(version: string): Promise<string> {
  return environmentOf(`unkey.py-${version}`, join(import.meta.dir, `requirements-${version}.txt`));
}

/** Like `environmentOf`, for a framework, with the version of Unkey's client that its quickstart uses. */
export function pythonWith(framework: string): Promise<string> {
  return environmentOf(framework, join(import.meta.dir, `requirements-${framework}.txt`));
}

/**
 * Returns the interpreter of a virtual environment with exactly the packages that `requirements` pins. If it is
 * missing, installs it from the package index, and keeps it in `.venvs/` for the next run. If that is impossible,
 * throws a sentence that says what is missing.
 */
export function environmentOf(name: string, requirements: string): Promise<string> {
  const made = known.get(name) ?? makeEnvironment(name, requirements);
  known.set(name, made);
  return made;
}

const known = new Map<string, Promise<string>>();

async function makeEnvironment(name: string, requirements: string): Promise<string> {
  const digest = createHash("sha256").update(readFileSync(requirements)).digest("hex").slice(0, 12);
  const folder = join(root, ".venvs", `${name}-${digest}`);
  const python = join(folder, "bin", "python");
  if (await works(python)) return python;

  const draft = `${folder}.${process.pid}`;
  mkdirSync(join(root, ".venvs"), { recursive: true });
  try {
    await execute([interpreter(), "-m", "venv", draft], howToInstall);
    await execute(
      [join(draft, "bin/python"), "-m", "pip", "install", ...pipOptions, "--requirement", requirements],
      `${name} could not be installed`,
    );
    writeFileSync(join(draft, "complete"), "");
    if (await works(python)) return python; // another run has created it meanwhile
    rmSync(folder, { recursive: true, force: true });
    renameSync(draft, folder);
    return python;
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}

const pipOptions = ["--quiet", "--disable-pip-version-check", "--require-hashes", "--only-binary", ":all:"];

/** Returns the machine's own Python. */
function interpreter(): string {
  const found = Bun.which("python3");
  if (found === null) throw new Error(howToInstall);
  return found;
}

/** Returns whether the environment is complete and runs. It needs the machine's Python, which may have been removed. */
async function works(python: string): Promise<boolean> {
  if (!existsSync(join(python, "../../complete"))) return false;
  const { exited } = Bun.spawn([python, "-c", "pass"], { stdout: "ignore", stderr: "ignore" });
  return (await exited) === 0;
}

async function execute(command: string[], otherwise: string): Promise<void> {
  const { exited, stdout, stderr } = Bun.spawn(command, { stdout: "pipe", stderr: "pipe" });
  const [code, out, err] = await Promise.all([
    exited,
    new Response(stdout).text(),
    new Response(stderr).text(),
  ]);
  if (code !== 0) throw new Error(`${otherwise}\n${command.join(" ")}\n${out}${err}`);
}
