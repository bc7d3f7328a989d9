/** Plays a quickstart: runs every command of its page in order, with the code in `examples/` as the application. */
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Quickstart } from "../../scripts/quickstarts.ts";
import type { TestServer } from "../../server/test/harness.ts";
import { freePort } from "../../server/test/program.ts";
import { modules } from "./packed.ts";

const root = join(import.meta.dir, "../..");

export type Stage = {
  /** has the application; this folder or one above it has the packages */
  folder: string;
  server: TestServer;
  /** the folder of the programs that `npx` runs; default: node_modules/.bin of this repository */
  programs?: string;
  /** replaces the command that starts the application */
  start?: string;
  /** commands to run after those of the page */
  more?: string;
};

export function pageOf({ name }: Quickstart): string {
  return readFileSync(join(root, `docs/quickstarts/${name}.md`), "utf8");
}

/** Copies the application of the example into the folder. */
export function copyExample({ name }: Quickstart, folder: string): string {
  mkdirSync(folder, { recursive: true });
  cpSync(join(root, "examples", name), folder, {
    recursive: true,
    filter: (path) => !path.endsWith("package.json"),
  });
  return folder;
}

/** What a command block of the page printed, and the output that the page shows for it. */
export type Line = { printed: string; promised: string };

/** Runs the page and returns a line for each of its command blocks that shows output, and a last one for `more`. */
export async function play(quickstart: Quickstart, stage: Stage): Promise<Line[]> {
  const { folder, server, programs, start, more } = stage;
  const workspaceId = await server.makeWorkspace();
  const rootKey = await server.makeRootKey(["*"], { workspaceId });
  const port = await freePort();
  const actual = (text: string) =>
    text
      .replaceAll("http://127.0.0.1:7070", server.url)
      .replaceAll("latchkey_root_…", rootKey)
      .replaceAll("127.0.0.1:3000", `127.0.0.1:${port}`);
  const blocks = blocksOf(pageOf(quickstart));
  const steps = blocks.flatMap(({ language, text }, index) => {
    const isStart = language === "console" && text.trim() === quickstart.start;
    if (isStart) return { script: starting(start ?? onPort(text, port)), promised: undefined };
    if (language !== "sh") return [];
    const next = blocks[index + 1];
    return { script: actual(text), promised: next?.language === "text" ? next.text.trimEnd() : undefined };
  });
  if (more !== undefined) steps.push({ script: actual(more), promised: "…" });
  const scripts = steps.map(({ script }) => script);
  const printed = await runAll([npx(programs), ...scripts], folder, port);
  return steps.flatMap(({ promised }, index) =>
    promised === undefined ? [] : { promised, printed: (printed[index + 1] ?? "").trimEnd() },
  );
}

/**
 * Sends the application a request without a key and one with each key. Returns the responses with headers, and its log.
 */
export async function ask(
  { start = "", env = ".env" }: Quickstart,
  folder: string,
  serverUrl: string,
  keys: readonly string[],
): Promise<{ responses: string[]; log: string }> {
  const port = await freePort();
  writeFileSync(join(folder, env), `LATCHKEY_URL=${serverUrl}\nLATCHKEY_ROOT_KEY=root_key\n`);
  const request = `curl -si http://127.0.0.1:${port}/documents`;
  const requests = [request, ...keys.map((key) => `${request} -H "Authorization: Bearer ${key}"`)];
  const scripts = [npx(), starting(onPort(start, port)), ...requests];
  const [, , ...responses] = await runAll(scripts, folder, port);
  return { responses, log: readFileSync(join(folder, "application.log"), "utf8") };
}

/** Runs the first command block of the page, and returns what it prints to stdout and stderr. */
export async function prepareWith(
  quickstart: Quickstart,
  folder: string,
  { url, rootKey }: { url: string; rootKey: string },
): Promise<string> {
  const [first] = blocksOf(pageOf(quickstart)).filter(({ language }) => language === "sh");
  const script = `exec 2>&1\n${first?.text ?? ""}`
    .replaceAll("http://127.0.0.1:7070", url)
    .replaceAll("latchkey_root_…", rootKey);
  return bash(script, folder, 0);
}

/** Returns the line if it differs from what the page promises, else nothing. `…` on the page stands for any text. */
export function unlike(line: Line): Line[] {
  const pattern = line.promised.split("…").map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&"));
  return new RegExp(`^${pattern.join("[^]+")}$`).test(line.printed) ? [] : [line];
}

const mark = "\u001e";

function blocksOf(page: string): { language: string; text: string }[] {
  const fences = page.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm);
  return [...fences].map(([, language = "", text = ""]) => ({ language, text }));
}

/** Replaces the port in a start command that has `--port 3000`. The other applications read the variable PORT. */
function onPort(command: string, port: number): string {
  return command.replace("--port 3000", `--port ${port}`);
}

function npx(programs = join(modules, ".bin")): string {
  return `npx() { "${programs}/$1" "\${@:2}"; }`;
}

/** Runs the scripts one after the other in one shell, and returns what each printed. */
async function runAll(scripts: readonly string[], folder: string, port: number): Promise<string[]> {
  return (await bash(scripts.join(`\nprintf '${mark}'\n`), folder, port)).split(mark);
}

/** Starts the application in a process group of its own, and waits until it listens. */
function starting(command: string): string {
  return `set -m
{ ${command.trim()}
} > application.log 2>&1 &
set +m
trap "kill -- -$! 2> /dev/null" EXIT
until curl -s -o /dev/null "http://127.0.0.1:$PORT/"; do
  kill -0 $! 2> /dev/null || { cat application.log >&2; exit 1; }
  sleep 0.05
done`;
}

async function bash(script: string, folder: string, port: number): Promise<string> {
  const { NODE_OPTIONS: _, ...env } = process.env;
  const run = Bun.spawn(["bash", "-uo", "pipefail", "-c", script], {
    cwd: folder,
    env: { ...env, PATH: `${join(modules, ".bin")}:${env["PATH"]}`, PORT: `${port}` },
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, said] = await Promise.all([run.stdout.text(), run.stderr.text()]);
  if ((await run.exited) !== 0) throw new Error(`${script}\n${out}${said}`);
  return out;
}
