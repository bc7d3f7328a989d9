import { join } from "node:path";
import type { OfficialClient, OfficialOperation, Outcome, Refusal } from "./officialClient.ts";
import { virtualEnvironment } from "./virtualEnvironment.ts";

/** The releases with which the tests run: the newest, and the last one of version 2. */
export const pythonVersions = ["3.2.2", "2.6.0"] as const;

type Result = {
  operations?: Record<string, Omit<OfficialOperation, "errors"> & { errors: Record<string, TypedError> }>;
  response?: unknown;
  error?: Refusal;
};
type TypedError = { className: string; contentType: string };

/** Starts this version of Unkey's Python client, in a process of its own. */
export async function pythonClient(version: string): Promise<OfficialClient> {
  const python = await virtualEnvironment(version);
  const driver = Bun.spawn([python, join(import.meta.dir, "driver.py")], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "inherit",
    env: pythonSurroundings(),
  });
  const lines = linesOf(driver.stdout);
  let turn: Promise<unknown> = Promise.resolve();
  const ask = (command: object): Promise<Result> => {
    const response = turn.then(async () => {
      await driver.stdin.write(`${JSON.stringify(command)}\n`);
      await driver.stdin.flush();
      const line = await lines.next();
      if (line.done === true) throw new Error(`unkey.py ${version} ended`);
      return JSON.parse(line.value) as Result;
    });
    turn = response.catch(() => undefined);
    return response;
  };
  return {
    name: `unkey.py ${version}`,
    async operations() {
      const { operations = {} } = await ask({ do: "operations" });
      return new Map(
        Object.entries(operations).map(([name, result]) => [name, { ...result, errors: byStatus(result) }]),
      );
    },
    async call(operation, input, { retries = "none", ...target }): Promise<Outcome> {
      const result = await ask({ do: "call", operation, input, retries, ...target });
      if (result.error !== undefined) return { ok: false, error: result.error };
      return { ok: true, response: result.response as never };
    },
    async pages(operation, input, { retries = "none", ...target }) {
      const result = await ask({ do: "pages", operation, input, retries, ...target });
      if (result.error !== undefined) throw new Error(JSON.stringify(result.error));
      return result.response as unknown[][];
    },
    async close() {
      await driver.stdin.end();
      await driver.exited;
    },
  };
}

/** Runs one of our scripts with this version of the client. Returns what it prints, parsed as JSON. */
export async function runPython(
  version: string,
  script: string,
  env: Record<string, string>,
): Promise<unknown> {
  const python = await virtualEnvironment(version);
  const { stdout, stderr, exited } = Bun.spawn([python, join(import.meta.dir, script)], {
    stdout: "pipe",
    stderr: "pipe",
    env: { ...pythonSurroundings(), ...env },
  });
  const [out, err, code] = await Promise.all([
    new Response(stdout).text(),
    new Response(stderr).text(),
    exited,
  ]);
  if (code !== 0) throw new Error(`${script} ended with ${code}: ${err}`);
  return JSON.parse(out);
}

/** Returns the environment variables for Python. They keep requests to this machine from going through a proxy. */
function pythonSurroundings(): Record<string, string | undefined> {
  return { ...process.env, NO_PROXY: "*", PYTHONDONTWRITEBYTECODE: "1", PYTHONIOENCODING: "utf-8" };
}

function byStatus(result: { errors: Record<string, TypedError> }): OfficialOperation["errors"] {
  return new Map(Object.entries(result.errors).map(([status, typed]) => [Number(status), typed]));
}

async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string, undefined> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const bytes of stream) {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
  return undefined;
}
