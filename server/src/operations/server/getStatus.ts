import { z } from "zod";
import { operation } from "../../operation.ts";
import { listSchemaMigrations } from "../../storage/queries/schemaMigrations.ts";
import { amount, instant } from "../shared/values.ts";

const setting = z.strictObject({
  name: z.string().max(255).describe("The environment variable."),
  value: z
    .string()
    .max(1_000_000)
    .describe("The value of the variable, or the default, with secrets masked. Empty if there is neither."),
  description: z.string().max(1_000).describe("What the variable sets."),
});

export const getStatus = operation({
  name: "server.getStatus",
  summary: "Read the state of the server",
  description:
    "For the operator of the server: the state of the node that responds. The permission `*` does not include `server.*.read_status`, because the state concerns every workspace. `latchkey root-key create --permissions 'server.*.read_status'` creates a root key with this permission. A console session that was opened with the login link has it, too.",
  permission: "server.*.read_status",
  input: z.strictObject({}),
  output: z.strictObject({
    version: z.string().max(255).describe("The version of Latchkey."),
    startedAt: instant.describe("When this node started. Unix time in milliseconds."),
    database: z
      .strictObject({
        engine: z.enum(["sqlite", "postgres"]).describe("The kind of database."),
        migrations: z
          .array(z.string().max(255).describe("The name of a migration."))
          .describe("The migrations that were applied to the database, in order."),
      })
      .describe("Where the records are."),
    nodes: amount.describe("How many nodes serve from this database, including this one."),
    redis: z
      .enum(["not_configured", "up", "down"])
      .describe("Whether Redis counts rate limits. `down`: this node counts its share in memory."),
    keyCache: z
      .strictObject({
        hits: amount.describe("How many look-ups since the start found the key in the cache."),
        misses: amount.describe("How many look-ups since the start did not find the key in the cache."),
        bytes: amount.describe("Memory that cached keys use, in bytes."),
        maxBytes: amount.describe("The maximum memory that cached keys may use, in bytes."),
      })
      .describe("The cache of keys on this node."),
    usage: z
      .strictObject({
        droppedEvents: amount.describe(
          "Events of single verifications and decisions that were lost since the start.",
        ),
        droppedCounts: amount.describe("Usage counts that were lost since the start."),
        droppedTags: amount.describe(
          "Tags that were left out of usage events since the start, because their workspace sent too many characters of tags within half a second. The events were recorded without them.",
        ),
        evictedEvents: amount.describe(
          "Stored events that were deleted since the start to stay within `USAGE_MAX_BYTES`.",
        ),
      })
      .describe("What is missing from the usage of this node."),
    settings: z.array(setting.describe("One setting.")).describe("Every setting of this node."),
  }),
  errors: [],
  example: {
    input: {},
    output: {
      version: "0.1.0",
      startedAt: 1_767_225_600_000,
      database: { engine: "postgres", migrations: ["0001_start", "0002_idempotency"] },
      nodes: 3,
      redis: "up",
      keyCache: { hits: 981_234, misses: 1_021, bytes: 1_048_576, maxBytes: 134_217_728 },
      usage: { droppedEvents: 0, droppedCounts: 0, droppedTags: 0, evictedEvents: 12_000 },
      settings: [{ name: "PORT", value: "7070", description: "Port to listen on. 0: any free port." }],
    },
  },

  async run(_, { db, caches, usage, status }) {
    const { version, startedAtMs, engine, nodes, redis, maxKeyCacheBytes, settings } = status();
    const { hits, misses } = caches.keys.uses();
    const { events, counts, tags, evicted } = usage.dropped();
    return {
      version,
      startedAt: startedAtMs,
      database: { engine, migrations: await listSchemaMigrations(db) },
      nodes,
      redis,
      keyCache: { hits, misses, bytes: caches.keys.bytes(), maxBytes: maxKeyCacheBytes },
      usage: {
        droppedEvents: events,
        droppedCounts: counts,
        droppedTags: tags,
        evictedEvents: evicted,
      },
      settings: [...settings],
    };
  },
});
