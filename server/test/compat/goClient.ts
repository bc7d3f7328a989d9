import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync } from "node:fs";
import { join, resolve } from "node:path";
import type { OfficialClient, OfficialOperation, Outcome, Refusal, Target } from "./officialClient.ts";
import { environmentOf } from "./virtualEnvironment.ts";

const module = "github.com/unkeyed/sdks/api/go/v2";
const source = join(import.meta.dir, "go");
const kept = resolve(import.meta.dir, "../../../.venvs");
const version = new RegExp(`${module} v(\\S+)`).exec(readFileSync(join(source, "go.mod"), "utf8"))?.[1];

type Place = { group: string; method: string; operation: string; code: string };
type Result = { fields?: Record<string, string[]>; response?: unknown; error?: Refusal };

/** Starts Unkey's Go client, in a process of its own: the driver in `go/`, which passes our commands to the client. */
export async function goClient(): Promise<OfficialClient> {
  const go = await goProgram();
  const [binary, places] = await Promise.all([build(go), findMethods(go)]);
  const driver = Bun.spawn([binary], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "inherit",
    env: { ...process.env, NO_PROXY: "*" },
  });
  const ask = asker(driver);
  const send = (what: "call" | "pages", operation: string, input: unknown, target: Target) => {
    const place = places.get(operation);
    if (place === undefined) throw new Error(`the Go client has no ${operation}`);
    const { group, method } = place;
    return ask({ do: what, group, method, input, retries: "none", ...target });
  };
  return {
    name: `Go ${version}`,
    async operations() {
      const { fields = {} } = await ask({ do: "operations" });
      return new Map([...places].map(([name, place]) => [name, describe(place, fields)]));
    },
    async call(operation, input, target): Promise<Outcome> {
      const { error, response } = await send("call", operation, input, target);
      return error === undefined ? { ok: true, response: response as never } : { ok: false, error };
    },
    async pages(operation, input, target) {
      const { error, response } = await send("pages", operation, input, target);
      if (error !== undefined) throw new Error(JSON.stringify(error));
      return response as unknown[][];
    },
    async close() {
      await driver.stdin.end();
      await driver.exited;
    },
  };
}

type Driver = { stdin: Bun.FileSink; stdout: ReadableStream<Uint8Array> };

/** Returns a function that sends commands to the driver, one at a time. */
function asker({ stdin, stdout }: Driver): (command: object) => Promise<Result> {
  const reader = stdout.getReader();
  const decoder = new TextDecoder();
  let rest = "";
  let turn: Promise<unknown> = Promise.resolve();
  async function nextLine(): Promise<string> {
    while (!rest.includes("\n")) {
      const { done, value } = await reader.read();
      if (done) throw new Error("the Go client ended");
      rest += decoder.decode(value, { stream: true });
    }
    const end = rest.indexOf("\n");
    const line = rest.slice(0, end);
    rest = rest.slice(end + 1);
    return line;
  }
  return (command) => {
    const response = turn.then(async () => {
      await stdin.write(`${JSON.stringify(command)}\n`);
      await stdin.flush();
      return JSON.parse(await nextLine()) as Result;
    });
    turn = response.catch(() => undefined);
    return response;
  };
}

/** Returns the path of Go 1.25.10 or newer: the machine's own, or that of the package in `requirements-go.txt`. */
async function goProgram(): Promise<string> {
  const own = Bun.which("go");
  if (own !== null && isNewEnough(await output([own, "env", "GOVERSION"]))) return own;
  const python = await environmentOf("go", join(import.meta.dir, "requirements-go.txt"));
  // not the environment's script `go`: it contains the environment's path, so it fails after the folder was moved
  return (await output([python, "-c", "import go; print(go.__path__[0] + '/bin/go')"])).trim();
}

function isNewEnough(found: string): boolean {
  const [major = 0, minor = 0, patch = 0] = found.replace("go", "").split(".").map(Number);
  return major > 1 || minor > 25 || (minor === 25 && patch >= 10);
}

/** Builds the driver, unless an earlier run has built the driver from the same sources. */
async function build(go: string): Promise<string> {
  const digest = createHash("sha256");
  for (const file of ["main.go", "go.mod", "go.sum"]) digest.update(readFileSync(join(source, file)));
  const binary = join(kept, `unkey.go-${version}-${digest.digest("hex").slice(0, 12)}`);
  if (existsSync(binary)) return binary;
  mkdirSync(kept, { recursive: true });
  const draft = `${binary}.${process.pid}`;
  await output([go, "build", "-mod=readonly", "-o", draft, "."]);
  renameSync(draft, binary);
  return binary;
}

/**
 * Finds the client's methods in the source of its Go module, by the names that their operations have in the HTTP API.
 * The module has one file for each group of operations.
 */
async function findMethods(go: string): Promise<Map<string, Place>> {
  await output([go, "mod", "download"]);
  const folder = (await output([go, "list", "-m", "-f", "{{.Dir}}", module])).trim();
  const files = readdirSync(folder).filter((name) => name.endsWith(".go") && !name.endsWith("_test.go"));
  const places = files.flatMap((name) => methodsIn(readFileSync(join(folder, name), "utf8")));
  return new Map(places.map((place) => [place.operation, place]));
}

function methodsIn(text: string): Place[] {
  return text.split(/^(?=func )/m).flatMap((code) => {
    const [, group, method] =
      /^func \(s \*(\w+)\) ([A-Z]\w*)\(ctx context\.Context, request /.exec(code) ?? [];
    const operation = /url\.JoinPath\(baseURL, "\/v\d\/([^"]+)"\)/.exec(code)?.[1];
    return group === undefined || method === undefined || operation === undefined
      ? []
      : [{ group, method, operation, code }];
  });
}

const matcher =
  /StatusCode == (\d+):\s+switch \{\s+case utils\.MatchContentType\([^`]+`([^`]+)`\):[\s\S]*?var out (?:apierrors|components|operations)\.(\w+)/g;

function describe({ group, method, code }: Place, fields: Record<string, string[]>): OfficialOperation {
  const found = [...code.matchAll(matcher)].filter(([, status]) => status !== "200");
  const errors = found.map(
    ([, status, contentType = "", className = ""]) => [Number(status), { className, contentType }] as const,
  );
  return {
    errors: new Map(errors),
    paged: code.includes("res.Next = func"),
    fields: fields[`${group}.${method}`] ?? [],
  };
}

async function output(command: string[]): Promise<string> {
  const env = { ...process.env, GOTOOLCHAIN: "local" };
  const { exited, stdout, stderr } = Bun.spawn(command, { cwd: source, stdout: "pipe", stderr: "pipe", env });
  const [code, out, err] = await Promise.all([
    exited,
    new Response(stdout).text(),
    new Response(stderr).text(),
  ]);
  if (code !== 0)
    throw new Error(`Unkey's Go client could not be built:\n${command.join(" ")}\n${out}${err}`);
  return out;
}
