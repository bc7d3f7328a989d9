/** No image is built here: the steps of the Dockerfile are taken one by one in a temporary folder, and what they make is run. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { callServer, freePort, until } from "../program.ts";
import { contextOf, type Image, instructionsOf, readText, takeSteps } from "./dockerfile.ts";
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

/** The files a builder is sent, as someone has them who keeps his files to himself. */
function sentContext(): string {
  const folder = newFolder();
  for (const path of contextOf(root, ignore)) {
    cpSync(join(root, path), join(folder, path), { recursive: true });
    Bun.spawnSync(["chmod", "600", join(folder, path)]);
  }
  return folder;
}

describe("the image that the Dockerfile's steps make", () => {
  let image: Image;
  let context: string;
  let environment: Record<string, string>;
  let user: string[];
  beforeAll(async () => {
    if (process.getuid?.() !== 0) throw new Error("run the tests as root: this one becomes another user");
    context = sentContext();
    image = takeSteps(dockerfile, context);
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
  const untilHealthy = () =>
    until("it is healthy", async () => ((await run(image.healthcheck)).code === 0 ? true : undefined));

  test("belongs to a user that is not root, who can write in its volume and nowhere else in it", async () => {
    expect(image.user).toMatch(/^[1-9]\d{3,}:[1-9]\d{3,}$/);
    expect(image.volumes).toEqual(["/data"]);
    const { out } = await run(["find", image.root, "-writable", "-not", "-type", "l"]);
    expect(out.trim()).toBe(join(image.root, "/data"));
    const { mode, uid } = statSync(join(image.root, "/data"));
    expect([mode & 0o777, `${uid}`]).toEqual([0o700, image.user.split(":")[0] ?? ""]);
  });

  test("serves, is found healthy by its own check, stops at SIGTERM with 0, and is then unhealthy", async () => {
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

    const again = spawn(image.command); // the next container on the same volume
    await untilHealthy();
    expect(await call("keys.verifyKey", { key })).toMatchObject(verdict);
    again.kill("SIGINT");
    expect(await again.exited).toBe(0);
  });

  test("is made of no test, and of no file that the program does not run", () => {
    const files = Array.from(new Bun.Glob("**/*").scanSync({ cwd: join(image.root, "/app"), dot: true }));
    const own = files.filter((path) => !path.startsWith("node_modules/"));
    expect(own.filter((path) => !/^src\/.*\.(ts|js)$/.test(path)).sort()).toEqual([
      "LICENSE",
      "package.json",
    ]);
    expect(own.filter((path) => /\.(test|child)\.ts$/.test(path))).toEqual([]);
    const { dependencies } = JSON.parse(readText(join(root, "server/package.json")));
    for (const name of Object.keys(dependencies)) {
      const there = existsSync(join(image.root, "/app/node_modules", name));
      expect([name, there]).toEqual([name, name !== "bun"]);
    }
  });
});

test("data, keys and what git does not know are not sent to the builder", () => {
  const folder = newFolder();
  const secret = ["data/root-key", "server/data/latchkey.db", ".env", "server/.env", "node_modules/a/b.js"];
  const wanted = ["server/src/main.ts", "package.json", ".npmrc", "sdk/package.json"];
  for (const path of [...secret, ...wanted, "server/src/a.test.ts", "sdk/src/index.ts", "docs/a.md"]) {
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

  test("finds nothing in the Dockerfile", async () => {
    expect(await lint(dockerfile)).toMatchObject({ code: 0, output: "" });
  });

  test.each([
    ["a base image without a tag", /^FROM debian:\S+/m, "FROM debian", "DL3006"],
    ["packages of any version", /^USER .*/m, "RUN apt-get install -y curl", "DL3008"],
    ["root as the last user", /^USER .*/m, "USER root", "DL3002"],
    ["an entry point through a shell", /^ENTRYPOINT .*/m, "ENTRYPOINT latchkey", "DL3025"],
    ["a second CMD", /^CMD .*/m, 'CMD ["serve"]\nCMD ["serve"]', "DL4003"],
    ["a shell fault", /chmod -R a\+rX app/, "chmod -R a+rX $(ls app)", "SC2046"],
  ])("finds %s where it is planted", async (_what, place, planted, rule) => {
    const text = dockerfile.replace(place, () => planted);
    expect(text).not.toBe(dockerfile);
    expect(await lint(text)).toMatchObject({ code: 1, output: expect.stringContaining(rule) });
  });
});

test("the base images are named with their release", () => {
  const bases = instructionsOf(dockerfile).filter(({ name }) => name === "FROM");
  for (const { text } of bases) expect(text).toMatch(/^\w+:(\d+-)?bookworm-slim\b/);
});
