import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Call, tellStory } from "../../scripts/demo.ts";
import { startTest, type TestServer } from "./harness.ts";
import { testServer } from "./setUp.ts";

const root = join(import.meta.dir, "../..");
const programs = join(root, "node_modules/.bin");

/** A shell block of a page, and the output that the block after it shows. */
type Example = { code: string; promised: string | undefined };

/** Returns the examples on a page that this test can run: shell blocks that call the server, without npm commands. */
function examplesOf(page: string): Example[] {
  const blocks = [...page.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].map(([, language, text = ""]) => ({
    language,
    text,
  }));
  return blocks.flatMap(({ language, text }, index) => {
    if (language !== "sh" || !/\bcurl |\bcall [a-zA-Z]+\.|\blatchkey_root_…|\bnpx latchkey /.test(text))
      return [];
    const next = blocks[index + 1];
    const isOutput = next?.language === "json" || next?.language === "text";
    return [{ code: text, promised: isOutput ? next.text : undefined }];
  });
}

const mark = "\u001e";

/** Runs the examples in one shell, as a reader would. Returns what each prints. */
async function runExamples(examples: readonly Example[], server: TestServer): Promise<string[]> {
  const script = examples
    .map(({ code }) => code.replaceAll("latchkey_root_…", server.rootKey))
    .join(`\nprintf '${mark}'\n`)
    .replaceAll("http://127.0.0.1:7070", server.url);
  return (await shell(script, server.folder, { LATCHKEY_URL: server.url })).split(mark);
}

/** Runs the script and returns what it prints. Throws if a command fails. */
async function shell(script: string, folder: string, settings: Record<string, string> = {}): Promise<string> {
  const run = Bun.spawn(["bash", "-euo", "pipefail", "-c", script], {
    cwd: folder,
    env: { PATH: `${programs}:${process.env["PATH"]}`, HOME: tmpdir(), ...settings },
    stderr: "pipe",
  });
  const [printed, complaint] = await Promise.all([run.stdout.text(), run.stderr.text()]);
  if ((await run.exited) !== 0)
    throw new Error(`${script}\nended with ${run.exitCode}: ${complaint}${printed}`);
  return printed;
}

/** Returns whether the output fits what the page shows. There, `…` stands for any text, and a time for any time. */
function fits(promised: unknown, given: unknown): boolean {
  if (typeof promised === "string" && typeof given === "string") {
    const pattern = promised.split("…").map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&"));
    return new RegExp(`^${pattern.join(".+")}$`).test(given);
  }
  const firstInstant = 1_500_000_000_000;
  if (Number(promised) > firstInstant) return Number(given) > firstInstant;
  if (typeof promised !== "object" || promised === null || typeof given !== "object" || given === null) {
    return promised === given;
  }
  const members = Object.entries(promised);
  return (
    members.length === Object.keys(given).length &&
    members.every(([name, value]) => fits(value, (given as Record<string, unknown>)[name]))
  );
}

function judge({ code, promised }: Example, printed: string): void {
  const failed = /"error":\s*\{/.test(printed) && !/"error":\s*\{/.test(promised ?? "");
  if (failed) throw new Error(`${code}returns ${printed}`);
  if (promised === undefined) return;
  const isJson = promised.startsWith("{");
  const asPromised = isJson
    ? fits(JSON.parse(promised), JSON.parse(printed))
    : fits(promised.trimEnd(), printed.trim());
  if (!asPromised) throw new Error(`${code}promises\n${promised}\nand returns\n${printed}`);
}

function pagesWithExamples(): string[] {
  const pages = readdirSync(join(root, "docs"), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".md"))
    .map((name) => `docs/${name}`);
  // sdk/test/quickstarts.test.ts runs their examples, together with the applications
  const played = /^docs\/quickstarts\//;
  return ["README.md", ...pages].filter((page) => !played.test(page) && examplesOf(read(page)).length > 0);
}

function read(path: string): string {
  return readFileSync(join(root, path), "utf8");
}

describe.each(pagesWithExamples())("%s", (page) => {
  const server = testServer();
  beforeAll(async () => {
    // with a package.json in the current folder, npx uses the commands that are installed there
    writeFileSync(join(server.folder, "package.json"), "{}");
    symlinkSync(join(root, "node_modules"), join(server.folder, "node_modules"));
  });

  test("its examples return exactly what the page shows", async () => {
    const examples = examplesOf(read(page));
    const printed = await runExamples(examples, server);
    for (const [index, example] of examples.entries()) judge(example, printed[index] ?? "");
  }, 120_000);
});

describe("npm start", () => {
  const folder = mkdtempSync(join(tmpdir(), "latchkey-start-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test("prints a first call that works unchanged", async () => {
    const { scripts } = JSON.parse(read("package.json"));
    const started = Bun.spawn(["bash", "-c", scripts.start], {
      cwd: folder,
      env: { PATH: `${programs}:${process.env["PATH"]}`, HOME: folder, PORT: "0" },
      stdout: "ignore",
      stderr: "pipe",
    });
    try {
      const greeting = await readUntil(started.stderr, "}'");
      const call = greeting.slice(greeting.indexOf("curl"));
      expect(JSON.parse(await shell(call, folder))).toMatchObject({
        data: { identityId: expect.any(String) },
      });
      started.kill("SIGINT");
      expect(await started.exited).toBe(0);
    } finally {
      started.kill("SIGKILL");
    }
  }, 120_000);
});

async function readUntil(stream: ReadableStream<Uint8Array>, end: string): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const bytes of stream) {
    text += decoder.decode(bytes, { stream: true });
    if (text.includes(end)) return text;
  }
  throw new Error(`It ended before it printed ${end}: ${text}`);
}

describe("npm run demo", () => {
  test("tells the story to its end, and exits with 0", async () => {
    const { scripts } = JSON.parse(read("package.json"));
    const printed = await shell(scripts.demo, root);
    expect(printed).toContain('"code":"RATE_LIMITED"');
    expect(printed).toEndWith("All responses are as expected.\n");
  }, 120_000);

  test("fails if the limit is not enforced", async () => {
    const server = await startTest();
    const withoutLimits: Call = async (operation, body) => {
      const { status, body: envelope } = await server.call(operation, { ...body, ratelimits: undefined });
      return { status, data: envelope.data };
    };
    const told: string[] = [];
    expect(await tellStory(withoutLimits, (text) => told.push(text))).toBe(false);
    expect(told.at(-1)).toBe("   This is not the expected response.");
    await server.stop();
  });
});

test("an example that returns something else is noticed", () => {
  const promised = '{ "meta": { "requestId": "req_…" }, "data": { "valid": true, "reset": 1767225660000 } }';
  const judging = (response: object) => () => judge({ code: "", promised }, JSON.stringify(response));
  const meta = { requestId: "req_1" };
  expect(judging({ meta, data: { valid: true, reset: 1_800_000_000_000 } })).not.toThrow();
  expect(judging({ meta, data: { valid: false, reset: 1_800_000_000_000 } })).toThrow();
  expect(judging({ meta, data: { valid: true, reset: 1 } })).toThrow();
  expect(judging({ meta, data: { valid: true } })).toThrow();
  expect(judging({ meta, data: { valid: true, reset: 1_800_000_000_000, more: 1 } })).toThrow();
  expect(judging({ meta: { requestId: "id_1" }, data: { valid: true, reset: 1_800_000_000_000 } })).toThrow();
  expect(() => judge({ code: "", promised: undefined }, '{"error":{"status":400}}')).toThrow();
});

test("the README shows both commands in a block before line 30, and the pages that the top-level documents name exist", () => {
  const readme = read("README.md");
  const early = readme.split("\n").slice(0, 29).join("\n");
  expect(early).toMatch(/```sh\nnpm ci && npm start[^`]*\nnpm ci && npm test[^`]*```/);
  for (const page of [
    "README.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "ARCHITECTURE.md",
    "AGENTS.md",
    "CHANGELOG.md",
    "llms.txt",
  ]) {
    const named = [...read(page).matchAll(/\]\(([^):#]+)\)/g)].map(([, path = ""]) => path);
    for (const path of named) expect(read(path)).not.toBe("");
  }
});
