import { isSalted, mostPerStart, mostWork, workOf } from "../domain/oldHashes.ts";
import { type ApisByKeyspace, parsePermission } from "../domain/permissionUrns.ts";
import { inByteOrder } from "../storage/batches.ts";
import type { Engine } from "../storage/engine.ts";
import { keyspaceIdOf } from "../storage/queries/apis.ts";
import { waitingStates } from "../storage/queries/keys/waiting.ts";
import type { Db } from "../storage/schema.ts";
import { type Facts, factsFor, type Learned, type Starts } from "./batchFacts.ts";
import type { Fields } from "./format.ts";
import type { Entry } from "./parseRecord.ts";
import { isReferenced, ownerFields, referencesOf, referringFields, uniqueTextsOf } from "./references.ts";
import {
  type Read,
  type RecordFields,
  readRecords,
  type StoredType,
  subjectOf,
  textIn,
} from "./storedRecords.ts";

/**
 * What becomes of a record of the document. `kept`: the database keeps its own record, or the record stays deleted
 * there. `omitted`: the record is a root key, and the option `--root-keys` is not set.
 */
export type Outcome =
  | { kind: "created" | "unchanged" | "changed" | "omitted" }
  | { kind: "kept" | "refused"; reason: string };

/** What an import remembers from one batch to the next. */
export type Known = {
  /**
   * records that are not imported, because the workspace has another record with the same unique name or hash: maps the
   * id of the document's record to the id of the workspace's record
   */
  aliases: Map<string, string>;
  /**
   * the same for owners of balances: maps the `subjectId` of the document's record to that of the workspace's record
   */
  owners: Map<string, string>;
  /** owners that keep their balance in the database: open holds on the document's balance are not imported */
  keptOwners: Set<string>;
  /** for a dry run: the ids of records that it would have created, to which other records may refer */
  created: Set<string>;
  /** for a dry run: the keys with a salted hash that it would have written. Later keys are checked against them */
  starts: Starts;
  /** for a dry run: the apis that it would have created. Maps the id of a keyspace to the id of its api */
  apis: Map<string, string>;
};

/** The options of an import that decide what becomes of a record. */
export type Rules = {
  /** decide about every record, but write nothing */
  dryRun: boolean;
  /** change records that exist to the fields of the document */
  replace: boolean;
  /**
   * Takes an encrypted recoverable key, and encrypts it under this server's recovery key. Returns null to import the
   * key as not recoverable, and undefined to refuse the record.
   */
  reseal(sealed: string): string | null | undefined;
};

export type BatchContext = Rules & {
  engine: Engine["name"];
  workspaceId: string;
  type: StoredType;
  known: Known;
  /** the time of the import */
  nowMs: number;
};

/** A record with its outcome. `fields` are the fields to write. They refer to records by their ids in the workspace. */
type Judged = { id: string; fields: RecordFields; outcome: Outcome };

/** A batch of records of one type, and what becomes of each. */
export type JudgedBatch = { records: Judged[]; outcomes: Outcome[] };

/** Decides what becomes of a batch of records of one type. Writes nothing. */
export async function judgeBatch(
  db: Db,
  context: BatchContext,
  batch: readonly Entry[],
): Promise<JudgedBatch> {
  const { workspaceId, type, known } = context;
  const records = batch.map(({ fields }) => {
    const resolved = withAliases(fields as RecordFields & { id: string }, type, known);
    return { id: resolved.id, fields: resolved };
  });
  const facts = await factsFor(db, context, records);
  const taken: Taken = { ids: new Set(), texts: new Map() };
  const judged = records.map(({ id, fields }): Judged => {
    const { outcome, fields: written } = judge(context, facts, taken, fields);
    if (outcome.kind === "created" && context.dryRun && isReferenced(type)) {
      remember(known, type, id, fields);
    }
    return { id, fields: written, outcome };
  });
  const existing = judged.filter(({ outcome }) => outcome.kind === "changed");
  const ids = existing.map(({ id }) => id);
  const stored = ids.length === 0 ? [] : await readRecords(db, workspaceId, type, { ids });
  const byId = new Map(stored.map((record) => [record.id, record]));
  for (const record of existing) record.outcome = compared(context, record, byId.get(record.id));
  for (const record of judged) {
    if (record.outcome.kind === "kept" && hasOpenHolds(record))
      known.keptOwners.add(ownerHere(known, record));
  }
  return { records: judged, outcomes: judged.map(({ outcome }) => outcome) };
}

function hasOpenHolds({ fields }: Judged): boolean {
  const stored = fields["balance"] as { nextHoldExpiryMs?: number | null } | null | undefined;
  return typeof stored?.nextHoldExpiryMs === "number";
}

function ownerHere({ owners }: Known, record: Judged): string {
  const owner = subjectOf(record);
  return owners.get(owner) ?? owner;
}

function remember({ created, apis }: Known, type: StoredType, id: string, fields: RecordFields): void {
  created.add(id);
  if (type === "api") apis.set(keyspaceIdOf({ id, keyspaceId: textIn(fields, "keyspaceId") || null }), id);
}

/**
 * What earlier records of the batch use: the ids of records and rate limits, and unique texts, each with its record.
 */
type Taken = { ids: Set<string>; texts: Map<string, { id: string; owner: string }> };

type Decision = { outcome: Outcome; fields: RecordFields };

function judge(
  context: BatchContext,
  facts: Facts,
  taken: Taken,
  given: RecordFields & { id: string },
): Decision {
  const { workspaceId, type, known } = context;
  const { id } = given;
  const stored = facts.byId.get(id);
  const fields = asCreated(asLearned(given, stored?.learned), stored?.createdAtMs ?? context.nowMs);
  const refuse = (reason: string): Decision => ({ outcome: { kind: "refused", reason }, fields });
  if (stored !== undefined && stored.workspaceId !== workspaceId) return refuse(notAvailable("id"));
  if (stored?.isDeleted === true) {
    return {
      outcome: { kind: "kept", reason: "it was deleted in this workspace, and stays deleted" },
      fields,
    };
  }
  const other = otherWithText(context, facts, taken, fields);
  if (other !== undefined) return { outcome: other, fields };
  const flaw = flawOf(context, facts, taken, fields);
  if (flaw !== undefined) return refuse(flaw);
  const kind = stored === undefined ? "created" : "changed";
  if (type === "rootKey") {
    const computed = plainPermissionsOf(fields, workspaceId, new Map([...known.apis, ...facts.apis]));
    return "flaw" in computed
      ? refuse(computed.flaw)
      : { outcome: { kind }, fields: { ...fields, ...computed } };
  }
  const sealed = fields["sealed"];
  if (typeof sealed !== "string") return { outcome: { kind }, fields };
  const resealed = context.reseal(sealed);
  if (resealed !== undefined) return { outcome: { kind }, fields: { ...fields, sealed: resealed } };
  return refuse(
    "it is encrypted under another recovery key: give the file of that key with --old-recovery-key, or import the key as not recoverable with --drop-sealed",
  );
}

/** If the document lacks the SHA-256 of a key, but a verification on this server has supplied it, the key keeps it. */
function asLearned<T extends RecordFields>(fields: T, learned: Learned | undefined): T {
  const waits = waitingStates.has(textIn(fields, "pendingMigrationId"));
  return learned === undefined || !waits ? fields : { ...fields, ...learned, pendingMigrationId: null };
}

/**
 * If a record does not say when it was created, a stored record keeps its time, and a new record gets the time of the
 * import.
 */
function asCreated<T extends RecordFields>(fields: T, createdAtMs: number): T {
  return fields["createdAtMs"] === null ? { ...fields, createdAtMs } : fields;
}

function flawOf(
  context: BatchContext,
  facts: Facts,
  taken: Taken,
  fields: RecordFields & { id: string },
): string | undefined {
  const { type, known } = context;
  const missing = referencesOf(type, fields).find(
    ({ table, id }) => !facts.there.has(`${table} ${id}`) && !known.created.has(id),
  );
  if (missing !== undefined) {
    return `${missing.field} refers to ${missing.id}, which is neither in the workspace nor in an earlier line: add that record, or correct the id`;
  }
  const limits = limitIdsOf(fields);
  if (facts.foreign.has(fields.id) || limits.some((id) => facts.foreign.has(`${id} ${fields.id}`))) {
    return notAvailable("subjectId, or the id of one of its rate limits,");
  }
  if ([fields.id, ...limits].some((id) => taken.ids.has(id)) || new Set(limits).size < limits.length) {
    return "its id, or the id of one of its rate limits, occurs twice: give each record and rate limit its own id";
  }
  for (const id of [fields.id, ...limits]) taken.ids.add(id);
  if (type === "key") return flawOfStart(context, facts, fields);
  if (type === "hold") return flawOfHold(context, facts, fields);
  const isRevoked = type === "rootKey" && facts.revoked.has(textIn(fields, "hash"));
  return isRevoked ? "it was revoked on this server, and stays revoked: create a new root key" : undefined;
}

/**
 * Refuses a key with a salted hash if too many such keys have the same start. A verification must compare the presented
 * key with the hash of each of these keys, and such comparisons are slow by design.
 */
function flawOfStart(
  { dryRun, replace, known }: BatchContext,
  facts: Facts,
  fields: RecordFields & { id: string },
): string | undefined {
  const hash = textIn(fields, "hash");
  const isKept = facts.byId.has(fields.id) && !replace;
  if (!isSalted(hash) || isKept) return undefined;
  const start = textIn(fields, "start");
  const sharing = new Map([...(facts.starts.get(start) ?? []), ...(known.starts.get(start) ?? [])]);
  sharing.set(fields.id, workOf(hash));
  if (sharing.size > mostPerStart) {
    return `${mostPerStart} keys with a salted hash have the same start already: give these keys longer starts`;
  }
  const work = [...sharing.values()].reduce((sum, one) => sum + one, 0);
  if (work > mostWork) {
    return "it has the same start as other keys with salted hashes, and comparing a presented key with all of them would take too long: give these keys longer starts";
  }
  const noted = dryRun ? known.starts : facts.starts;
  noted.set(start, (noted.get(start) ?? new Map<string, number>()).set(fields.id, workOf(hash)));
  return undefined;
}

function flawOfHold(
  { known }: BatchContext,
  facts: Facts,
  fields: RecordFields & { id: string },
): string | undefined {
  if (facts.byId.has(fields.id)) return undefined;
  const kept = partsOf(fields).find(({ ownerId }) => known.keptOwners.has(ownerId));
  if (kept === undefined) return undefined;
  return `it has taken its units from a balance of ${kept.ownerId} that is not imported, because the workspace keeps its own balance: settle or release the hold on the server where it was created`;
}

function partsOf(fields: RecordFields): { ownerId: string }[] {
  return (fields["parts"] ?? []) as { ownerId: string }[];
}

function limitIdsOf(fields: RecordFields): string[] {
  return ((fields["ratelimits"] ?? []) as { id: string }[]).map(({ id }) => id);
}

/** Does not say which workspace uses the id or text, because workspaces must not learn about each other. */
function notAvailable(what: string): string {
  return `its ${what} is already used in this database: use another one`;
}

/**
 * What becomes of a record whose unique name or hash another record already has: it is not imported. References to it
 * become references to the other record; nothing refers to root keys and overrides. Undefined if no other record has
 * the name or hash.
 */
function otherWithText(
  { type, workspaceId, known }: BatchContext,
  facts: Facts,
  taken: Taken,
  fields: RecordFields & { id: string },
): Outcome | undefined {
  const texts = uniqueTextsOf(type, fields);
  const owner = subjectOf({ id: fields.id, fields });
  for (const { unique, text } of texts) {
    const found = facts.byText.get(text);
    const other = found ?? taken.texts.get(text);
    if (other === undefined || other.id === fields.id) continue;
    if (found !== undefined && found.workspaceId !== workspaceId) {
      return { kind: "refused", reason: notAvailable(unique.column) };
    }
    if (!unique.isReferenced)
      return { kind: "kept", reason: `${other.id} in the workspace has the same ${unique.column}` };
    known.aliases.set(fields.id, other.id);
    known.owners.set(owner, other.owner);
    return {
      kind: "kept",
      reason: `${other.id} in the workspace has the same ${unique.column}, and is used instead`,
    };
  }
  for (const { text } of texts) taken.texts.set(text, { id: fields.id, owner });
  return undefined;
}

/**
 * The permissions of a root key in which URNs are replaced by plain permissions. The column `grants` stores them.
 * Returns a flaw if that is not possible, for example because a URN is for another workspace.
 */
function plainPermissionsOf(
  fields: RecordFields,
  workspaceId: string,
  apis: ApisByKeyspace,
): { grants: string[] } | { flaw: string } {
  const plain: string[] = [];
  for (const permission of (fields as Fields<"rootKey">).permissions) {
    const parsed = parsePermission(permission, workspaceId, apis);
    if ("flaw" in parsed) {
      return { flaw: `its permission ${permission} ${parsed.flaw.message}: ${parsed.flaw.fix}` };
    }
    plain.push(...parsed.permissions);
  }
  return { grants: plain };
}

function compared({ replace }: BatchContext, { fields }: Judged, stored: Read | undefined): Outcome {
  if (stored !== undefined && "fields" in stored && canonical(stored.fields) === canonical(fields)) {
    return { kind: "unchanged" };
  }
  if (replace) return { kind: "changed" };
  return { kind: "kept", reason: "it exists with other fields: use --replace to change it" };
}

/**
 * A text that is equal for equal records: nulls and empty lists are omitted, and names are sorted. Of an encrypted key,
 * it only says that the key is encrypted, because encrypting the same key twice gives different texts.
 */
function canonical(fields: RecordFields): string {
  const { sealed, grants: _, ...others } = fields;
  return JSON.stringify({ ...others, isSealed: typeof sealed === "string" }, (_, value: unknown) => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
    const entries = Object.entries(value).filter(
      ([, one]) => one !== null && one !== undefined && !(Array.isArray(one) && one.length === 0),
    );
    return Object.fromEntries(entries.sort(([one], [other]) => (one < other ? -1 : 1)));
  });
}

/**
 * The fields of a record. If a record is not imported because the workspace has another record in its place (see
 * `Known`), references to it become references to the workspace's record. Lists of references have no order in the
 * database: they are sorted as the database returns them, and repeated references are removed.
 */
function withAliases<T extends RecordFields>(fields: T, type: StoredType, { aliases, owners }: Known): T {
  const current = (id: string) => aliases.get(id) ?? id;
  const changed: Record<string, unknown> = {};
  for (const field of referringFields(type)) {
    const value = fields[field];
    if (typeof value === "string") changed[field] = current(value);
    else if (Array.isArray(value) && value.length > 0) changed[field] = inByteOrder(value.map(current));
  }
  const ownerField = ownerFields[type];
  const owner = ownerField === undefined ? undefined : owners.get(textIn(fields, ownerField));
  if (ownerField !== undefined && owner !== undefined) changed[ownerField] = owner;
  const parts = partsOf(fields);
  if (parts.some(({ ownerId }) => owners.has(ownerId))) {
    changed["parts"] = parts.map((part) => ({ ...part, ownerId: owners.get(part.ownerId) ?? part.ownerId }));
  }
  return { ...fields, ...changed };
}
