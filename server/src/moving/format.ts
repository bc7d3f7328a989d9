import { z } from "zod";
import { isPermission } from "../domain/caller.ts";
import { parseRange } from "../domain/ipAddress.ts";
import { flawOfStored, isSalted, longestStart, schemeOf } from "../domain/oldHashes.ts";
import { isUrn } from "../domain/permissionUrns.ts";
import { outcomes, subjectKinds } from "../domain/usage.ts";
import { permissionName, permissionSlug } from "../operations/shared/permissions.ts";
import { refuseRepeatedNames } from "../operations/shared/ratelimits.ts";
import { description, storedId, text, word } from "../operations/shared/values.ts";
import { algorithms } from "../storage/queries/keys/migrations.ts";
import { underOldHash, waitingStates } from "../storage/queries/keys/waiting.ts";
import { movementKinds } from "../storage/queries/movements.ts";
import { balance, hold, instant, timeZone, units } from "./accountSchemas.ts";

/** Raise it when a document of the old version can no longer be read as one of the new version. */
export const formatVersion = 1;

/** The longest line, in bytes: far above the largest record that a server can store. */
export const maxLineBytes = 4 * 1024 * 1024;

/** The first line of a document. */
export const header = z.strictObject({
  format: z.literal("latchkey").describe("Always `latchkey`."),
  version: z.int().min(1).describe(`The version of the format, ${formatVersion}.`),
  createdAtMs: instant.describe("When the document was created."),
  workspace: z
    .strictObject({
      id: word(3, 255).describe("The workspace's id."),
      name: text(1, 255).describe("Its name."),
      timeZone: timeZone.default("UTC").describe("The time zone of quotas that do not name one."),
    })
    .describe("The workspace that the records come from."),
  recoveryKey: z
    .union([z.literal("unknown"), z.string().regex(/^[0-9a-f]{16}$/)])
    .nullable()
    .describe(
      "The fingerprint of the recovery key that sealed the recoverable keys; null: there are no recoverable keys; `unknown`: the key was not set.",
    ),
});

export type Header = z.output<typeof header>;

const ref = word(3, 255);
const id = (what: string) => ref.describe(what);
const createdAtMs = instant.describe("When it was created.");
const updatedAtMs = instant.nullable().default(null).describe("When it was last changed; omitted: never.");
const noText = description.nullable().default(null).describe("What it allows, for people.");
const hash = z
  .string()
  .regex(/^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/, "must be a SHA-256 in base64url, without padding");

const keyHash = z
  .string()
  .regex(
    /^([A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]|upstream:[A-Za-z0-9_]{3,255}|(sha512|hmac-sha256|hmac-sha512):.+|\$.+)$/,
    "must be a SHA-256 in base64url, without padding",
  )
  .superRefine((text, context) => {
    const flaw = schemeOf(text) === undefined ? undefined : flawOfStored(text);
    if (flaw !== undefined) context.addIssue({ code: "custom", message: flaw });
  });

/** A key whose hash is not a SHA-256 waits for its first verification, and if the hash has a salt, it is found by its start. */
function refuseWrongWait(
  key: { hash: string; start: string; pendingMigrationId: string | null },
  context: z.RefinementCtx,
): void {
  const isOld = schemeOf(key.hash) !== undefined;
  const refuse = (field: string, message: string) =>
    context.addIssue({ code: "custom", path: [field], message });
  if (isOld !== (key.pendingMigrationId === underOldHash)) {
    refuse(
      "pendingMigrationId",
      `must be "${underOldHash}" for a key whose hash is not a SHA-256, and for no other`,
    );
  }
  if (isSalted(key.hash) && (key.start === "" || key.start.length > longestStart)) {
    refuse("start", `must be the first 1 to ${longestStart} characters of a key whose hash has a salt`);
  }
}

const limit = z.int().min(1).describe("The highest total cost within any span of `durationMs`.");
const durationMs = z
  .int()
  .min(1000)
  .max(2_592_000_000)
  .describe("The length of the sliding window in milliseconds.");

const meta = z
  .custom<Record<string, unknown>>(
    (value) => typeof value === "object" && value !== null && !Array.isArray(value),
    "must be an object",
  )
  .meta({ type: "object" });

const ipAllowList = z
  .array(text(2, 64).refine((entry) => "range" in parseRange(entry), "is not an IP address or a range"))
  .max(100)
  .nullable()
  .default(null)
  .describe("The only IP addresses and CIDR ranges from which keys may be used; omitted: all.");

const ratelimits = z
  .array(
    z.strictObject({
      id: id("The rate limit's id."),
      name: text(1, 128).describe("Unique among the limits of the key or identity."),
      limit,
      durationMs,
      autoApply: z.boolean().default(false).describe("Whether every verification counts against it."),
    }),
  )
  .max(50)
  .superRefine(refuseRepeatedNames)
  .default([])
  .describe("Rate limits, in their order.");

const credits = balance.nullable().default(null);

/** Every type of record, by name, in the order in which they follow each other in a document. */
export const recordSchemas = {
  permission: z.strictObject({
    id: id("The permission's id."),
    slug: permissionSlug.describe("Unique in the workspace."),
    name: permissionName.describe("A name for people."),
    description: noText,
    createdAtMs,
  }),
  role: z.strictObject({
    id: id("The role's id."),
    name: text(1, 128).describe("Unique in the workspace."),
    description: noText,
    createdAtMs,
    permissions: z.array(storedId).max(1000).default([]).describe("The ids of its permissions."),
  }),
  namespace: z.strictObject({
    id: id("The rate limit namespace's id."),
    name: text(1, 512).describe("Unique in the workspace."),
    createdAtMs,
  }),
  override: z.strictObject({
    id: id("The override's id."),
    namespaceId: id("The id of the namespace."),
    identifier: text(1, 512).describe("An identifier, or a pattern with `*`. Unique in the namespace."),
    limit: z.int().min(0).describe("The highest total cost within `durationMs`; 0 refuses every request."),
    durationMs,
    createdAtMs,
    updatedAtMs,
  }),
  api: z.strictObject({
    id: id("The api's id."),
    name: text(1, 256).describe("A name for people."),
    createdAtMs,
    deleteProtection: z.boolean().default(false).describe("Whether it is protected from deletion."),
    defaultPrefix: word(1, 16).nullable().default(null).describe("The prefix of keys created without one."),
    defaultByteLength: z
      .int()
      .min(16)
      .max(255)
      .nullable()
      .default(null)
      .describe("The number of random bytes of keys created without one."),
    keyspaceId: ref.nullable().default(null).describe("The id of its keyspace."),
    ipAllowList,
  }),
  identity: z.strictObject({
    id: id("The identity's id."),
    externalId: text(1, 255).describe("Your own id of the user or organization. Unique in the workspace."),
    meta: meta.default({}).describe("Its metadata."),
    createdAtMs,
    updatedAtMs,
    ratelimits,
    balance: credits.describe("The credits and quotas that its keys share; omitted: unlimited."),
  }),
  migration: z.strictObject({
    id: ref
      .refine(
        (text) => !waitingStates.has(text),
        "is reserved for keys that wait without a migration: give the migration another id, also in its keys",
      )
      .describe("The migration's id, which verifications of waiting keys send."),
    algorithm: z.enum(algorithms).describe("How the other system hashed keys."),
    createdAtMs,
  }),
  key: z
    .strictObject({
      id: id("The key's id."),
      apiId: id("The id of its api."),
      identityId: ref.nullable().default(null).describe("The id of its identity."),
      subjectId: ref
        .optional()
        .describe("Identifies its balance and counters; omitted: its own id. Rerolled keys share one."),
      hash: keyHash.describe(
        "The SHA-256 of the whole key in base64url without padding. Unique in the workspace. `upstream:` and the key's id: it is not known yet. Until the first verification also `sha512:`, `hmac-sha256:` or `hmac-sha512:` and the digest in base64url, or a hash of bcrypt, argon2 or PBKDF2 that begins with `$`.",
      ),
      start: text(0, 255)
        .default("")
        .describe(
          "The first characters of the key, to recognize it by. A key with a hash of bcrypt, argon2 or PBKDF2 is found by them: 1 to 64, which at most 8 such keys share.",
        ),
      prefix: text(0, 255).nullable().default(null).describe("What the key begins with, before a `_`."),
      byteLength: z.int().min(1).max(255).default(16).describe("The number of its random bytes."),
      name: text(1, 255).nullable().default(null).describe("A name for people."),
      meta: meta.nullable().default(null).describe("Its metadata."),
      enabled: z.boolean().default(true).describe("false: every verification returns `DISABLED`."),
      expiresAtMs: instant.nullable().default(null).describe("When it expires; omitted: never."),
      createdAtMs,
      updatedAtMs,
      pendingMigrationId: ref
        .nullable()
        .default(null)
        .describe(
          "The migration for whose first verification the key waits; `upstream`: it waits until the upstream server recognizes it; `oldHash`: its hash is not a SHA-256, and is replaced by one at its first verification.",
        ),
      sealed: z
        .string()
        .regex(/^[A-Za-z0-9_-]{38,2048}$/, "is not a sealed text")
        .nullable()
        .default(null)
        .describe("The key, encrypted under the recovery key; omitted: not recoverable."),
      rerolledAtMs: instant.nullable().default(null).describe("When it was last rerolled."),
      expiresBeforeRerollMs: instant
        .nullable()
        .default(null)
        .describe("When it expired before its first reroll."),
      migratedFrom: storedId
        .nullable()
        .default(null)
        .describe("A digest of what a migrated key was created from."),
      learnedAtMs: instant
        .nullable()
        .default(null)
        .describe("When the SHA-256 of a key that was imported without one became known."),
      ipAllowList,
      ratelimits,
      permissions: z.array(storedId).max(1000).default([]).describe("The ids of its own permissions."),
      roles: z.array(storedId).max(100).default([]).describe("The ids of its roles."),
      balance: credits.describe(
        "Its credits and quotas; omitted: unlimited. Keys with the same `subjectId` have the same balance.",
      ),
    })
    .superRefine(refuseWrongWait),
  hold: z.strictObject({ id: id("The hold's id."), ...hold }),
  movement: z.strictObject({
    id: id("The movement's id."),
    ownerId: id("The owner: the `subjectId` of a key, or an identity."),
    atMs: instant.describe("When it happened."),
    kind: z.enum(movementKinds).describe("What happened."),
    quota: text(1, 128).nullable().default(null).describe("The quota; omitted: credits."),
    amount: z.int().describe("The units."),
    remaining: units.nullable().default(null).describe("The balance after it; omitted: unlimited."),
    reason: text(0, 1024).nullable().default(null).describe("Why, as the caller said."),
    actorId: storedId.nullable().default(null).describe("The root key; omitted: the server."),
  }),
  rootKey: z.strictObject({
    id: id("The root key's id."),
    hash: hash.describe("The SHA-256 of the whole root key in base64url without padding."),
    start: text(0, 255).default("").describe("Its first characters."),
    end: text(0, 255).default("").describe("Its last characters."),
    name: text(0, 255).nullable().default(null).describe("What it is for."),
    permissions: z
      .array(text(1, 512).refine((one) => isPermission(one) || isUrn(one), "is not a permission"))
      .max(1000)
      .describe("What it may do."),
    enabled: z.boolean().default(true).describe("false: every request with it is refused."),
    expiresAtMs: instant.nullable().default(null).describe("When it expires; omitted: never."),
    createdAtMs,
    rerolledAtMs: instant.nullable().default(null).describe("When it was last rerolled."),
    expiresBeforeRerollMs: instant
      .nullable()
      .default(null)
      .describe("When it expired before its first reroll."),
  }),
  lastUse: z.strictObject({
    keyId: id("The key."),
    atMs: instant.describe("When it was last verified."),
  }),
  usage: z.strictObject({
    kind: z
      .enum(Object.keys(subjectKinds).filter((kind) => kind !== "tag") as [keyof typeof subjectKinds])
      .describe("What was counted."),
    subjectId: storedId.optional().describe("The api, namespace, identity or key; omitted: the workspace."),
    day: z.iso.date().describe("The day, in UTC."),
    outcome: z.enum(outcomes).describe("The outcome of the verifications or decisions."),
    count: z.int().min(0).describe("How many there were. 0 for settlements."),
    credits: z.int().min(0).default(0).describe("The credits or the cost that they spent."),
  }),
  auditEvent: z.strictObject({
    id: id("The event's id."),
    atMs: instant.describe("When it happened."),
    requestId: storedId.describe("The id of the request."),
    actorId: storedId.describe("The root key, or the command."),
    event: text(1, 255).describe("What was done."),
    targetId: storedId.describe("To what."),
    fields: z.array(text(1, 255)).max(1000).default([]).describe("The names of the changed fields."),
    remoteAddress: text(0, 255).nullable().default(null).describe("The address of the caller."),
    userAgent: z.string().max(65_536).nullable().default(null).describe("The caller's program, as it says."),
    via: text(1, 255).nullable().default(null).describe("`console`; omitted: the API or the command line."),
  }),
} as const;

export type RecordType = keyof typeof recordSchemas;

/** Every type, in the order of a document. */
export const recordTypes = Object.keys(recordSchemas) as RecordType[];

/** A record as a document has it, where what has a default may be omitted. */
export type DocumentRecord = {
  [Type in RecordType]: { type: Type } & z.input<(typeof recordSchemas)[Type]>;
}[RecordType];

/** The fields of a record of one type, after validation. */
export type Fields<Type extends RecordType> = z.output<(typeof recordSchemas)[Type]>;

/** The last line: without it, a document is truncated. */
export const end = z.strictObject({
  type: z.literal("end").describe("Always `end`."),
  records: z.int().min(0).describe("The number of records before this line."),
});
