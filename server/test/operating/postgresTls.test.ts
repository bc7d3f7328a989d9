/** Tests what docs/operating says about TLS, with a PostgreSQL that uses TLS. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { copyFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { makeCertificates } from "../certificates.ts";
import { newRootKey, startNode } from "../nodes/node.ts";
import { type PostgresServer, startPostgres } from "../nodes/postgresServer.ts";
import { newFolder } from "../program.ts";
import { until } from "../until.ts";

const folder = newFolder();
const authority = { NODE_EXTRA_CA_CERTS: join(folder, "authority.crt") };
const rootKey = newRootKey();

let server: PostgresServer;
beforeAll(async () => {
  server = await startPostgres();
  makeCertificates(folder);
  const { uid, gid } = statSync(server.folder);
  for (const name of ["server.crt", "server.key"]) {
    copyFileSync(join(folder, name), join(server.folder, name));
    const owned = Bun.spawnSync(["chown", `${uid}:${gid}`, join(server.folder, name)]);
    expect(owned.exitCode).toBe(0);
  }
  Bun.spawnSync(["chmod", "600", join(server.folder, "server.key")]);
  await server.ask("alter system set ssl = on", "select pg_reload_conf()");
  await until(async () => (await server.ask("show ssl"))[0]?.["ssl"] === "on");
}, 60_000);
afterAll(() => server.stop());

/** Starts a node that connects to PostgreSQL by this host name. If it does not start, returns its error message. */
function start(host: string, query: string, environment: Record<string, string>) {
  const url = new URL(server.url);
  url.hostname = host;
  url.search = query;
  return startNode({ databaseUrl: url.href, rootKey, environment }).catch((error: Error) => error.message);
}

test("verify-full with a private authority: every connection of a node is encrypted", async () => {
  const node = await start("localhost", "sslmode=verify-full", authority);
  if (typeof node === "string") throw new Error(node);
  await node.call("apis.createApi", { name: "payments" });
  const rows = await server.ask(
    `select "ssl" from pg_stat_ssl join pg_stat_activity using (pid)
      where backend_type = 'client backend' and pid <> pg_backend_pid()`,
  );
  expect(rows.length).toBeGreaterThan(0);
  expect(rows.filter(({ ssl }) => ssl !== true)).toEqual([]);
  await node.kill();
}, 30_000);

test("verify-full: a node does not start if the certificate is untrusted or has another name", async () => {
  const untrusted = await start("localhost", "sslmode=verify-full", {});
  const otherName = await start("127.0.0.1", "sslmode=verify-full", authority);
  expect(untrusted).toContain("unable to verify the first certificate");
  expect(otherName).toContain("does not match certificate's altnames");
}, 30_000);
