import { afterAll, beforeAll, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { appendFileSync, rmSync, statfsSync } from "node:fs";
import { join } from "node:path";
import { SQL } from "bun";
import { newFolder } from "../program.ts";
import { type Services, startServices } from "../services.ts";
import { until } from "../until.ts";
import { type Node, newRootKey, startNode } from "./node.ts";

const disk = newFolder();
const filler = join(disk, "filler");
/** whether a small disk could be mounted, which only root can do; if not, the test is skipped */
const isMounted = spawnSync("mount", ["-t", "tmpfs", "-o", "size=32m", "none", disk]).status === 0;

let services: Services;
let databaseUrl: string;
let node: Node;

beforeAll(async () => {
  if (!isMounted) return;
  const { TEST_DATABASE_URL: _, ...environment } = process.env;
  services = await startServices("postgres", environment);
  const { TEST_DATABASE_URL: url = "", TEST_POSTGRES_DATA: data = "" } = services.environment;
  spawnSync("chown", ["--reference", data, disk]);
  const admin = new SQL(url, { max: 1 });
  await admin.unsafe(`create tablespace small location '${disk}'`);
  await admin.unsafe("create database small tablespace small");
  await admin.close();
  databaseUrl = url.replace(/[^/]*$/, "small");
  node = await startNode({ databaseUrl, rootKey: newRootKey() });
}, 60_000);

afterAll(async () => {
  if (isMounted) {
    await node.kill();
    await services.stop();
    spawnSync("umount", ["--lazy", disk]);
  }
  rmSync(disk, { recursive: true, force: true });
});

/** Fills the rest of the disk, to the last page. */
function fillUp(): void {
  const { bavail, bsize } = statfsSync(disk);
  appendFileSync(filler, new Uint8Array(bavail * bsize));
}

const data = async (operation: string, body: unknown) => (await node.call(operation, body)).body.data;
const codeOf = async (key: string) => (await data("keys.verifyKey", { key })).code as string;

test.skipIf(!isMounted)(
  "while PostgreSQL's disk is full, writes are 503, and reads and verifications succeed; with free space writes succeed again, and nothing is lost",
  async () => {
    const { apiId } = await data("apis.createApi", { name: "payments" });
    const [{ key }, { key: uncached }] = [
      await data("keys.createKey", { apiId }),
      await data("keys.createKey", { apiId }),
    ];
    expect(await codeOf(key)).toBe("VALID");
    const created: string[] = [];
    const create = async () => {
      const externalId = `user_${crypto.randomUUID()}`;
      const meta = { text: Buffer.from(crypto.getRandomValues(new Uint8Array(3_000))).toString("hex") };
      const { status, headers } = await node.call("identities.createIdentity", { externalId, meta });
      if (status === 200) created.push(externalId);
      else expect([status, headers.get("retry-after")]).toEqual([503, "1"]);
      return status;
    };
    for (let index = 0; index < 20; index += 1) expect(await create()).toBe(200);
    fillUp();
    await until(async () => (await create()) === 503); // writes succeed until the existing pages are full
    for (let index = 0; index < 10; index += 1) {
      expect(await create()).toBe(503);
      expect(await codeOf(key)).toBe("VALID");
    }
    expect(await codeOf(uncached)).toBe("VALID");
    expect((await node.call("identities.getIdentity", { identity: created[0] })).status).toBe(200);
    expect((await fetch(`${node.url}/health/ready`)).status).toBe(200);

    rmSync(filler);
    await until(async () => (await create()) === 200, 5_000);
    const sql = new SQL(databaseUrl, { max: 1 });
    const rows = await sql.unsafe(`select "externalId" from "identities"`);
    await sql.close();
    const stored = rows.map((row: { externalId: string }) => row.externalId);
    expect(stored.sort()).toEqual(created.sort());
    expect(node.output()).not.toContain("unexpected_error");
  },
  60_000,
);
