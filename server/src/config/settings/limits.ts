import { whole } from "./forms.ts";

/** How large requests may be, and how much memory, disk space and time the server uses for what it keeps. */
export const limits = {
  WORKSPACE_REQUESTS_PER_MINUTE: whole(1, 1_000_000_000)
    .optional()
    .describe("Maximum number of requests per workspace in any minute; unset: no limit."),
  MAX_BODY_BYTES: whole(1024, 104_857_600).default(1_048_576).describe("Largest request body, in bytes."),
  MAX_MIGRATION_BODY_BYTES: whole(1024, 104_857_600)
    .default(10_485_760)
    .describe("Largest request body of keys.migrateKeys, in bytes."),
  MAX_META_BYTES: whole(1024, 1_048_576).default(65_536).describe("Largest meta, in bytes of JSON in UTF-8."),
  MAX_RATELIMIT_DURATION_MS: whole(1000, 2_592_000_000)
    .default(2_592_000_000)
    .describe("Longest rate limit window, in milliseconds."),
  COUNTER_MEMORY_BYTES: whole(1_048_576, 1_099_511_627_776)
    .default(1_073_741_824)
    .describe("Memory for rate limit counters, in bytes. Above it, the least used counters are evicted."),
  CACHE_MEMORY_BYTES: whole(1_048_576, 1_099_511_627_776)
    .optional()
    .describe(
      "Memory for cached keys, in bytes: about 1 KB for each. Above it, keys that have not been used lately are evicted. Unset: an eighth of the machine's or container's memory, at least 32 MiB and at most 1 GiB.",
    ),
  USAGE_MAX_BYTES: whole(16_777_216, 1_099_511_627_776)
    .default(1_073_741_824)
    .describe(
      "Disk space for usage, in bytes. Above it, the oldest events of single verifications and rate limit decisions are deleted first.",
    ),
  USAGE_EVENT_HOURS: whole(0, 8_760)
    .optional()
    .describe(
      "How many hours the events of single verifications and rate limit decisions are kept at most; 0: not at all; unset: as long as USAGE_MAX_BYTES allows.",
    ),
  AUDIT_RETENTION_DAYS: whole(1, 36_500)
    .optional()
    .describe("How many days audit events are kept; unset: forever."),
};
