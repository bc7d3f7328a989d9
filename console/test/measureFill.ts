/**
 * `bun console/test/measureFill.ts <path> <api id> <identities> <keys each>`: adds identities and keys to a SQLite
 * database. No server may use the database meanwhile.
 */
import { Database } from "bun:sqlite";

const [path = "", apiId = "", identities = "", keysEach = ""] = process.argv.slice(2);
const database = new Database(path);
const { id: workspaceId } = database.query("select id from workspaces").get() as { id: string };
const nowMs = Date.now();
database.transaction(() => {
  database.run(
    `with recursive numbers (n) as (select 1 union all select n + 1 from numbers where n < ?)
    insert into identities (id, workspaceId, externalId, meta, createdAtMs)
    select printf('id_%022d', n), ?, 'user_' || n, '{"plan":"pro"}', ? from numbers`,
    [Number(identities), workspaceId, nowMs],
  );
  database.run(
    `with recursive numbers (n) as (select 0 union all select n + 1 from numbers where n < ? - 1)
    insert into keys (id, workspaceId, apiId, identityId, subjectId, hash, start, byteLength, name, enabled, createdAtMs)
    select printf('key_%022d', n), ?, ?, printf('id_%022d', n / ? + 1), printf('key_%022d', n), printf('%043d', n),
      'k' || n, 16, 'Key ' || n, 1, ? from numbers`,
    [Number(identities) * Number(keysEach), workspaceId, apiId, Number(keysEach), nowMs],
  );
})();
database.run("analyze");
database.run("pragma wal_checkpoint(truncate)");
database.close();
