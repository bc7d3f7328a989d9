import type { BulkDatabase } from "../storage/engines/bulk.ts";
import { clocks, removeMarker } from "./marker.ts";
import { copiedRecords } from "./tables.ts";

const verbs = ["insert", "update", "delete"] as const;

/**
 * Adds triggers to the source. They refuse all writes to records as long as the source's marker (see `marker.ts`) is
 * `done` or its lease has not ended. Resolves when all transactions with earlier writes have ended.
 */
export async function refuseWrites(db: BulkDatabase): Promise<void> {
  if (db.engine === "postgres") await refuseOnPostgres(db);
  else await db.transaction(() => refuseOnSqlite(db));
}

/** Removes the source's marker, then removes or disables the triggers of `refuseWrites`. */
export async function acceptWrites(db: BulkDatabase): Promise<void> {
  await removeMarker(db, "source"); // without a marker the triggers allow writes
  if (db.engine === "postgres") return disableTriggers(db);
  await db.transaction(async () => {
    for (const table of copiedRecords) {
      for (const verb of verbs) await db.rows(`drop trigger if exists "${triggerName(table, verb)}"`);
    }
  });
}

function triggerName(table: string, verb: string): string {
  return `refuseWrites_${table}_${verb}`;
}

/** Returns SQL for whether the source is read-only. */
function isReadOnly(engine: BulkDatabase["engine"]): string {
  return `exists (select 1 from "copies" where "role" = 'source'
    and ("state" = 'done' or "leaseUntilMs" > ${clocks[engine]}))`;
}

async function refuseOnSqlite(db: BulkDatabase): Promise<void> {
  for (const table of copiedRecords) {
    for (const verb of verbs) {
      await db.rows(
        `create trigger if not exists "${triggerName(table, verb)}" before ${verb} on "${table}"
         when ${isReadOnly("sqlite")} begin select raise(abort, 'read only while it is copied'); end`,
      );
    }
  }
}

/**
 * Adds the triggers, each in its own transaction. Creating a trigger locks its table and waits for transactions that
 * have written to the table. One transaction for all triggers could deadlock: the transactions that it waits for could
 * wait for its other locks.
 */
async function refuseOnPostgres(db: BulkDatabase): Promise<void> {
  await db.rows(
    `create or replace function "refuseWrites"() returns trigger language plpgsql as $body$ begin
       if ${isReadOnly("postgres")} then
         raise exception 'read only while it is copied' using errcode = 'LK001';
       end if;
       if tg_op = 'DELETE' then return old; end if;
       return new;
     end $body$`,
  );
  for (const table of copiedRecords) {
    await db.rows(
      `create or replace trigger "refuseWrites" before insert or update or delete on "${table}"
       for each row execute function "refuseWrites"()`,
    );
    await db.rows(`alter table "${table}" enable trigger "refuseWrites"`);
  }
}

/**
 * Disables the triggers. Dropping them would need a lock that also blocks reads, and disabled triggers cost nothing.
 */
async function disableTriggers(db: BulkDatabase): Promise<void> {
  const tables = await db.rows<{ name: string }>(
    `select "relname"::text as "name" from pg_trigger join pg_class on "tgrelid" = pg_class."oid"
     where "tgname" = 'refuseWrites' and "tgenabled" <> 'D' and "relnamespace" = current_schema()::regnamespace`,
  );
  for (const { name } of tables) await db.rows(`alter table "${name}" disable trigger "refuseWrites"`);
}
