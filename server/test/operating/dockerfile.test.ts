/** Tests the Dockerfile without building an image: runs its steps in a temporary folder, and then runs the result. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { cpSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { loadedFiles } from "../packed.ts";
import { callServer, freePort } from "../program.ts";
import { until } from "../until.ts";
import { contextOf, type Image, instructionsOf, readText, runSteps } from "./dockerfile.ts";
import { tool } from "./tools.ts";

setDefaultTimeout(120_000);

const root = join(import.meta.dir, "../../..");
const dockerfile = readText(join(root, "Dockerfile"));
const ignore = readText(join(root, ".dockerignore"));
const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "latchkey-context-"));
  folders.push(folder);
  return folder;
}

/** Creates the build context, in which only the owner can read the files, and returns its folder. */
function sentContext(): string {
  const folder = newFolder();
  for (const path of contextOf(root, ignore)) {
    cpSync(join(root, path), join(folder, path), { recursive: true });
    Bun.spawnSync(["chmod", "600", join(folder, path)]);
  }
  return folder;
}

describe("the image that the Dockerfile's steps build", () => {
  let image: Image;
  let context: string;
  let environment: Record<string, string>;
  let user: string[];
  beforeAll(async () => {
    if (process.getuid?.() !== 0)
      throw new Error("Run the tests as root: this one switches to another user.");
    context = sentContext();
    image = runSteps(dockerfile, context);
    folders.push(image.root);
    const path = `${image.root}/usr/local/bin:/usr/bin:/bin`;
    environment = { PATH: path, ...image.environment, PORT: String(await freePort()), LOG_LEVEL: "warn" };
    const [uid, gid] = image.user.split(":");
    user = ["setpriv", `--reuid=${uid}`, `--regid=${gid}`, "--clear-groups", "--no-new-privs"];
  });

  const spawn = (words: readonly string[]) =>
    Bun.spawn([...user, ...words], {
      cwd: join(image.root, image.workdir),
      env: environment,
      stdout: "pipe",
      stderr: "pipe",
    });
  const run = async (words: readonly string[]) => {
    const child = spawn(words);
    const [code, out, err] = await Promise.all([child.exited, child.stdout.text(), child.stderr.text()]);
    return { code, out, err };
  };
  const url = () => `http://127.0.0.1:${environment["PORT"]}`;
  const untilHealthy = () => until(async () => (await run(image.healthcheck)).code === 0);

  test("runs as a user other than root, who can write only to the volume", async () => {
    expect(image.user).toMatch(/^[1-9]\d{3,}:[1-9]\d{3,}$/);
    expect(image.volumes).toEqual(["/data"]);
    const { out } = await run(["find", image.root, "-writable", "-not", "-type", "l"]);
    expect(out.trim()).toBe(join(image.root, "/data"));
    const { mode, uid } = statSync(join(image.root, "/data"));
    expect([mode & 0o777, `${uid}`]).toEqual([0o700, image.user.split(":")[0] ?? ""]);
  });

  test("serves, passes its health check, exits with 0 on SIGTERM, and then fails the check", async () => {
    expect((await run(image.healthcheck)).code).toBe(1);
    const server = spawn(image.command);
    await untilHealthy();
    const keyFile = join(image.root, "/data/root-key");
    expect(statSync(keyFile).mode & 0o777).toBe(0o600);
    const rootKey = readText(keyFile).trim();
    const call = async (operation: string, body: object) =>
      (await callServer(url(), rootKey, operation, body)).body.data;
    await call("identities.createIdentity", { externalId: "user_123", meta: { plan: "pro" } });
    const { apiId } = await call("apis.createApi", { name: "payments" });
    const { key } = await call("keys.createKey", { apiId, externalId: "user_123" });
    const verdict = { valid: true, identity: { meta: { plan: "pro" } } };
    expect(await call("keys.verifyKey", { key })).toMatchObject(verdict);
    const listed = await run([...image.command.slice(0, 1), "workspace", "list"]);
    expect(listed).toMatchObject({ code: 0, out: expect.stringContaining('"name":"default"') });
    server.kill("SIGTERM");
    expect(await server.exited).toBe(0);
    expect((await run(image.healthcheck)).code).toBe(1);

    const again = spawn(image.command); // stands for the next container on the same volume
    await untilHealthy();
    expect(await call("keys.verifyKey", { key })).toMatchObject(verdict);
    again.kill("SIGINT");
    expect(await again.exited).toBe(0);
  });

  test("contains the bundled program and its licenses, and no other file", () => {
    const files = Array.from(new Bun.Glob("**/*").scanSync({ cwd: join(image.root, "/app"), dot: true }));
    const loaded = loadedFiles(join(image.root, "/app/dist"));
    const wanted = ["LICENSE", "dist/LICENSES.txt", ...loaded.map((name) => `dist/${name}`)];
    expect(files.sort()).toEqual(wanted.sort());
  });
});

test("the build context contains no data, keys or untracked files", () => {
  const folder = newFolder();
  const secret = ["data/root-key", "server/data/latchkey.db", ".env", "server/.env", "node_modules/a/b.js"];
  const wanted = ["server/src/main.ts", "package.json", ".npmrc", "sdk/package.json", "docs/a.md"];
  for (const path of [...secret, ...wanted, "server/src/a.test.ts", "sdk/src/index.ts", "bench/a.md"]) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), "");
  }
  expect(contextOf(folder, ignore).sort()).toEqual(wanted.sort());
});

describe("hadolint", () => {
  const lint = async (text: string) => {
    const path = join(newFolder(), "Dockerfile");
    writeFileSync(path, text);
    return tool("hadolint", ["--no-color", path]);
  };

  test("reports nothing for the Dockerfile", async () => {
    expect(await lint(dockerfile)).toMatchObject({ code: 0, output: "" });
  });

  test.each([
    ["a base image without a tag", /^FROM debian:\S+/m, "FROM debian", "DL3006"],
    ["packages without a version", /^USER .*/m, "RUN apt-get install -y curl", "DL3008"],
    ["root as the last user", /^USER .*/m, "USER root", "DL3002"],
    ["an entry point through a shell", /^ENTRYPOINT .*/m, "ENTRYPOINT latchkey", "DL3025"],
    ["a second CMD", /^CMD .*/m, 'CMD ["serve"]\nCMD ["serve"]', "DL4003"],
    ["a shell mistake", /chmod -R a\+rX app/, "chmod -R a+rX $(ls app)", "SC2046"],
  ])("reports %s when it is planted", async (_what, place, planted, rule) => {
    const text = dockerfile.replace(place, () => planted);
    expect(text).not.toBe(dockerfile);
    expect(await lint(text)).toMatchObject({ code: 1, output: expect.stringContaining(rule) });
  });
});

test("the base images name their release", () => {
  const bases = instructionsOf(dockerfile).filter(({ name }) => name === "FROM");
  for (const { text } of bases) expect(text).toMatch(/^\w+:(\d+-)?bookworm-slim\b/);
});
