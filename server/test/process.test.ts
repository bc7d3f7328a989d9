/** The real program as a process among others: it starts in one sentence or not at all, and stops without losing anybody. */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import {
  callServer,
  freePort,
  newFolder,
  type ProgramOptions,
  runProgram,
  type Serving,
  startServing,
  until,
} from "./program.ts";
import { openRaw } from "./raw.ts";

setDefaultTimeout(60_000);

const rootKey = "root-key-of-the-process-tests-0123456789";
const inMemory = { DATABASE_URL: ":memory:", LATCHKEY_ROOT_KEY: rootKey };
const asNobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];

describe("what stands in the way of a start is said in one sentence, with exit code 1", () => {
  const refused = async (env: Record<string, string>, options: ProgramOptions = {}) => {
    const { code, stdout, stderr } = await runProgram(["serve"], { ...options, env: { PORT: "0", ...env } });
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(/^.+\.\n$/);
    return stderr;
  };

  test("a port, or an address for metrics, that is in use", async () => {
    const PORT = String(await freePort());
    const first = await startServing({ env: { ...inMemory, PORT } });
    const inUse = new RegExp(`127\\.0\\.0\\.1:${PORT} is in use already`);
    expect(await refused({ ...inMemory, PORT })).toMatch(inUse);
    const metrics = await refused({ ...inMemory, METRICS_ADDRESS: `127.0.0.1:${PORT}` });
    expect(metrics).toMatch(inUse);
    expect(metrics).toStartWith("METRICS_ADDRESS: ");
    first.child.kill("SIGINT");
    await first.ended;
  });

  test("an address that is not of this machine, or not for this user", async () => {
    expect(await refused({ ...inMemory, HOST: "203.0.113.1" })).toContain(
      "203.0.113.1:0 is no address of this machine",
    );
    if (process.getuid?.() !== 0) throw new Error("run the tests as root: this one becomes another user");
    const low = await refused({ ...inMemory, PORT: "81" }, { through: asNobody });
    expect(low).toContain("127.0.0.1:81 may not be listened on by this user");
  });

  test("a folder that cannot be written, a path through a file, a folder in place of a file", async () => {
    if (process.getuid?.() !== 0) throw new Error("run the tests as root: this one becomes another user");
    const folder = newFolder();
    chmodSync(folder, 0o755);
    for (const path of [`${folder}/new/latchkey.db`, `${folder}/latchkey.db`]) {
      expect(await refused({ DATABASE_URL: `file:${path}` }, { through: asNobody })).toContain(path);
    }
    writeFileSync(join(folder, "file"), "");
    mkdirSync(join(folder, "folder"));
    for (const path of [`${folder}/file/latchkey.db`, `${folder}/folder`]) {
      expect(await refused({ DATABASE_URL: `file:${path}` })).toContain(path);
    }
  });

  test("a database that is none, and one that another server serves", async () => {
    const path = join(newFolder(), "latchkey.db");
    writeFileSync(path, "this is a text, and no database at all. ".repeat(200));
    expect(await refused({ DATABASE_URL: `file:${path}` })).toContain("file is not a database");

    const env = { DATABASE_URL: `file:${newFolder()}/latchkey.db` };
    const first = await startServing({ env });
    expect(await refused(env)).toContain("Another Latchkey server serves");
    first.child.kill("SIGKILL");
    await first.ended;
    const second = await startServing({ env }); // a killed one leaves no lock behind
    second.child.kill("SIGINT");
    await second.ended;
  });

  test("a wrong setting, of whatever kind, before anything is made", async () => {
    const folder = newFolder();
    const DATABASE_URL = `file:${folder}/data/latchkey.db`;
    for (const [env, said] of [
      [{ PORT: "http" }, 'PORT ("http"): '],
      [{ LATCHKEY_ROOTKEY: "x" }, "LATCHKEY_ROOTKEY is not a setting"],
      [{ LATCHKEY_ROOT_KEY: "canary" }, "LATCHKEY_ROOT_KEY: "],
      [{ LATCHKEY_ROOT_KEY_FILE: "/no/such" }, 'LATCHKEY_ROOT_KEY_FILE ("/no/such"): '],
      [{ RECOVERY_KEY_FILE: folder }, `RECOVERY_KEY_FILE ("${folder}"): `],
      [{ TRUSTED_PROXIES: "10.0.0.0/99" }, "TRUSTED_PROXIES: 10.0.0.0/99 "],
      [{ LOG_LEVEL: "loud" }, 'LOG_LEVEL ("loud"): '],
    ] as const) {
      const sentence = await refused({ DATABASE_URL, ...env });
      expect(sentence).toStartWith(said);
      expect(sentence).not.toContain("canary");
    }
    const { code, stdout } = await runProgram(["workspace", "list"], { env: { DATABASE_URL } });
    expect([code, stdout]).toEqual([0, ""]); // there is none: no start came so far as to make one
  });
});

test("latchkey config shows the settings in force and no secret", async () => {
  const env = {
    ...inMemory,
    DATABASE_URL: "postgres://user:canary@host/db",
    RECOVERY_KEY: Buffer.alloc(32, 9).toString("base64"),
  };
  const { code, stdout, stderr } = await runProgram(["config"], { env });
  expect([code, stderr]).toEqual([0, ""]);
  expect(stdout).toContain("\nLATCHKEY_ROOT_KEY=********\n");
  for (const secret of ["canary", rootKey, env.RECOVERY_KEY]) expect(stdout).not.toContain(secret);
});

describe("a stop", () => {
  const createHead = (length: number) =>
    `POST /v2/identities.createIdentity HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${rootKey}\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n\r\n`;

  /** A request whose body has begun and not ended. */
  async function begin(server: Serving, externalId: string) {
    const body = JSON.stringify({ externalId });
    const connection = await openRaw(server.url);
    connection.send(createHead(body.length) + body.slice(0, 5));
    return { connection, finish: () => connection.send(body.slice(5)) };
  }

  test("by SIGTERM turns readiness off at once, serves for five seconds more and fails no request in flight", async () => {
    const server = await startServing({ env: inMemory });
    const early = await begin(server, "early");
    const late = await begin(server, "late");
    const { url, child } = server;
    expect((await fetch(`${url}/health/ready`)).status).toBe(200);

    const stoppedAtMs = performance.now();
    child.kill("SIGTERM");
    await until(
      "readiness fails",
      async () => ((await fetch(`${url}/health/ready`)).status === 503 ? true : undefined),
      2_000,
    );
    expect((await fetch(`${url}/health/live`)).status).toBe(200);
    early.finish();
    const answered = await early.connection.reply();
    expect([answered?.status, answered?.headers["connection"]]).toEqual([200, ["close"]]);
    await early.connection.closed;

    // clients that leave when they are told to, and come back, see no failure while the server is there
    let served = 0;
    while (performance.now() - stoppedAtMs < 4_500) {
      const { status, headers } = await callServer(url, rootKey, "identities.listIdentities", {});
      expect([status, headers.get("connection")]).toEqual([200, "close"]);
      served += 1;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(served).toBeGreaterThan(10);
    await until(
      "no new connection is taken",
      async () => {
        const refused = await fetch(`${url}/health/live`).catch(() => "refused" as const);
        return refused === "refused" ? true : undefined;
      },
      10_000,
    );
    late.finish(); // begun before the stop, finished after the listening ended
    expect((await late.connection.reply())?.status).toBe(200);
    const { code, signal, stderr } = await server.ended;
    expect([code, signal]).toEqual([0, null]);
    expect(performance.now() - stoppedAtMs).toBeLessThan(25_000);
    expect(stderr).not.toContain("rror");
  });

  test("by SIGINT does not wait for load balancers, and still answers what is in flight", async () => {
    const server = await startServing({ env: inMemory });
    const open = await begin(server, "open");
    server.child.kill("SIGINT");
    await until(
      "no new connection is taken",
      async () => {
        const refused = await fetch(`${server.url}/health/live`).catch(() => "refused" as const);
        return refused === "refused" ? true : undefined;
      },
      4_000,
    );
    open.finish();
    expect((await open.connection.reply())?.status).toBe(200);
    expect((await server.ended).code).toBe(0);
  });

  test("is not waited for by a second signal", async () => {
    const server = await startServing({ env: inMemory });
    await begin(server, "never");
    const { child } = server;
    child.kill("SIGTERM");
    await until(
      "the first is heard",
      async () => ((await fetch(`${server.url}/health/ready`)).status === 503 ? true : undefined),
      2_000,
    );
    child.kill("SIGINT");
    expect((await server.ended).code).toBe(1);
  });

  test("reaches the server through the command that npm start runs", async () => {
    const bin = join(dirname(import.meta.dir), "bin", "latchkey.mjs");
    const env = { ...inMemory, PORT: String(await freePort()), PATH: process.env["PATH"] ?? "" };
    const child = Bun.spawn(["node", bin, "serve"], { env, stdout: "pipe", stderr: "pipe" });
    const url = `http://127.0.0.1:${env.PORT}`;
    await until(
      "it serves",
      async () => (await fetch(`${url}/health/live`).catch(() => undefined))?.ok || undefined,
    );
    child.kill("SIGINT");
    expect(await child.exited).toBe(0);
    expect(await fetch(`${url}/health/live`).catch(() => "gone")).toBe("gone");
  });
});

test("a log that nobody can take stops no request, and no stop", async () => {
  const folder = newFolder();
  const env = { DATABASE_URL: `file:${folder}/latchkey.db` };
  for (const through of [
    undefined,
    ["sh", "-c", 'exec "$@" > /dev/full', "sh"],
    ["sh", "-c", 'exec "$@" >&-', "sh"],
  ]) {
    const server = await startServing(through === undefined ? { env } : { env, through });
    server.child.stdout?.destroy();
    const key = readFileSync(join(folder, "root-key"), "utf8").trim();
    for (let i = 0; i < 50; i += 1) {
      expect(
        (await callServer(server.url, key, "identities.getIdentity", { identity: "nobody" })).status,
      ).toBe(404);
    }
    server.child.kill("SIGINT");
    const { code, stderr } = await server.ended;
    expect(code).toBe(0);
    expect(stderr).not.toContain("rror");
  }
});
