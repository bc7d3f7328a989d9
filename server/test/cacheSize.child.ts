/**
 * Fills a cache with keys of a new database. Prints how many bytes of the heap a key takes, and how many bytes it takes
 * according to the cache.
 */
import { gcAndSweep, heapStats } from "bun:jsc";
import { Database } from "bun:sqlite";
import { type Caches, openCaches } from "../src/storage/caches.ts";
import { openStorage } from "../src/storage/open.ts";

export type Shape = {
  keys: number;
  /** the number of keys of each identity */
  perIdentity: number;
  /** the number of rate limits of each identity */
  limits: number;
  /** the meta of each identity as JSON, in which `#` stands for a number */
  meta: string;
  /** the number of permissions of each key */
  permissions: number;
};

const [path = "", text = ""] = process.argv.slice(2);
const shape = JSON.parse(text) as Shape;
const hashOf = (number: number) => Bun.SHA256.hash(String(number), "base64url") as unknown as string;

const options = { serving: true, connections: 1, monotonicMs: () => performance.now() };
const engine = await openStorage({ kind: "file", path }, options);
fill(new Database(path), shape);
const caches = openCaches(engine, 2 ** 40);
const before = heapBytes();
await loadAll(caches);
const bytes = heapBytes() - before;
const perKey = (of: number) => Math.round(of / shape.keys);
console.log(JSON.stringify({ measured: perKey(bytes), counted: perKey(caches.keys.bytes()) }));
await engine.close();
process.exit(0);

function heapBytes(): number {
  gcAndSweep();
  return heapStats().heapSize;
}

async function loadAll({ keys }: Caches): Promise<void> {
  for (let number = 0; number < shape.keys; number += 1) {
    if ((await keys.find("ws_1", hashOf(number))) === undefined) throw new Error(`key ${number} is missing`);
  }
}

function fill(database: Database, { keys, perIdentity, limits, meta, permissions }: Shape): void {
  const id = (prefix: string, number: number) => `${prefix}_${String(number).padStart(22, "0")}`;
  const insert = (table: string, values: (string | number | null)[]) =>
    database.query(`insert into "${table}" values (${values.map(() => "?").join(", ")})`).run(...values);
  database.run("begin");
  insert("workspaces", ["ws_1", "w", 1, 0, "UTC"]);
  database.run(
    `insert into apis (id, workspaceId, name, createdAtMs) values ('${id("api", 1)}', 'ws_1', 'a', 0)`,
  );
  for (let number = 0; number < permissions; number += 1) {
    insert("permissions", [id("perm", number), "ws_1", `documents.${number}`, "a", null, 0]);
  }
  for (let number = 0; number < keys; number += 1) {
    const identity = id("id", Math.floor(number / perIdentity));
    if (number % perIdentity === 0) {
      insert("identities", [
        identity,
        "ws_1",
        `user_${number}`,
        meta.replaceAll("#", String(number)),
        0,
        null,
      ]);
      for (let one = 0; one < limits; one += 1) {
        const limit = [
          id("rl", number * limits + one),
          "ws_1",
          identity,
          one,
          `limit${one}`,
          1_000,
          60_000,
          1,
        ];
        insert("ratelimits", limit);
      }
    }
    database
      .query(
        `insert into keys (id, workspaceId, apiId, identityId, subjectId, hash, start, byteLength, name, enabled, createdAtMs)
        values (?, 'ws_1', ?, ?, ?, ?, '', 16, 'production', 1, 0)`,
      )
      .run(id("key", number), id("api", 1), identity, id("key", number), hashOf(number));
    for (let one = 0; one < permissions; one += 1) {
      insert("keyPermissions", ["ws_1", id("key", number), id("perm", one)]);
    }
  }
  database.run("commit");
  database.close();
}
