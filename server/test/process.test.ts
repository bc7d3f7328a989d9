/** Tests that the real program starts or says in one sentence why not, and that it stops without failing a request. */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { spawn } from "node:child_process";
import {
  chmodSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { databaseUrl } from "../src/domain/databaseAddress.ts";
import {
  callServer,
  freePort,
  newFolder,
  type ProgramOptions,
  runProgram,
  type Serving,
  startProgram,
  startServing,
} from "./program.ts";
import { openRaw } from "./raw.ts";
import { until } from "./until.ts";

setDefaultTimeout(60_000);

const rootKey = "root-key-of-the-process-tests-0123456789";
const inMemory = { DATABASE_URL: ":memory:", LATCHKEY_ROOT_KEY: rootKey };
const asNobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];

describe("the program exits with code 1 and names in one sentence:", () => {
  const refused = async (env: Record<string, string>, options: ProgramOptions = {}) => {
    const { code, stdout, stderr } = await runProgram(["serve"], { ...options, env: { PORT: "0", ...env } });
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(/^.+\.\n$/);
    return stderr;
  };

  test("a port, or an address for metrics, that another process uses", async () => {
    const PORT = String(await freePort());
    const first = await startServing({ env: { ...inMemory, PORT } });
    const inUse = new RegExp(`127\\.0\\.0\\.1:${PORT} is already in use`);
    expect(await refused({ ...inMemory, PORT })).toMatch(inUse);
    const metrics = await refused({ ...inMemory, METRICS_ADDRESS: `127.0.0.1:${PORT}` });
    expect(metrics).toMatch(inUse);
    expect(metrics).toStartWith("METRICS_ADDRESS: ");
    first.child.kill("SIGINT");
    await first.ended;
  });

  test("an address that is not of this machine, or on which this user is not allowed to listen", async () => {
    expect(await refused({ ...inMemory, HOST: "203.0.113.1" })).toStartWith(
      "HOST and PORT: 203.0.113.1:0 is not an address of this machine",
    );
    if (process.getuid?.() !== 0) throw new Error("run the tests as root: this one becomes another user");
    const low = await refused({ ...inMemory, PORT: "81" }, { through: asNobody });
    expect(low).toContain("127.0.0.1:81 cannot be used, because this user is not allowed to listen on it");
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

  test("a file that is not a database, and a database that another server serves", async () => {
    const path = join(newFolder(), "latchkey.db");
    writeFileSync(path, "this is a text, and no database at all. ".repeat(200));
    expect(await refused({ DATABASE_URL: `file:${path}` })).toContain("file is not a database");

    const env = { DATABASE_URL: `file:${newFolder()}/latchkey.db` };
    const first = await startServing({ env });
    expect(await refused(env)).toContain("Another Latchkey server already serves");
    first.child.kill("SIGKILL");
    await first.ended;
    const second = await startServing({ env }); // succeeds, since a killed server leaves no lock behind
    second.child.kill("SIGINT");
    await second.ended;
  });

  test("a database that another server serves under another name, by a symbolic or a hard link", async () => {
    const folder = newFolder();
    const first = await startServing({ env: { DATABASE_URL: `file:${folder}/latchkey.db` } });
    symlinkSync(join(folder, "latchkey.db"), join(folder, "symbolic.db"));
    expect(await refused({ DATABASE_URL: `file:${folder}/symbolic.db` })).toContain(
      "Another Latchkey server",
    );
    linkSync(join(folder, "latchkey.db"), join(folder, "hard.db"));
    expect(await refused({ DATABASE_URL: `file:${folder}/hard.db` })).toContain("a hard link");
    first.child.kill("SIGINT");
    await first.ended;
  });

  test("a database, or a file beside it, that cannot be written", async () => {
    const folder = newFolder();
    const env = { DATABASE_URL: `file:${folder}/latchkey.db` };
    const first = await startServing({ env });
    first.child.kill("SIGINT");
    await first.ended;
    chmodSync(folder, 0o777);
    for (const name of readdirSync(folder)) chmodSync(join(folder, name), 0o666);
    for (const name of ["latchkey.db", "latchkey.db-wal"]) {
      chmodSync(join(folder, name), 0o444);
      expect(await refused(env, { through: asNobody })).toContain(`${name} cannot be written by this user`);
      chmodSync(join(folder, name), 0o666);
    }
  });

  test("an invalid setting of any kind, before it creates any file", async () => {
    const folder = newFolder();
    const DATABASE_URL = `file:${folder}/data/latchkey.db`;
    for (const [env, said] of [
      [{ PORT: "http" }, 'PORT ("http"): '],
      [{ LATCHKEY_ROOT_KEY: "canary" }, "LATCHKEY_ROOT_KEY: "],
      [{ LATCHKEY_ROOT_KEY_FILE: "/no/such" }, 'LATCHKEY_ROOT_KEY_FILE ("/no/such"): '],
      [{ RECOVERY_KEY_FILE: folder }, `RECOVERY_KEY_FILE ("${folder}"): `],
      [{ TRUSTED_PROXIES: "10.0.0.0/99" }, "TRUSTED_PROXIES: 10.0.0.0/99 "],
      [{ LOG_LEVEL: "loud" }, 'LOG_LEVEL ("loud") is not one of the allowed values: use "debug" or "info" '],
    ] as const) {
      const sentence = await refused({ DATABASE_URL, ...env });
      expect(sentence).toStartWith(said);
      expect(sentence).not.toContain("canary");
    }
    expect(readdirSync(folder)).toEqual([]);
  });
});

test("on a terminal, the start message and the root key are plain text, in no color", async () => {
  const command = [process.execPath, join(import.meta.dir, "../src/main.ts"), "serve"].join(" ");
  const env = { PORT: "0", DATABASE_URL: ":memory:", LOG_LEVEL: "error" };
  const shown = Bun.spawn(["script", "-qefc", command, "/dev/null"], {
    env: { PATH: process.env["PATH"], ...env },
    stdin: "ignore",
    stdout: "pipe",
  });
  let text = "";
  for await (const part of shown.stdout) {
    text += new TextDecoder().decode(part);
    if (text.includes("externalId")) break;
  }
  shown.kill();
  expect(text).toContain("Latchkey listens on http://127.0.0.1:");
  expect(text).toContain("Root key (shown once): latchkey_root_");
  expect(text).toMatch(/Documentation: http:\/\/127\.0\.0\.1:\d+\/docs\s/);
  expect(text).not.toContain("\u001b");
});

test.each(["a message", "its end"])(
  "a launcher that cannot send signals stops the server by %s on its IPC channel, and the server drains first",
  async (by) => {
    const port = await freePort();
    const child = spawn(process.execPath, [join(import.meta.dir, "../src/main.ts"), "serve"], {
      env: { PATH: process.env["PATH"], PORT: String(port), ...inMemory },
      stdio: ["ignore", "ignore", "ignore", "ipc"],
    });
    const status = async () =>
      (await fetch(`http://127.0.0.1:${port}/health/ready`).catch(() => undefined))?.status;
    await until(async () => (await status()) === 200);
    if (by === "a message") child.send("SIGTERM");
    else child.disconnect();
    await until(async () => (await status()) === 503); // not ready any more: it drains before it stops
    const code = await new Promise((resolve) => child.on("exit", resolve));
    expect(code).toBe(0);
  },
);

test("latchkey config shows the effective settings and no secret", async () => {
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

  /** Sends a request without the end of its body. */
  async function begin(server: Serving, externalId: string) {
    const body = JSON.stringify({ externalId });
    const connection = await openRaw(server.url);
    connection.send(createHead(body.length) + body.slice(0, 5));
    await fetch(`${server.url}/health/live`); // when this has a response, the server has read what was sent before
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
    await until(async () => (await fetch(`${url}/health/ready`)).status === 503, 2_000);
    expect((await fetch(`${url}/health/live`)).status).toBe(200);
    early.finish();
    const response = await early.connection.reply();
    expect([response?.status, response?.headers["connection"]]).toEqual([200, ["close"]]);
    await early.connection.closed;

    // a client that closes its connection when it is asked to, and opens another one, sees no failure while the
    // server runs
    let served = 0;
    while (performance.now() - stoppedAtMs < 4_500) {
      const { status, headers } = await callServer(url, rootKey, "identities.listIdentities", {});
      expect([status, headers.get("connection")]).toEqual([200, "close"]);
      served += 1;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(served).toBeGreaterThan(10);
    await until(async () => {
      const refused = await fetch(`${url}/health/live`).catch(() => "refused" as const);
      return refused === "refused";
    }, 10_000);
    late.finish(); // this request began before the stop, and ends when the server no longer listens
    expect((await late.connection.reply())?.status).toBe(200);
    const { code, signal, stderr } = await server.ended;
    expect([code, signal]).toEqual([0, null]);
    expect(performance.now() - stoppedAtMs).toBeLessThan(25_000);
    expect(stderr).not.toContain("rror");
  });

  test("by SIGTERM still serves callers that first use their idle connection up to six seconds later", async () => {
    const server = await startServing({ env: inMemory });
    const body = "{}";
    const request = `${createHead(body.length).replace("createIdentity", "listIdentities")}${body}`;
    const connections = await Promise.all(Array.from({ length: 60 }, () => openRaw(server.url)));
    for (const connection of connections) connection.send(request);
    for (const connection of connections) expect((await connection.reply())?.status).toBe(200);
    server.child.kill("SIGTERM");
    const outcomes = connections.map(async (connection, index) => {
      await new Promise((resolve) => setTimeout(resolve, (index + 1) * 100));
      connection.send(request);
      const reply = await connection.reply();
      return [reply?.status, reply?.headers["connection"]?.[0]].join(" ");
    });
    expect(new Set(await Promise.all(outcomes))).toEqual(new Set(["200 close"]));
    expect((await server.ended).code).toBe(0);
  });

  test("by SIGTERM ends although a caller keeps its connection open", async () => {
    const server = await startServing({ env: inMemory });
    server.child.kill("SIGTERM");
    let isOver = false;
    void server.ended.then(() => {
      isOver = true;
    });
    let served = 0;
    while (!isOver) {
      const reply = await callServer(server.url, rootKey, "identities.listIdentities", {}).catch(
        () => undefined,
      );
      if (reply?.status === 200) served += 1;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(served).toBeGreaterThan(10);
    expect((await server.ended).code).toBe(0);
  });

  test("by SIGINT does not wait for load balancers, and still responds to requests in flight", async () => {
    const server = await startServing({ env: inMemory });
    const open = await begin(server, "open");
    server.child.kill("SIGINT");
    await until(async () => {
      const refused = await fetch(`${server.url}/health/live`).catch(() => "refused" as const);
      return refused === "refused";
    }, 4_000);
    open.finish();
    expect((await open.connection.reply())?.status).toBe(200);
    expect((await server.ended).code).toBe(0);
  });

  test("ends at once on a second signal", async () => {
    const server = await startServing({ env: inMemory });
    await begin(server, "never");
    const { child } = server;
    child.kill("SIGTERM");
    await until(async () => (await fetch(`${server.url}/health/ready`)).status === 503, 2_000);
    child.kill("SIGINT");
    expect((await server.ended).code).toBe(1);
  });
});

test("a server without a terminal ignores SIGHUP, so that it keeps running under nohup", async () => {
  const server = await startServing({ env: inMemory });
  server.child.kill("SIGHUP");
  expect((await fetch(`${server.url}/health/ready`)).status).toBe(200);
  server.child.kill("SIGINT"); // if SIGHUP had counted as a signal, this second one would lead to code 1
  expect((await server.ended).code).toBe(0);
});

test("a server drains and ends when the terminal that it runs on closes", async () => {
  const PORT = String(await freePort());
  const onTerminal = ["sh", "-c", 'exec script -qec "$*" /dev/null', "sh"];
  const terminal = startProgram(["serve"], { env: { ...inMemory, PORT }, through: onTerminal });
  const ready = async () =>
    (await fetch(`http://127.0.0.1:${PORT}/health/ready`).catch(() => undefined))?.status;
  await until(async () => (await ready()) === 200);
  terminal.child.kill("SIGKILL");
  await until(async () => (await ready()) === 503);
  await until(async () => (await ready()) === undefined, 30_000);
});

test("a database file whose path contains %, ? and # keeps its records, counters, usage and root key beside it, and its backup too", async () => {
  const urlOf = (...path: string[]) => databaseUrl({ kind: "file", path: join(...path) });
  const folder = join(newFolder(), "100% a?b=c#d");
  const name = "keys%41?mode=memory#1.db";
  const env = { DATABASE_URL: urlOf(folder, name) };
  const serve = () => startServing({ env: { ...env, LOG_LEVEL: "error" } });
  const first = await serve();
  const rootKey = readFileSync(join(folder, "root-key"), "utf8").trim();
  const data = async ({ url }: Serving, operation: string, body: object) => {
    const reply = await callServer(url, rootKey, operation, body);
    expect([operation, reply.status]).toEqual([operation, 200]);
    return reply.body.data;
  };
  const counted = { namespace: "emails", identifier: "user_1", limit: 10, duration: 86_400_000 };
  const { apiId } = await data(first, "apis.createApi", { name: "payments" });
  const { key, keyId } = await data(first, "keys.createKey", { apiId });
  expect(await data(first, "keys.verifyKey", { key })).toMatchObject({ code: "VALID" });
  expect(await data(first, "ratelimit.limit", counted)).toMatchObject({ remaining: 9 });
  first.child.kill("SIGINT");
  expect((await first.ended).code).toBe(0);

  const second = await serve();
  expect(await data(second, "keys.verifyKey", { key })).toMatchObject({ code: "VALID" });
  expect(await data(second, "ratelimit.limit", counted)).toMatchObject({ remaining: 8 });
  expect(await data(second, "keys.getKey", { keyId })).toMatchObject({ lastUsedAt: expect.any(Number) });
  const copies = join(folder, "copies%20?#");
  const backup = await runProgram(["backup", copies], { env });
  expect([backup.code, backup.stderr]).toEqual([0, ""]);
  second.child.kill("SIGINT");
  await second.ended;

  expect(readdirSync(copies).toSorted()).toEqual([name, `${name}-usage`]);
  expect(readdirSync(join(folder, ".."))).toEqual(["100% a?b=c#d"]);
  const beside = readdirSync(folder).filter((file) => !file.startsWith(name));
  expect(beside.toSorted()).toEqual(["copies%20?#", "root-key"]);
  expect(readdirSync(folder)).toEqual(expect.arrayContaining([name, `${name}-usage`, `${name}.counters`]));
  const restored = await startServing({ env: { DATABASE_URL: urlOf(copies, name) } });
  expect(await data(restored, "keys.verifyKey", { key })).toMatchObject({ code: "VALID" });
  restored.child.kill("SIGINT");
  await restored.ended;
});

test("variables of a Kubernetes service named latchkey do not prevent a start, and a mistyped setting is a warning", async () => {
  const links = { LATCHKEY_SERVICE_HOST: "10.0.171.239", LATCHKEY_PORT: "tcp://10.0.171.239:7070" };
  const server = await startServing({ env: { ...inMemory, ...links, LATCHKEY_ROOTKEY: "canary" } });
  expect(server.stderr()).toStartWith(
    "LATCHKEY_ROOTKEY is not a setting and is ignored. Did you mean LATCHKEY_ROOT_KEY?\n",
  );
  expect(server.stderr()).not.toMatch(/canary|LATCHKEY_SERVICE_HOST|LATCHKEY_PORT/);
  server.child.kill("SIGINT");
  await server.ended;
});

test("a log that cannot be written blocks neither requests nor a stop", async () => {
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
