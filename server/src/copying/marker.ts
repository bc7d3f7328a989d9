import type { BulkDatabase } from "../storage/engines/bulk.ts";

/** The role of a database in a copy: rows are read from the source and written to the target. */
export type Role = "source" | "target";

/** A row of the table `copies`: it says that the database takes part in a copy. */
export type Marker = {
  role: Role;
  id: string;
  /**
   * `done`: the copy is complete, and the source stays read-only until the operator runs
   * `latchkey copy --resume-source`. Only sources become `done`.
   */
  state: "running" | "done";
  /** the address of the other database */
  other: string;
  startedAtMs: number;
  /**
   * In state `running`: when the lease ends, unless the copy renews it. A killed copy counts as running until then.
   * In state `done`: when the copy was complete.
   */
  leaseUntilMs: number;
  /** the current time by the database's own clock */
  nowMs: number;
};

/** The length of a lease. A running copy renews it several times within this time. */
const leaseMs = 30_000;

const copies = `"copies"`;

/**
 * SQL for the time in milliseconds by the database's own clock. Leases use only this clock, so the clocks of other
 * machines may differ from it.
 */
export const clocks = {
  sqlite: `cast(unixepoch('subsec') * 1000 as integer)`,
  postgres: "cast(extract(epoch from clock_timestamp()) * 1000 as int8)",
} as const;

export async function findMarker(db: BulkDatabase, role: Role): Promise<Marker | undefined> {
  const [marker] = await db.rows<Marker>(
    `select "role", "id", "state", "other", "startedAtMs", "leaseUntilMs", ${clocks[db.engine]} as "nowMs"
     from ${copies} where "role" = $1`,
    role,
  );
  return marker;
}

/**
 * Claims a database's marker for this copy. Returns false if another copy has the marker and its lease has not ended,
 * or if the source is `done`.
 */
export async function claimMarker(
  db: BulkDatabase,
  { role, id, other }: { role: Role; id: string; other: string },
): Promise<boolean> {
  const now = clocks[db.engine];
  const claimed = await db.rows(
    `insert into "copies" ("role", "id", "state", "other", "startedAtMs", "leaseUntilMs")
     values ($1, $2, 'running', $3, ${now}, ${now} + ${leaseMs})
     on conflict ("role") do update set "id" = excluded."id", "other" = excluded."other",
       "startedAtMs" = excluded."startedAtMs", "leaseUntilMs" = excluded."leaseUntilMs"
     where "copies"."state" = 'running' and "copies"."leaseUntilMs" <= ${now}
     returning "id"`,
    role,
    id,
    other,
  );
  return claimed.length > 0;
}

/** Renews a lease. Returns false if the lease has ended: the source may have accepted writes meanwhile. */
export async function renewLease(db: BulkDatabase, role: Role, id: string): Promise<boolean> {
  const now = clocks[db.engine];
  const renewed = await db.rows(
    `update "copies" set "leaseUntilMs" = ${now} + ${leaseMs} where "role" = $1 and "id" = $2
     and "state" = 'running' and "leaseUntilMs" > ${now} returning "id"`,
    role,
    id,
  );
  return renewed.length > 0;
}

/**
 * Makes the source `done` after a copy to `other`. Returns false if the lease has ended, or if the operator has made
 * the source accept writes again.
 */
export async function keepReadOnly(
  db: BulkDatabase,
  { id, other }: { id: string; other: string },
): Promise<boolean> {
  const now = clocks[db.engine];
  const kept = await db.rows(
    `update "copies" set "state" = 'done', "other" = $1, "leaseUntilMs" = ${now} where "role" = 'source'
     and ("state" = 'done' or ("id" = $2 and "leaseUntilMs" > ${now})) returning "id"`,
    other,
    id,
  );
  return kept.length > 0;
}

export async function removeMarker(db: BulkDatabase, role: Role): Promise<void> {
  await db.rows(`delete from ${copies} where "role" = $1`, role);
}
