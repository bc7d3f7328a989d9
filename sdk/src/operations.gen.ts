// Generated from openapi.json by `npm run generate`.

import type {
  Call,
  CallOptions,
  EmptyResult,
  IdentityMeta,
  KeyMeta,
  MetaTypes,
  PageCall,
  Result,
} from "./calls.ts";

/** The last segment of an error's `type`. */
export type ErrorCode =
| "analytics_not_configured"
| "api_not_found"
| "authentication_rate_limited"
| "bound_exceeded"
| "console_session_missing"
| "cross_site_request"
| "event_not_found"
| "expectation_failed"
| "forbidden"
| "hashing_busy"
| "idempotency_in_progress"
| "idempotency_key_reused"
| "identity_already_exists"
| "identity_not_found"
| "insecure_login"
| "insufficient_permissions"
| "invalid_input"
| "key_disabled"
| "key_not_found"
| "login_link_invalid"
| "malformed"
| "method_not_allowed"
| "migration_not_found"
| "missing"
| "outcome_unknown"
| "permission_already_exists"
| "permission_not_found"
| "permissions_query_syntax_error"
| "precondition_failed"
| "protected_resource"
| "ratelimit_namespace_already_exists"
| "ratelimit_namespace_not_found"
| "ratelimit_override_not_found"
| "request_body_too_large"
| "request_timeout"
| "reservation_ended"
| "reservation_not_found"
| "role_already_exists"
| "role_not_found"
| "server_overloaded"
| "service_unavailable"
| "unexpected_error"
| "unknown_operation"
| "unsupported_media_type"
| "upstream_unavailable"
| "workspace_disabled"
| "workspace_rate_limited";

export type Top = {
  /** The largest count first. At most 100 items. */
  items: Array<{
    /** The id of the identity or key, the tag, or the identifier. At most 512 characters. */
    name: string;
    /** The external id of an identity. Omitted if the identity was deleted, and for keys, tags and identifiers. At most 255 characters. */
    externalId?: string;
    /** The number of verifications or decisions. */
    count: number;
  }>;
  /** Events before this time are not part of the counts, because they were not read or are not kept. Unix time in milliseconds. Only for `identifiers`. */
  readSince?: number;
};

export type AnalyticsUsage = {
  /** The length of the period that each point covers. */
  granularity: "minute" | "hour" | "day";
  /** One point for each period in order, also for periods in which nothing happened. At most 2001 items. */
  points: Array<{
    /** The number of verifications, or of decisions if `namespace` is sent. */
    total: number;
    /** The credits that verifications spent, or the cost that decisions let pass. Reserved credits are added when they are settled, with the settled amount. */
    credits: number;
    /** The number by outcome: the `code` of each verification, or `PASSED` and `REFUSED` of decisions. Outcomes that did not occur are omitted. */
    outcomes: Record<string, number>;
    /** When the period began. Unix time in milliseconds. */
    time: number;
  }>;
  /** The sums over all points. */
  totals: {
    /** The number of verifications, or of decisions if `namespace` is sent. */
    total: number;
    /** The credits that verifications spent, or the cost that decisions let pass. Reserved credits are added when they are settled, with the settled amount. */
    credits: number;
    /** The number by outcome: the `code` of each verification, or `PASSED` and `REFUSED` of decisions. Outcomes that did not occur are omitted. */
    outcomes: Record<string, number>;
  };
  /** The sums of each group, the largest first, at most 1000. Only with `by`. At most 1000 items. */
  groups?: Array<{
    /** The number of verifications, or of decisions if `namespace` is sent. */
    total: number;
    /** The credits that verifications spent, or the cost that decisions let pass. Reserved credits are added when they are settled, with the settled amount. */
    credits: number;
    /** The number by outcome: the `code` of each verification, or `PASSED` and `REFUSED` of decisions. Outcomes that did not occur are omitted. */
    outcomes: Record<string, number>;
    /** The api's id, the outcome, or the tag. At most 512 characters. */
    name: string;
  }>;
  /** A header line, then a line for each point and a column for each outcome that occurs. Times are in ISO 8601. Only for `format: csv`. */
  csv?: string;
};

export type Api = {
  /** The api's id. At most 255 characters. */
  id: string;
  /** The api's name. At most 256 characters. */
  name: string;
  /** The id of the api's keyspace, the set of all its keys. At most 255 characters. */
  keyspaceId?: string;
  /** When the api was created. Unix time in milliseconds. */
  createdAt?: number;
  /** Whether `apis.deleteApi` refuses to delete the api. */
  deleteProtection?: boolean;
  /** The prefix of keys that are created without `prefix`. Omitted if there is no default. At most 16 characters. */
  defaultPrefix?: string;
  /** The number of random bytes in keys that are created without `byteLength`. Omitted if it is the server's default, 16. */
  defaultByteLength?: number;
  /** The only IP addresses and CIDR ranges from which keys may be used, in canonical form. Omitted if every address is allowed. */
  ipAllowList?: string[];
};

export type Identity<M extends MetaTypes = MetaTypes> = {
  /** The identity's id. At most 255 characters. */
  id: string;
  /** Your own id for the user or organization. At most 255 characters. */
  externalId: string;
  /** The identity's metadata. `{}` if it has none. At most 100 members. */
  meta: IdentityMeta<M>;
  /** The rate limits that the identity's keys share. `[]` if it has none. At most 50 items. */
  ratelimits: Array<{
    /** The rate limit's id. At most 255 characters. */
    id: string;
    /** The name by which a verification names the limit. At most 128 characters. */
    name: string;
    /** The highest total cost within any span of `duration`. */
    limit: number;
    /** The length of the sliding window in milliseconds. */
    duration: number;
    /** Whether every verification counts against the limit without naming it. */
    autoApply: boolean;
  }>;
  /** The credits that the identity's keys share. Omitted if they are unlimited, or if the identity is part of a key in the response. */
  credits?: {
    /** The number of credits that verifications may still spend. null: unlimited. */
    remaining: number | null;
    /** When the balance is refilled, and to what. Omitted if it is never refilled. */
    refill?: {
      /** How often the balance is refilled, at 00:00 UTC: every day, or once a month. */
      interval: "daily" | "monthly";
      /** The number of credits that a refill sets the balance to. Credits that are left are lost. */
      amount: number;
      /** The day of the month of a monthly refill. In a month without this day, its last day. */
      refillDay?: number;
    };
  };
  /** The quotas, and what is left of them. Omitted if the identity has no quotas, or if it is part of a key in the response. At most 50 items. */
  quotas?: Array<{
    /** The name by which a verification names the quota, such as `requests`. Unique among the quotas of the key or identity. At most 128 characters. */
    name: string;
    /** The units that each period allows. 0: only grants can be spent. */
    limit: number;
    /** The unit in which `every` counts the length of a period. */
    period: "hour" | "day" | "week" | "month" | "year";
    /** The length of a period in units of `period`, such as 3 with `month` for a quarter. */
    every: number;
    /** The IANA name of the time zone that the periods follow. At most 64 characters. */
    timeZone: string;
    /** When periods begin. `calendar`: at 00:00 in the time zone, weeks on Monday. `first_use`: with the first cost above 0 after the previous period has ended. A Unix time in milliseconds: a period begins at this instant, such as on a billing day. */
    anchor: "calendar" | "first_use" | number;
    /** Carries unused units to the next period. Carried units, grants and overage are never carried again. If omitted, nothing is carried. */
    rollover?: {
      /** The maximum number of unused units of the limit that are carried to the next period. */
      max: number;
    };
    /** What happens beyond the limit. `refuse`: the verification returns `USAGE_EXCEEDED`. `allow`: the verification passes, and its units are counted. A number above the limit: verifications pass until a period has used that many units in all. */
    overage: "refuse" | "allow" | number;
    /** Percentages of the limit, ascending. The first verification in a period that reaches a threshold says so in `crossed`, and the ledger records it. At most 20 items. */
    thresholds: number[];
    /** true: every verification uses one unit, unless it names the quota with another cost. false: only a verification that names the quota uses it. */
    autoApply: boolean;
    /** The units of the quota used or held in this period, within the limit and as overage. Carried and granted units are not included. */
    used: number;
    /** The units left: of the limit, carried from the previous period, and granted. Overage and held units are not included. */
    remaining: number;
    /** When the next period begins. Unix time in milliseconds. Omitted if no period has begun: with the anchor `first_use`, the first use begins it. */
    resetsAt?: number;
    /** Units on top of the limit, in the order in which they expire. Omitted if no units were granted. At most 100 items. */
    grants?: Array<{
      /** The grant's id. At most 255 characters. */
      id: string;
      /** The units that were granted. */
      amount: number;
      /** The units of the grant that are left. Held units are not included. */
      remaining: number;
      /** When the grant expires. Unix time in milliseconds. Omitted if it never expires. */
      expires?: number;
    }>;
  }>;
};

export type IdentitiesState = {
  /** The identity's id. At most 255 characters. */
  identityId: string;
  /** Your own id for the user or organization. At most 255 characters. */
  externalId: string;
  /** The rate limits that the identity's keys share. `[]` if it has none. At most 50 items. */
  ratelimits: Array<{
    /** The rate limit's id. At most 255 characters. */
    id: string;
    /** The name by which a verification names the limit. At most 128 characters. */
    name: string;
    /** The highest total cost within any span of `duration`. */
    limit: number;
    /** The length of the sliding window in milliseconds. */
    duration: number;
    /** Whether every verification counts against the limit without naming it. */
    autoApply: boolean;
    /** Who has the limit. All keys of an identity share its limits. */
    owner: "key" | "identity";
    /** The cost that counts now. It may exceed a limit that was lowered. */
    used: number;
    /** The highest cost with which the very next verification passes. */
    remaining: number;
    /** The time at which the window will be empty if nothing more is counted. Unix time in milliseconds. */
    reset: number;
  }>;
  /** The credits that the identity's keys share. `remaining` is null if they are unlimited. */
  credits: {
    /** The number of credits that verifications may still spend. null: unlimited. */
    remaining: number | null;
    /** When the balance is refilled, and to what. Omitted if it is never refilled. */
    refill?: {
      /** How often the balance is refilled, at 00:00 UTC: every day, or once a month. */
      interval: "daily" | "monthly";
      /** The number of credits that a refill sets the balance to. Credits that are left are lost. */
      amount: number;
      /** The day of the month of a monthly refill. In a month without this day, its last day. */
      refillDay?: number;
    };
  };
  /** When the credits are refilled next. Unix time in milliseconds. Omitted if they are not refilled. */
  nextRefillAt?: number;
  /** The quotas that the identity's keys share, and what is left of them. `[]` if it has none. At most 50 items. */
  quotas: Array<{
    /** The name by which a verification names the quota, such as `requests`. Unique among the quotas of the key or identity. At most 128 characters. */
    name: string;
    /** The units that each period allows. 0: only grants can be spent. */
    limit: number;
    /** The unit in which `every` counts the length of a period. */
    period: "hour" | "day" | "week" | "month" | "year";
    /** The length of a period in units of `period`, such as 3 with `month` for a quarter. */
    every: number;
    /** The IANA name of the time zone that the periods follow. At most 64 characters. */
    timeZone: string;
    /** When periods begin. `calendar`: at 00:00 in the time zone, weeks on Monday. `first_use`: with the first cost above 0 after the previous period has ended. A Unix time in milliseconds: a period begins at this instant, such as on a billing day. */
    anchor: "calendar" | "first_use" | number;
    /** Carries unused units to the next period. Carried units, grants and overage are never carried again. If omitted, nothing is carried. */
    rollover?: {
      /** The maximum number of unused units of the limit that are carried to the next period. */
      max: number;
    };
    /** What happens beyond the limit. `refuse`: the verification returns `USAGE_EXCEEDED`. `allow`: the verification passes, and its units are counted. A number above the limit: verifications pass until a period has used that many units in all. */
    overage: "refuse" | "allow" | number;
    /** Percentages of the limit, ascending. The first verification in a period that reaches a threshold says so in `crossed`, and the ledger records it. At most 20 items. */
    thresholds: number[];
    /** true: every verification uses one unit, unless it names the quota with another cost. false: only a verification that names the quota uses it. */
    autoApply: boolean;
    /** The units of the quota used or held in this period, within the limit and as overage. Carried and granted units are not included. */
    used: number;
    /** The units left: of the limit, carried from the previous period, and granted. Overage and held units are not included. */
    remaining: number;
    /** When the next period begins. Unix time in milliseconds. Omitted if no period has begun: with the anchor `first_use`, the first use begins it. */
    resetsAt?: number;
    /** Units on top of the limit, in the order in which they expire. Omitted if no units were granted. At most 100 items. */
    grants?: Array<{
      /** The grant's id. At most 255 characters. */
      id: string;
      /** The units that were granted. */
      amount: number;
      /** The units of the grant that are left. Held units are not included. */
      remaining: number;
      /** When the grant expires. Unix time in milliseconds. Omitted if it never expires. */
      expires?: number;
    }>;
  }>;
};

export type Key<M extends MetaTypes = MetaTypes> = {
  /** The key's id. At most 255 characters. */
  keyId: string;
  /** The id of the api's keyspace, the set of all its keys. At most 255 characters. */
  keyspaceId?: string;
  /** The first characters of the key, by which a person can recognize it: the prefix and four more characters. May be empty for a migrated key. At most 255 characters. */
  start: string;
  /** false: every verification of the key returns `DISABLED`. */
  enabled: boolean;
  /** When the key was created. Unix time in milliseconds. */
  createdAt: number;
  /** A name for people, such as `Payments, production`. It need not be unique. At most 255 characters. */
  name?: string;
  /** The key's own metadata. Omitted if it has none. At most 100 members. */
  meta?: KeyMeta<M>;
  /** When the key was last changed. Unix time in milliseconds. Omitted if it was never changed. */
  updatedAt?: number;
  /** When the key was last verified. Unix time in milliseconds. Omitted if it was never verified. */
  lastUsedAt?: number;
  /** When the key expires. Unix time in milliseconds (not seconds), such as 1767225600000 for January 1, 2026. If omitted, the key never expires. */
  expires?: number;
  /** The slugs of all permissions that the key has, directly or through roles. Omitted if it has none. */
  permissions?: string[];
  /** The names of the key's roles. Omitted if it has none. */
  roles?: string[];
  /** The key's credits. Omitted if they are unlimited. */
  credits?: {
    /** The number of credits that verifications may still spend. null: unlimited. */
    remaining: number | null;
    /** When the balance is refilled, and to what. Omitted if it is never refilled. */
    refill?: {
      /** How often the balance is refilled, at 00:00 UTC: every day, or once a month. */
      interval: "daily" | "monthly";
      /** The number of credits that a refill sets the balance to. Credits that are left are lost. */
      amount: number;
      /** The day of the month of a monthly refill. In a month without this day, its last day. */
      refillDay?: number;
    };
  };
  /** The identity that the key belongs to. Omitted if the key belongs to none. */
  identity?: Identity<M>;
  /** The key's own rate limits, without those of its identity. Omitted if it has none. At most 50 items. */
  ratelimits?: Array<{
    /** The rate limit's id. At most 255 characters. */
    id: string;
    /** The name by which a verification names the limit. At most 128 characters. */
    name: string;
    /** The highest total cost within any span of `duration`. */
    limit: number;
    /** The length of the sliding window in milliseconds. */
    duration: number;
    /** Whether every verification counts against the limit without naming it. */
    autoApply: boolean;
  }>;
  /** The key's own quotas, and what is left of them. Omitted if the key has no quotas, and in all responses but that of `keys.getKey`. At most 50 items. */
  quotas?: Array<{
    /** The name by which a verification names the quota, such as `requests`. Unique among the quotas of the key or identity. At most 128 characters. */
    name: string;
    /** The units that each period allows. 0: only grants can be spent. */
    limit: number;
    /** The unit in which `every` counts the length of a period. */
    period: "hour" | "day" | "week" | "month" | "year";
    /** The length of a period in units of `period`, such as 3 with `month` for a quarter. */
    every: number;
    /** The IANA name of the time zone that the periods follow. At most 64 characters. */
    timeZone: string;
    /** When periods begin. `calendar`: at 00:00 in the time zone, weeks on Monday. `first_use`: with the first cost above 0 after the previous period has ended. A Unix time in milliseconds: a period begins at this instant, such as on a billing day. */
    anchor: "calendar" | "first_use" | number;
    /** Carries unused units to the next period. Carried units, grants and overage are never carried again. If omitted, nothing is carried. */
    rollover?: {
      /** The maximum number of unused units of the limit that are carried to the next period. */
      max: number;
    };
    /** What happens beyond the limit. `refuse`: the verification returns `USAGE_EXCEEDED`. `allow`: the verification passes, and its units are counted. A number above the limit: verifications pass until a period has used that many units in all. */
    overage: "refuse" | "allow" | number;
    /** Percentages of the limit, ascending. The first verification in a period that reaches a threshold says so in `crossed`, and the ledger records it. At most 20 items. */
    thresholds: number[];
    /** true: every verification uses one unit, unless it names the quota with another cost. false: only a verification that names the quota uses it. */
    autoApply: boolean;
    /** The units of the quota used or held in this period, within the limit and as overage. Carried and granted units are not included. */
    used: number;
    /** The units left: of the limit, carried from the previous period, and granted. Overage and held units are not included. */
    remaining: number;
    /** When the next period begins. Unix time in milliseconds. Omitted if no period has begun: with the anchor `first_use`, the first use begins it. */
    resetsAt?: number;
    /** Units on top of the limit, in the order in which they expire. Omitted if no units were granted. At most 100 items. */
    grants?: Array<{
      /** The grant's id. At most 255 characters. */
      id: string;
      /** The units that were granted. */
      amount: number;
      /** The units of the grant that are left. Held units are not included. */
      remaining: number;
      /** When the grant expires. Unix time in milliseconds. Omitted if it never expires. */
      expires?: number;
    }>;
  }>;
  /** The only IP addresses and CIDR ranges from which keys may be used, in canonical form. Omitted if every address is allowed. */
  ipAllowList?: string[];
  /** The whole key. Only for a recoverable key, if the request has `decrypt: true`. At most 512 characters. */
  plaintext?: string;
};

export type KeysState = {
  /** The key's id. At most 255 characters. */
  keyId: string;
  /** The limits that a verification of the key can count against: its own, and those of its identity that no limit of the key with the same name hides. `[]` if it has no limits. At most 100 items. */
  ratelimits: Array<{
    /** The rate limit's id. At most 255 characters. */
    id: string;
    /** The name by which a verification names the limit. At most 128 characters. */
    name: string;
    /** The highest total cost within any span of `duration`. */
    limit: number;
    /** The length of the sliding window in milliseconds. */
    duration: number;
    /** Whether every verification counts against the limit without naming it. */
    autoApply: boolean;
    /** Who has the limit. All keys of an identity share its limits. */
    owner: "key" | "identity";
    /** The cost that counts now. It may exceed a limit that was lowered. */
    used: number;
    /** The highest cost with which the very next verification passes. */
    remaining: number;
    /** The time at which the window will be empty if nothing more is counted. Unix time in milliseconds. */
    reset: number;
  }>;
  /** The key's credits. `remaining` is null if they are unlimited. */
  credits: {
    /** The number of credits that verifications may still spend. null: unlimited. */
    remaining: number | null;
    /** When the balance is refilled, and to what. Omitted if it is never refilled. */
    refill?: {
      /** How often the balance is refilled, at 00:00 UTC: every day, or once a month. */
      interval: "daily" | "monthly";
      /** The number of credits that a refill sets the balance to. Credits that are left are lost. */
      amount: number;
      /** The day of the month of a monthly refill. In a month without this day, its last day. */
      refillDay?: number;
    };
  };
  /** The key's own quotas, and what is left of them. `[]` if it has none. At most 50 items. */
  quotas: Array<{
    /** The name by which a verification names the quota, such as `requests`. Unique among the quotas of the key or identity. At most 128 characters. */
    name: string;
    /** The units that each period allows. 0: only grants can be spent. */
    limit: number;
    /** The unit in which `every` counts the length of a period. */
    period: "hour" | "day" | "week" | "month" | "year";
    /** The length of a period in units of `period`, such as 3 with `month` for a quarter. */
    every: number;
    /** The IANA name of the time zone that the periods follow. At most 64 characters. */
    timeZone: string;
    /** When periods begin. `calendar`: at 00:00 in the time zone, weeks on Monday. `first_use`: with the first cost above 0 after the previous period has ended. A Unix time in milliseconds: a period begins at this instant, such as on a billing day. */
    anchor: "calendar" | "first_use" | number;
    /** Carries unused units to the next period. Carried units, grants and overage are never carried again. If omitted, nothing is carried. */
    rollover?: {
      /** The maximum number of unused units of the limit that are carried to the next period. */
      max: number;
    };
    /** What happens beyond the limit. `refuse`: the verification returns `USAGE_EXCEEDED`. `allow`: the verification passes, and its units are counted. A number above the limit: verifications pass until a period has used that many units in all. */
    overage: "refuse" | "allow" | number;
    /** Percentages of the limit, ascending. The first verification in a period that reaches a threshold says so in `crossed`, and the ledger records it. At most 20 items. */
    thresholds: number[];
    /** true: every verification uses one unit, unless it names the quota with another cost. false: only a verification that names the quota uses it. */
    autoApply: boolean;
    /** The units of the quota used or held in this period, within the limit and as overage. Carried and granted units are not included. */
    used: number;
    /** The units left: of the limit, carried from the previous period, and granted. Overage and held units are not included. */
    remaining: number;
    /** When the next period begins. Unix time in milliseconds. Omitted if no period has begun: with the anchor `first_use`, the first use begins it. */
    resetsAt?: number;
    /** Units on top of the limit, in the order in which they expire. Omitted if no units were granted. At most 100 items. */
    grants?: Array<{
      /** The grant's id. At most 255 characters. */
      id: string;
      /** The units that were granted. */
      amount: number;
      /** The units of the grant that are left. Held units are not included. */
      remaining: number;
      /** When the grant expires. Unix time in milliseconds. Omitted if it never expires. */
      expires?: number;
    }>;
  }>;
  /** When the credits are refilled next. Unix time in milliseconds. Omitted if they are not refilled. */
  nextRefillAt?: number;
};

export type Permission = {
  /** The permission's id. At most 255 characters. */
  id: string;
  /** A name for people, such as `Read documents`. It need not be unique. At most 512 characters. */
  name: string;
  /** The name that permission queries use, such as `documents.read`. Unique in the workspace, compared byte for byte. Letters, digits, `_`, `:`, `-`, `.` and `*`. A `*` that is a whole segment is a wildcard: `*` alone covers every permission. At the end, `.*` covers one or more segments. Anywhere else, `*` covers exactly one segment. At most 128 characters. */
  slug: string;
  /** What the permission allows, for people. Omitted if it has no description. At most 512 characters. */
  description?: string;
};

export type Role = {
  /** The role's id. At most 255 characters. */
  id: string;
  /** The role's name, such as `editor`. Unique in the workspace, compared byte for byte. At most 128 characters. */
  name: string;
  /** What the role allows, for people. Omitted if it has no description. At most 512 characters. */
  description?: string;
  /** The permissions that the role gives. Omitted if it gives none. */
  permissions?: Permission[];
};

export type Namespace = {
  /** The namespace's id. At most 255 characters. */
  id: string;
  /** The namespace's name. At most 512 characters. */
  name: string;
  /** When the namespace was created. Unix time in milliseconds. */
  createdAt: number;
};

export type Override = {
  /** The override's id. At most 255 characters. */
  overrideId: string;
  /** The identifier or the pattern that the override is for. At most 512 characters. */
  identifier: string;
  /** The highest total cost within any span of `duration`. 0 refuses every request. */
  limit: number;
  /** The length of the sliding window in milliseconds. */
  duration: number;
};

export type Status = {
  /** The version of Latchkey. At most 255 characters. */
  version: string;
  /** When this node started. Unix time in milliseconds. */
  startedAt: number;
  /** Where the records are. */
  database: {
    /** The kind of database. */
    engine: "sqlite" | "postgres";
    /** The migrations that were applied to the database, in order. */
    migrations: string[];
  };
  /** How many nodes serve from this database, including this one. */
  nodes: number;
  /** Whether Redis counts rate limits. `down`: this node counts its share in memory. */
  redis: "not_configured" | "up" | "down";
  /** The cache of keys on this node. */
  keyCache: {
    /** How many look-ups since the start found the key in the cache. */
    hits: number;
    /** How many look-ups since the start did not find the key in the cache. */
    misses: number;
    /** Memory that cached keys use, in bytes. */
    bytes: number;
    /** The maximum memory that cached keys may use, in bytes. */
    maxBytes: number;
  };
  /** What is missing from the usage of this node. */
  usage: {
    /** Events of single verifications and decisions that were lost since the start. */
    droppedEvents: number;
    /** Usage counts that were lost since the start. */
    droppedCounts: number;
    /** Tags that were left out of usage events since the start, because their workspace sent too many characters of tags within half a second. The events were recorded without them. */
    droppedTags: number;
    /** Stored events that were deleted since the start to stay within `USAGE_MAX_BYTES`. */
    evictedEvents: number;
  };
  /** Every setting of this node. */
  settings: Array<{
    /** The environment variable. At most 255 characters. */
    name: string;
    /** The value of the variable, or the default, with secrets masked. Empty if there is neither. At most 1000000 characters. */
    value: string;
    /** What the variable sets. At most 1000 characters. */
    description: string;
  }>;
};

export type Limits = {
  /** Verifications and rate limit decisions in a month. Always null: no limit. */
  apiBillableOperationsCountMaxPerMonth: {
    /** The most that the workspace may have. null: no limit. */
    limit: number | null;
    /** How much of the limit is used. Only in `logdrainsMax`. */
    current?: number;
  };
  /** Requests in a minute, as `WORKSPACE_REQUESTS_PER_MINUTE` sets it. Requests above the limit get 429. null: no limit. */
  apiRequestsCountMaxPerMinute: {
    /** The most that the workspace may have. null: no limit. */
    limit: number | null;
    /** How much of the limit is used. Only in `logdrainsMax`. */
    current?: number;
  };
  /** How many days the events of single verifications and decisions are kept, as `USAGE_EVENT_HOURS` sets it, rounded down. null: as long as there is space. */
  logsRetentionDaysMax: {
    /** The most that the workspace may have. null: no limit. */
    limit: number | null;
    /** How much of the limit is used. Only in `logdrainsMax`. */
    current?: number;
  };
  /** How many days audit events are kept, as `AUDIT_RETENTION_DAYS` sets it. null: forever. */
  logsAuditRetentionDaysMax: {
    /** The most that the workspace may have. null: no limit. */
    limit: number | null;
    /** How much of the limit is used. Only in `logdrainsMax`. */
    current?: number;
  };
  /** Log drains. Always 0: this server has none. */
  logdrainsMax: {
    /** The most that the workspace may have. null: no limit. */
    limit: number | null;
    /** How much of the limit is used. Only in `logdrainsMax`. */
    current?: number;
  };
};

export type WorkspaceUsage = {
  /** The time that was counted. */
  period: {
    /** The first instant of the month. Unix time in milliseconds. */
    start: number;
    /** The end of the month, exclusive; for the current month, now. Unix time in milliseconds. */
    end: number;
  };
  /** The sums over the whole workspace. */
  totals: {
    /** What the API was used for. */
    api: {
      /** Verifications with the code `VALID`. */
      verifications: number;
      /** Rate limit decisions that let the call pass. */
      ratelimits: number;
    };
    /** What apps used. */
    compute: {
      /** CPU time, in seconds. Always 0. */
      cpuSeconds: number;
      /** Memory, in GiB-hours. Always 0. */
      memoryGiBHours: number;
      /** Disk space, in GiB-hours. Always 0. */
      storageGiBHours: number;
      /** Traffic to the internet, in GiB. Always 0. */
      egressGiB: number;
    };
    /** What a gateway was used for. */
    gateway: {
      /** Keys that a gateway verified. Always 0. */
      activeKeys: number;
    };
  };
  /** The sums of parts of the workspace. */
  breakdowns: {
    /** `compute` by environment. Always empty. At most 0 items. */
    byEnvironment: Record<string, unknown>[];
    /** `gateway` by app. Always empty. At most 0 items. */
    byApp: Record<string, unknown>[];
  };
};

export type Workspace = {
  /** The workspace's id. At most 255 characters. */
  id: string;
  /** The workspace's name. At most 512 characters. */
  name: string;
  /** When the workspace was created. Unix time in milliseconds. */
  createdAt: number;
  /** The IANA name of the time zone for quotas without a `timeZone`, such as `Europe/Berlin`. At most 255 characters. */
  timeZone: string;
};

export type GetGatewayRequestsInput = {
  /** One SELECT statement. This server does not run it. 1 to 16384 characters. */
  query: string;
};

export type GetRatelimitsInput = {
  /** One SELECT statement. This server does not run it. 1 to 16384 characters. */
  query: string;
};

export type GetTopInput = {
  /** What is ranked. `identifiers`: the identifiers of rate limit decisions, which needs `ratelimit.*.read_analytics`. */
  of: "identities" | "keys" | "tags" | "identifiers";
  /** Counts only verifications or decisions with this outcome. Default: all. */
  outcome?: "VALID" | "NOT_FOUND" | "FORBIDDEN" | "INSUFFICIENT_PERMISSIONS" | "USAGE_EXCEEDED" | "RATE_LIMITED" | "DISABLED" | "EXPIRED" | "PASSED" | "REFUSED" | undefined;
  /** Counts only decisions of the rate limit namespace with this name or id. Only for `identifiers`. 1 to 512 characters. */
  namespace?: string | undefined;
  /** The start of the time range, as Unix time in milliseconds. Rounded down to a whole hour, except for `identifiers`. Default: 24 hours before `end`. 0 to 4102444800000. */
  start?: number | undefined;
  /** The end of the time range, exclusive, as Unix time in milliseconds. Rounded up to a whole hour, except for `identifiers`. Default: now. 0 to 4102444800000. */
  end?: number | undefined;
  /** The highest number of items to return. 1 to 100. Default: 10. */
  limit?: number | undefined;
};

export type GetRuntimeLogsInput = {
  /** One SELECT statement. This server does not run it. 1 to 16384 characters. */
  query: string;
};

export type AnalyticsGetUsageInput = {
  /** Counts the verifications of this key. Send at most one subject. Without one, the whole workspace is counted. 3 to 255 characters. */
  keyId?: string | undefined;
  /** Counts the verifications of the keys of the identity with this id or external id. 1 to 255 characters. */
  identity?: string | undefined;
  /** Counts the verifications of the keys of this api. 3 to 255 characters. */
  apiId?: string | undefined;
  /** Counts the decisions of the rate limit namespace with this name or id. 1 to 512 characters. */
  namespace?: string | undefined;
  /** The length of the period that each point covers, in UTC. At most 2000 periods. Default: "hour". */
  granularity?: "minute" | "hour" | "day" | undefined;
  /** The start of the series, as Unix time in milliseconds, rounded down to a whole period. Default: 24 hours before `end`. 0 to 4102444800000. */
  start?: number | undefined;
  /** The end of the series, exclusive, as Unix time in milliseconds. Default: now. 0 to 4102444800000. */
  end?: number | undefined;
  /** Counts only verifications with exactly this tag. Rate limit decisions have no tags. 1 to 512 characters. */
  tag?: string | undefined;
  /** Adds `groups`: the sums over the whole time range by api, by outcome or by tag. `api` is only allowed for the whole workspace. The outcome `SETTLED` has the credits of settlements. Its total is 0, because the verifications that reserved the credits are counted already. */
  by?: "api" | "outcome" | "tag" | undefined;
  /** `csv` adds the series as CSV text, in `csv`. Default: "json". */
  format?: "json" | "csv" | undefined;
};

export type GetVerificationsInput = {
  /** One SELECT statement. This server does not run it. 1 to 16384 characters. */
  query: string;
};

export type AnalyticsListEventsInput = {
  /** The highest number of items to return. 1 to 100. Default: 100. */
  limit?: number | undefined;
  /** Where the page begins: `pagination.cursor` of the previous page, unchanged. Omit it for the first page. At most 1024 characters. */
  cursor?: string | undefined;
  /** Returns only verifications, only rate limit decisions, or only settlements of reserved credits. */
  kind?: "verification" | "ratelimit" | "settlement" | undefined;
  /** Returns only verifications and settlements of the key with this id, even if the key was deleted. 3 to 255 characters. */
  keyId?: string | undefined;
  /** Returns only verifications of keys of the identity with this id or external id, and settlements for it. 1 to 255 characters. */
  identity?: string | undefined;
  /** Returns only verifications and settlements of keys of this api. 3 to 255 characters. */
  apiId?: string | undefined;
  /** Returns only decisions of the rate limit namespace with this name or id. 1 to 512 characters. */
  namespace?: string | undefined;
  /** Returns only decisions about this identifier. 1 to 512 characters. */
  identifier?: string | undefined;
  /** Returns only events with this outcome. */
  outcome?: "VALID" | "NOT_FOUND" | "FORBIDDEN" | "INSUFFICIENT_PERMISSIONS" | "USAGE_EXCEEDED" | "RATE_LIMITED" | "DISABLED" | "EXPIRED" | "PASSED" | "REFUSED" | "SETTLED" | undefined;
  /** Returns only verifications with exactly this tag, and their settlements. 1 to 512 characters. */
  tag?: string | undefined;
  /** Returns only the events of the request with this `meta.requestId`. 1 to 255 characters. */
  requestId?: string | undefined;
  /** Returns only events at this time or later. Unix time in milliseconds. 0 to 4102444800000. */
  start?: number | undefined;
  /** Returns only events before this time. Unix time in milliseconds. 0 to 4102444800000. */
  end?: number | undefined;
};

export type CreateApiInput = {
  /** A name for people, such as `payments`. It need not be unique. 3 to 256 characters. */
  name: string;
};

export type DeleteApiInput = {
  /** The api's id, as `apis.createApi` returned it. 8 to 255 characters. */
  apiId: string;
};

export type GetApiInput = {
  /** The api's id, as `apis.createApi` returned it. 8 to 255 characters. */
  apiId: string;
};

export type ListApisInput = {
  /** The highest number of items to return. 1 to 100. Default: 100. */
  limit?: number | undefined;
  /** Where the page begins: `pagination.cursor` of the previous page, unchanged. Omit it for the first page. At most 1024 characters. */
  cursor?: string | undefined;
  /** Returns only items that contain this text, taken literally: no character is a wildcard. ASCII letters match in upper and lower case. Spaces around it are ignored, and blank text means no search. At most 256 characters. */
  search?: string | undefined;
  /** `asc` lists the oldest first, `desc` the newest. Default: "asc". */
  order?: "asc" | "desc" | undefined;
};

export type ApisListKeysInput = {
  /** The api's id, as `apis.createApi` returned it. 3 to 255 characters. */
  apiId: string;
  /** The highest number of items to return. 1 to 100. Default: 100. */
  limit?: number | undefined;
  /** Where the page begins: `pagination.cursor` of the previous page, unchanged. Omit it for the first page. At most 1024 characters. */
  cursor?: string | undefined;
  /** Returns only the keys of the identity with this external id. 1 to 255 characters. */
  externalId?: string | undefined;
  /** true: adds `plaintext`, the whole key, to each key that was created as recoverable. Needs the permission `decrypt_key` in the key's api, and a server with a recovery key. Default: false. */
  decrypt?: boolean | undefined;
  /** Has no effect, because lists are never cached. Accepted for compatibility. Default: false. */
  revalidateKeysCache?: boolean | undefined;
};

export type UpdateApiInput = {
  /** The api's id, as `apis.createApi` returned it. 8 to 255 characters. */
  apiId: string;
  /** A name for people, such as `payments`. It need not be unique. 3 to 256 characters. */
  name?: string | undefined;
  /** true: `apis.deleteApi` refuses to delete the api until the protection is removed. */
  deleteProtection?: boolean | undefined;
  /** The prefix of keys that are created without `prefix`. null removes the default. 1 to 16 characters. */
  defaultPrefix?: string | null | undefined;
  /** The number of random bytes in keys that are created without `byteLength`. null restores the server's default, 16. 16 to 255. */
  defaultByteLength?: number | null | undefined;
  /** The only IP addresses from which the keys may be used: 1 to 100 IPv4 or IPv6 addresses and CIDR ranges. A verification whose `ip` is omitted or in none of them is `FORBIDDEN`. IPv4 addresses written as IPv6 (`::ffff:192.0.2.1`) count as IPv4. If both the key and its api have a list, both must have the address. It replaces the api's list. null: every address is allowed. 1 to 100 items. */
  ipAllowList?: string[] | null | undefined;
};

export type AuditListEventsInput = {
  /** The highest number of items to return. 1 to 100. Default: 100. */
  limit?: number | undefined;
  /** Where the page begins: `pagination.cursor` of the previous page, unchanged. Omit it for the first page. At most 1024 characters. */
  cursor?: string | undefined;
  /** Returns only events of this kind, such as `identity.update`. 1 to 128 characters. */
  event?: string | undefined;
  /** Returns only changes that the root key with this id made. 1 to 255 characters. */
  actorId?: string | undefined;
  /** Returns only changes to the record with this id, such as a key or an identity. 1 to 255 characters. */
  targetId?: string | undefined;
  /** Returns only changes that the request with this `meta.requestId` made. 1 to 255 characters. */
  requestId?: string | undefined;
  /** `asc` lists the oldest first, `desc` the newest. Default: "asc". */
  order?: "asc" | "desc" | undefined;
  /** Returns only events at this time or later. Unix time in milliseconds. 0 to 4102444800000. */
  start?: number | undefined;
  /** Returns only events before this time. Unix time in milliseconds. 0 to 4102444800000. */
  end?: number | undefined;
};

export type ListMovementsInput = {
  /** The identity's id or its external id. If both match, the id wins. 1 to 255 characters. */
  identity?: string | undefined;
  /** The key's id, as the call that created the key returned it. It is not the key itself. 3 to 255 characters. */
  keyId?: string | undefined;
  /** The highest number of items to return. 1 to 100. Default: 100. */
  limit?: number | undefined;
  /** Where the page begins: `pagination.cursor` of the previous page, unchanged. Omit it for the first page. At most 1024 characters. */
  cursor?: string | undefined;
};

export type ReleaseInput = {
  /** The `reservation.id` that `keys.verifyKey` or `credits.reserve` returned. 1 to 255 characters. */
  reservationId: string;
};

export type ReserveInput = {
  /** The identity's id or its external id. If both match, the id wins. 1 to 255 characters. */
  identity?: string | undefined;
  /** The key's id, as the call that created the key returned it. It is not the key itself. 3 to 255 characters. */
  keyId?: string | undefined;
  /** The units to hold. They are taken now. Units that are not used come back when the hold is settled. 1 to 1000000000000000. */
  amount: number;
  /** The name of the quota whose units are held. If omitted, credits are held. 3 to 128 characters. */
  quota?: string | undefined;
  /** How long the units are held, in milliseconds: from one second to one day. 1000 to 86400000. */
  ttl: number;
  /** What happens to the units of a hold that expires before it is settled: they are given back, or charged in full. Default: "release". */
  onExpiry?: "release" | "charge" | undefined;
};

export type SettleInput = {
  /** The `reservation.id` that `keys.verifyKey` or `credits.reserve` returned. 1 to 255 characters. */
  reservationId: string;
  /** The units that were actually used. 0 to 1000000000000000. */
  amount: number;
};

export type CreateIdentityInput<M extends MetaTypes = MetaTypes> = {
  /** Your own id for the user or organization, such as `user_123`. Unique in the workspace, compared byte for byte. Letters, digits, `_`, `.` and `-`. 1 to 255 characters. */
  externalId: string;
  /** Any JSON object, such as `{"plan":"pro"}`. It is returned unchanged, also by every verification. At most 64 KiB of JSON, unless the server is configured otherwise. At most 100 members. */
  meta?: IdentityMeta<M> | undefined;
  /** Rate limits with different names, which verifications count against. At most 50 items. */
  ratelimits?: Array<{
    /** The name by which a verification names the limit, such as `requests`. Unique among the rate limits of the key or identity. 3 to 128 characters. */
    name: string;
    /** The highest total cost within any span of `duration`, such as 100. At least 1. */
    limit: number;
    /** The length of the sliding window in milliseconds, such as 60000 for one minute. At most 30 days, unless the server is configured otherwise. At least 1000. */
    duration: number;
    /** true: every verification counts against this limit. false: only a verification that names the limit counts. Default: false. */
    autoApply?: boolean | undefined;
  }> | undefined;
  /** Credits that the identity's keys share. A key that also has credits of its own spends from both. If omitted, they are unlimited. */
  credits?: {
    /** The number of credits that verifications may still spend. null: unlimited. At least 0. */
    remaining: number | null;
    /** Sets the balance to `amount` every day or every month. Unlimited credits cannot have a refill. */
    refill?: {
      /** How often the balance is refilled, at 00:00 UTC: every day, or once a month. */
      interval: "daily" | "monthly";
      /** The number of credits that a refill sets the balance to. Credits that are left are lost. At least 1. */
      amount: number;
      /** The day of the month of a monthly refill. In a month without this day, its last day. If omitted, the first day. Send it only for a monthly refill. 1 to 31. */
      refillDay?: number | undefined;
    } | undefined;
  } | undefined;
  /** Quotas with different names: how many units may be used in each hour, day, week, month or year. A rate limit may have the same name as a quota; they are independent. At most 50 items. */
  quotas?: Array<{
    /** The name by which a verification names the quota, such as `requests`. Unique among the quotas of the key or identity. 3 to 128 characters. */
    name: string;
    /** The units that each period allows. 0: only grants can be spent. 0 to 1000000000000000. */
    limit: number;
    /** The unit in which `every` counts the length of a period. */
    period: "hour" | "day" | "week" | "month" | "year";
    /** The length of a period in units of `period`, such as 3 with `month` for a quarter. 1 to 366. Default: 1. */
    every?: number | undefined;
    /** An IANA name, such as `Europe/Berlin`. Offsets such as `+02:00` are refused, because they have no summer time. Default: the workspace's time zone. 1 to 64 characters. */
    timeZone?: string | undefined;
    /** When periods begin. `calendar`: at 00:00 in the time zone, weeks on Monday. `first_use`: with the first cost above 0 after the previous period has ended. A Unix time in milliseconds: a period begins at this instant, such as on a billing day. Default: "calendar". */
    anchor?: "calendar" | "first_use" | number | undefined;
    /** Carries unused units to the next period. Carried units, grants and overage are never carried again. If omitted, nothing is carried. */
    rollover?: {
      /** The maximum number of unused units of the limit that are carried to the next period. 0 to 1000000000000000. */
      max: number;
    } | undefined;
    /** What happens beyond the limit. `refuse`: the verification returns `USAGE_EXCEEDED`. `allow`: the verification passes, and its units are counted. A number above the limit: verifications pass until a period has used that many units in all. Default: "refuse". */
    overage?: "refuse" | "allow" | number | undefined;
    /** Percentages of the limit, ascending. The first verification in a period that reaches a threshold says so in `crossed`, and the ledger records it. At most 20 items. Default: []. */
    thresholds?: number[] | undefined;
    /** true: every verification uses one unit, unless it names the quota with another cost. false: only a verification that names the quota uses it. Default: false. */
    autoApply?: boolean | undefined;
    /** true: a quota of this name that exists already begins anew, with nothing used and nothing carried. Default: false. */
    restart?: boolean | undefined;
  }> | undefined;
};

export type DeleteIdentityInput = {
  /** The identity's id or its external id. If both match, the id wins. 1 to 255 characters. */
  identity: string;
};

export type GetIdentityInput = {
  /** The identity's id or its external id. If both match, the id wins. 1 to 255 characters. */
  identity: string;
};

export type IdentitiesGetStateInput = {
  /** The identity's id or its external id. If both match, the id wins. 1 to 255 characters. */
  identity: string;
};

export type ListIdentitiesInput = {
  /** The highest number of items to return. 1 to 100. Default: 100. */
  limit?: number | undefined;
  /** Where the page begins: `pagination.cursor` of the previous page, unchanged. Omit it for the first page. At most 1024 characters. */
  cursor?: string | undefined;
  /** Returns only items that contain this text, taken literally: no character is a wildcard. ASCII letters match in upper and lower case. Spaces around it are ignored, and blank text means no search. At most 256 characters. */
  search?: string | undefined;
};

export type IdentitiesUpdateCreditsInput = {
  /** The identity's id or its external id. If both match, the id wins. 1 to 255 characters. */
  identity: string;
  /** `set` makes `value` the balance, `increment` adds `value` to it, and `decrement` takes `value` away, down to 0. Unlimited credits can only be set. */
  operation: "set" | "increment" | "decrement";
  /** A number of credits. Required for `increment` and `decrement`. With `set`, null or no value makes the credits unlimited and removes their refill. At least 0. */
  value?: number | null | undefined;
};

export type UpdateIdentityInput<M extends MetaTypes = MetaTypes> = {
  /** The identity's id or its external id. If both match, the id wins. 1 to 255 characters. */
  identity: string;
  /** Replaces all of the metadata. `{}` clears it. Any JSON object, such as `{"plan":"pro"}`. It is returned unchanged, also by every verification. At most 64 KiB of JSON, unless the server is configured otherwise. At most 100 members. */
  meta?: IdentityMeta<M> | undefined;
  /** Replaces all rate limits of the identity, matched by name: a limit whose name stays keeps its id. `[]` removes them all. At most 50 items. */
  ratelimits?: Array<{
    /** The name by which a verification names the limit, such as `requests`. Unique among the rate limits of the key or identity. 3 to 128 characters. */
    name: string;
    /** The highest total cost within any span of `duration`, such as 100. At least 1. */
    limit: number;
    /** The length of the sliding window in milliseconds, such as 60000 for one minute. At most 30 days, unless the server is configured otherwise. At least 1000. */
    duration: number;
    /** true: every verification counts against this limit. false: only a verification that names the limit counts. Default: false. */
    autoApply?: boolean | undefined;
  }> | undefined;
  /** Changes the credits that the identity's keys share. null: unlimited, without a refill. */
  credits?: {
    /** The number of credits that verifications may still spend. null: unlimited, without a refill. Omitted: unchanged. At least 0. */
    remaining?: number | null | undefined;
    /** Sets the balance to `amount` every day or every month. Unlimited credits cannot have a refill. null removes the refill. Omitted: unchanged. */
    refill?: {
      /** How often the balance is refilled, at 00:00 UTC: every day, or once a month. */
      interval: "daily" | "monthly";
      /** The number of credits that a refill sets the balance to. Credits that are left are lost. At least 1. */
      amount: number;
      /** The day of the month of a monthly refill. In a month without this day, its last day. If omitted, the first day. Send it only for a monthly refill. 1 to 31. */
      refillDay?: number | undefined;
    } | null | undefined;
  } | null | undefined;
  /** Replaces all quotas of the identity, matched by name: a quota whose name stays keeps what it has used. `[]` removes them all. A quota that is removed and added again within its period is not reset, unless `restart` is true. At most 50 items. */
  quotas?: Array<{
    /** The name by which a verification names the quota, such as `requests`. Unique among the quotas of the key or identity. 3 to 128 characters. */
    name: string;
    /** The units that each period allows. 0: only grants can be spent. 0 to 1000000000000000. */
    limit: number;
    /** The unit in which `every` counts the length of a period. */
    period: "hour" | "day" | "week" | "month" | "year";
    /** The length of a period in units of `period`, such as 3 with `month` for a quarter. 1 to 366. Default: 1. */
    every?: number | undefined;
    /** An IANA name, such as `Europe/Berlin`. Offsets such as `+02:00` are refused, because they have no summer time. Default: the workspace's time zone. 1 to 64 characters. */
    timeZone?: string | undefined;
    /** When periods begin. `calendar`: at 00:00 in the time zone, weeks on Monday. `first_use`: with the first cost above 0 after the previous period has ended. A Unix time in milliseconds: a period begins at this instant, such as on a billing day. Default: "calendar". */
    anchor?: "calendar" | "first_use" | number | undefined;
    /** Carries unused units to the next period. Carried units, grants and overage are never carried again. If omitted, nothing is carried. */
    rollover?: {
      /** The maximum number of unused units of the limit that are carried to the next period. 0 to 1000000000000000. */
      max: number;
    } | undefined;
    /** What happens beyond the limit. `refuse`: the verification returns `USAGE_EXCEEDED`. `allow`: the verification passes, and its units are counted. A number above the limit: verifications pass until a period has used that many units in all. Default: "refuse". */
    overage?: "refuse" | "allow" | number | undefined;
    /** Percentages of the limit, ascending. The first verification in a period that reaches a threshold says so in `crossed`, and the ledger records it. At most 20 items. Default: []. */
    thresholds?: number[] | undefined;
    /** true: every verification uses one unit, unless it names the quota with another cost. false: only a verification that names the quota uses it. Default: false. */
    autoApply?: boolean | undefined;
    /** true: a quota of this name that exists already begins anew, with nothing used and nothing carried. Default: false. */
    restart?: boolean | undefined;
  }> | undefined;
};

export type AddPermissionsInput = {
  /** The key's id, as the call that created the key returned it. It is not the key itself. 3 to 255 characters. */
  keyId: string;
  /** The permissions' slugs, such as `documents.read`. A repeated slug counts once. 1 to 1000 items. */
  permissions: string[];
};

export type AddRolesInput = {
  /** The key's id, as the call that created the key returned it. It is not the key itself. 3 to 255 characters. */
  keyId: string;
  /** The roles' names. They must exist. A repeated name counts once. 1 to 100 items. */
  roles: string[];
};

export type KeysCreateKeyInput<M extends MetaTypes = MetaTypes> = {
  /** The api's id, as `apis.createApi` returned it. 3 to 255 characters. */
  apiId: string;
  /** The text with which the key begins, before a `_`: with `prod`, the key looks like `prod_2cGK…`. Letters, digits and `_`. If omitted, the api's `defaultPrefix` applies, or none. 1 to 16 characters. */
  prefix?: string | undefined;
  /** The number of random bytes in the key. They are written in base58, so 16 bytes become about 22 characters. If omitted, the api's `defaultByteLength` applies, or 16. 16 to 255. */
  byteLength?: number | undefined;
  /** A name for people, such as `Payments, production`. It need not be unique. 1 to 255 characters. */
  name?: string | undefined;
  /** Your own id for the user or organization, such as `user_123`. Unique in the workspace, compared byte for byte. Letters, digits, `_`, `.` and `-`. 1 to 255 characters. */
  externalId?: string | undefined;
  /** Any JSON object, such as `{"plan":"pro"}`. It is returned unchanged, also by every verification. At most 64 KiB of JSON, unless the server is configured otherwise. At most 100 members. */
  meta?: KeyMeta<M> | undefined;
  /** The names of the key's roles. They must exist. A repeated name counts once. At most 100 items. */
  roles?: string[] | undefined;
  /** The slugs of permissions to give the key directly. Slugs that do not exist are created. A repeated slug counts once. At most 1000 items. */
  permissions?: string[] | undefined;
  /** When the key expires. Unix time in milliseconds (not seconds), such as 1767225600000 for January 1, 2026. If omitted, the key never expires. 0 to 4102444800000. */
  expires?: number | undefined;
  /** false: every verification of the key returns `DISABLED`. Default: true. */
  enabled?: boolean | undefined;
  /** The key's own credits, which its verifications spend. If omitted, they are unlimited. */
  credits?: {
    /** The number of credits that verifications may still spend. null: unlimited. At least 0. */
    remaining: number | null;
    /** Sets the balance to `amount` every day or every month. Unlimited credits cannot have a refill. */
    refill?: {
      /** How often the balance is refilled, at 00:00 UTC: every day, or once a month. */
      interval: "daily" | "monthly";
      /** The number of credits that a refill sets the balance to. Credits that are left are lost. At least 1. */
      amount: number;
      /** The day of the month of a monthly refill. In a month without this day, its last day. If omitted, the first day. Send it only for a monthly refill. 1 to 31. */
      refillDay?: number | undefined;
    } | undefined;
  } | undefined;
  /** The only IP addresses from which the keys may be used: 1 to 100 IPv4 or IPv6 addresses and CIDR ranges. A verification whose `ip` is omitted or in none of them is `FORBIDDEN`. IPv4 addresses written as IPv6 (`::ffff:192.0.2.1`) count as IPv4. If both the key and its api have a list, both must have the address. 1 to 100 items. */
  ipAllowList?: string[] | undefined;
  /** The key's own rate limits. Each replaces its identity's limit of the same name. At most 50 items. */
  ratelimits?: Array<{
    /** The name by which a verification names the limit, such as `requests`. Unique among the rate limits of the key or identity. 3 to 128 characters. */
    name: string;
    /** The highest total cost within any span of `duration`, such as 100. At least 1. */
    limit: number;
    /** The length of the sliding window in milliseconds, such as 60000 for one minute. At most 30 days, unless the server is configured otherwise. At least 1000. */
    duration: number;
    /** true: every verification counts against this limit. false: only a verification that names the limit counts. Default: false. */
    autoApply?: boolean | undefined;
  }> | undefined;
  /** The key's own quotas. Its identity's quotas count too: both must suffice. At most 50 items. */
  quotas?: Array<{
    /** The name by which a verification names the quota, such as `requests`. Unique among the quotas of the key or identity. 3 to 128 characters. */
    name: string;
    /** The units that each period allows. 0: only grants can be spent. 0 to 1000000000000000. */
    limit: number;
    /** The unit in which `every` counts the length of a period. */
    period: "hour" | "day" | "week" | "month" | "year";
    /** The length of a period in units of `period`, such as 3 with `month` for a quarter. 1 to 366. Default: 1. */
    every?: number | undefined;
    /** An IANA name, such as `Europe/Berlin`. Offsets such as `+02:00` are refused, because they have no summer time. Default: the workspace's time zone. 1 to 64 characters. */
    timeZone?: string | undefined;
    /** When periods begin. `calendar`: at 00:00 in the time zone, weeks on Monday. `first_use`: with the first cost above 0 after the previous period has ended. A Unix time in milliseconds: a period begins at this instant, such as on a billing day. Default: "calendar". */
    anchor?: "calendar" | "first_use" | number | undefined;
    /** Carries unused units to the next period. Carried units, grants and overage are never carried again. If omitted, nothing is carried. */
    rollover?: {
      /** The maximum number of unused units of the limit that are carried to the next period. 0 to 1000000000000000. */
      max: number;
    } | undefined;
    /** What happens beyond the limit. `refuse`: the verification returns `USAGE_EXCEEDED`. `allow`: the verification passes, and its units are counted. A number above the limit: verifications pass until a period has used that many units in all. Default: "refuse". */
    overage?: "refuse" | "allow" | number | undefined;
    /** Percentages of the limit, ascending. The first verification in a period that reaches a threshold says so in `crossed`, and the ledger records it. At most 20 items. Default: []. */
    thresholds?: number[] | undefined;
    /** true: every verification uses one unit, unless it names the quota with another cost. false: only a verification that names the quota uses it. Default: false. */
    autoApply?: boolean | undefined;
    /** true: a quota of this name that exists already begins anew, with nothing used and nothing carried. Default: false. */
    restart?: boolean | undefined;
  }> | undefined;
  /** true: stores the key encrypted, so that `keys.getKey` and `apis.listKeys` can show it again with `decrypt`. Needs the permission `encrypt_key` in the api, and a server with a recovery key. false: the server stores only a hash of the key. Default: false. */
  recoverable?: boolean | undefined;
};

export type KeysDeleteKeyInput = {
  /** The key's id, as the call that created the key returned it. It is not the key itself. 3 to 255 characters. */
  keyId: string;
  /** true: removes the key's record from the database. false: keeps the record, marked as deleted. Either way the key is invalid and cannot be restored. Default: false. */
  permanent?: boolean | undefined;
};

export type ExplainInput = {
  /** The whole key, exactly as it was issued, such as `prod_2cGKbMxRyIzhCxo1Idjz8q`. Send exactly one of `key`, `keyHash`, `keyId` and `requestId`. 1 to 512 characters. */
  key?: string | undefined;
  /** Labels that are recorded with this verification, such as `["path=/v1/files"]`. `analytics.getUsage` can count by tag. Tags do not affect the outcome. At most 20 items. */
  tags?: string[] | undefined;
  /** A permission query that the key must satisfy: permissions joined by AND and OR, such as `documents.read AND (documents.write OR admin)`. AND binds before OR, in upper or lower case, and at most 32 parentheses may be nested. A `*` in the query is literal, while a `*` in a permission of the key is a wildcard. If the key does not satisfy it, the code is `INSUFFICIENT_PERMISSIONS`. 1 to 1000 characters. */
  permissions?: string | undefined;
  /** What the verification costs if the key or its identity has limited credits. If omitted, 1 credit. */
  credits?: {
    /** The number of credits that a valid verification spends. 0: nothing is spent, and the verification can pass even if no credits are left. Send either `cost` or `reserve`. 0 to 1000000000000. */
    cost?: number | undefined;
    /** The units to hold until `credits.settle` charges what was really used. At most one `reserve` in a verification. With a `reserve` of a quota, the verification still costs credits: 1, or `credits.cost`. 1 to 1000000000000000. */
    reserve?: number | undefined;
    /** How long the units are held, in milliseconds: from one second to one day. Required with `reserve`. 1000 to 86400000. */
    ttl?: number | undefined;
    /** What happens to the units of a hold that expires before it is settled: they are given back, or charged in full. */
    onExpiry?: "release" | "charge" | undefined;
  } | undefined;
  /** What the verification costs in quotas of the key or its identity. For a quota with `autoApply`, this replaces the cost of one unit. If both have a quota of this name, both must suffice. At most 50 items. */
  quotas?: Array<{
    /** The name by which a verification names the quota, such as `requests`. Unique among the quotas of the key or identity. 3 to 128 characters. */
    name: string;
    /** The units of the quota that a valid verification uses. 0: nothing is used, and the verification can pass even if no units are left. Default: 1, unless `reserve` is sent. 0 to 1000000000000. */
    cost?: number | undefined;
    /** The units to hold until `credits.settle` charges what was really used. At most one `reserve` in a verification. With a `reserve` of a quota, the verification still costs credits: 1, or `credits.cost`. 1 to 1000000000000000. */
    reserve?: number | undefined;
    /** How long the units are held, in milliseconds: from one second to one day. Required with `reserve`. 1000 to 86400000. */
    ttl?: number | undefined;
    /** What happens to the units of a hold that expires before it is settled: they are given back, or charged in full. */
    onExpiry?: "release" | "charge" | undefined;
  }> | undefined;
  /** Rate limits with different names to count this verification against, in addition to the stored limits with `autoApply`. If one limit refuses the verification, it counts against none. At most 50 items. */
  ratelimits?: Array<{
    /** The name of a rate limit of the key or of its identity, such as `requests`, or of one that `limit` and `duration` describe. 3 to 255 characters. */
    name: string;
    /** How much of the limit this verification uses. 0: the verification only reads the state. Default: 1. At least 0. */
    cost?: number | undefined;
    /** The highest total cost within any span of `duration`. Overrides the stored limit. Send it together with `duration`. At least 1. */
    limit?: number | undefined;
    /** The length of the sliding window in milliseconds, such as 60000 for one minute. At most 30 days, unless the server is configured otherwise. Send it together with `limit`. At least 1000. */
    duration?: number | undefined;
  }> | undefined;
  /** The IP address of the client that presents the key, such as `192.0.2.1`. Needed if the key or its api has an `ipAllowList`: without an address, or with an address that a list does not have, the code is `FORBIDDEN`. 2 to 64 characters. */
  ip?: string | undefined;
  /** Only keys of these keyspaces, and so of their apis, are found. Any other key is `NOT_FOUND`, and nothing is counted or spent. 1 to 100 items. */
  keyspaces?: string[] | undefined;
  /** false: counts and spends nothing automatically, only from the `ratelimits`, `quotas` and `credits` that this request names. An omitted `cost` is then 0. Use false to check a key again that was already verified for the same request. Default: true. */
  autoApply?: boolean | undefined;
  /** The id of the migration that created the key, if the migration's algorithm is prefixed-api-key. Needed for the key's first verification. It has no effect on keys that were verified before. At most 256 characters. */
  migrationId?: string | undefined;
  /** The SHA-256 of the whole key in base64url without padding, 43 characters. It names a key without revealing it. */
  keyHash?: string | undefined;
  /** The key's id, as the call that created the key returned it. It is not the key itself. 3 to 255 characters. */
  keyId?: string | undefined;
  /** The `meta.requestId` of an earlier verification, which is decided again with its key and its fields. Besides `requestId`, send only `at` and, if the request verified several keys, `keyId`, `keyHash` or `key`. The server keeps the fields of refused requests, up to 4,096 characters of JSON. A valid request can be explained only if it sent nothing but a key. `ip` is kept only if the key or its api has an `ipAllowList`. 1 to 255 characters. */
  requestId?: string | undefined;
  /** The time for which the verification is decided, as if nothing else changed until then. Unix time in milliseconds, not in the past. Default: now. 0 to 4102444800000. */
  at?: number | undefined;
};

export type GetKeyInput = {
  /** The key's id, as the call that created the key returned it. It is not the key itself. 3 to 255 characters. */
  keyId: string;
  /** true: adds `plaintext`, the whole key, to each key that was created as recoverable. Needs the permission `decrypt_key` in the key's api, and a server with a recovery key. Default: false. */
  decrypt?: boolean | undefined;
};

export type KeysListKeysInput = {
  /** The highest number of items to return. 1 to 100. Default: 100. */
  limit?: number | undefined;
  /** Where the page begins: `pagination.cursor` of the previous page, unchanged. Omit it for the first page. At most 1024 characters. */
  cursor?: string | undefined;
  /** Returns only items that contain this text, taken literally: no character is a wildcard. ASCII letters match in upper and lower case. Spaces around it are ignored, and blank text means no search. At most 256 characters. */
  search?: string | undefined;
  /** Returns only the keys of the api with this id. 3 to 255 characters. */
  apiId?: string | undefined;
  /** Returns only the keys of the identity with this id or external id. If both match, the id wins. 1 to 255 characters. */
  identity?: string | undefined;
  /** true: returns only enabled keys. false: returns only disabled keys. */
  enabled?: boolean | undefined;
  /** Returns only keys that have the role with this name or id. 1 to 512 characters. */
  role?: string | undefined;
  /** Returns only keys that have the permission with this slug or id, directly or through a role. 1 to 512 characters. */
  permission?: string | undefined;
  /** Returns only keys that expire before this time, also expired keys. Unix time in milliseconds. 0 to 4102444800000. */
  expiresBefore?: number | undefined;
  /** Returns only keys that were not verified at this time or later, also keys that were never verified. Unix time in milliseconds, not in the future. 0 to 4102444800000. */
  unusedSince?: number | undefined;
  /** `created`: by the time of creation. `lastUsed`: by the last verification; keys that were never verified count as verified first. `expires`: by the expiry; keys that never expire count as expiring last. Default: "created". */
  orderBy?: "created" | "lastUsed" | "expires" | undefined;
  /** The direction: `asc` lists the earliest first, `desc` the latest. Default: "asc". */
  order?: "asc" | "desc" | undefined;
};

export type KeysGetStateInput = {
  /** The key's id, as the call that created the key returned it. It is not the key itself. 3 to 255 characters. */
  keyId: string;
};

export type MigrateKeysInput<M extends MetaTypes = MetaTypes> = {
  /** The migration's id, as `latchkey migration create` printed it. It determines how the keys were hashed. 3 to 255 characters. */
  migrationId: string;
  /** The id of the api to create the keys in. 3 to 255 characters. */
  apiId: string;
  /** The keys to create. 1 to 10000 items. */
  keys: Array<{
    /** The SHA-256 of the whole key, in hex, base64 or base64url. For a migration with the algorithm prefixed-api-key, the SHA-256 of its long token. 3 to 88 characters. */
    hash: string;
    /** A name for people, such as `Payments, production`. It need not be unique. 1 to 255 characters. */
    name?: string | undefined;
    /** Your own id for the user or organization, such as `user_123`. Unique in the workspace, compared byte for byte. Letters, digits, `_`, `.` and `-`. 1 to 255 characters. */
    externalId?: string | undefined;
    /** Any JSON object, such as `{"plan":"pro"}`. It is returned unchanged, also by every verification. At most 64 KiB of JSON, unless the server is configured otherwise. At most 100 members. */
    meta?: KeyMeta<M> | undefined;
    /** The names of the key's roles. They must exist. A repeated name counts once. At most 100 items. */
    roles?: string[] | undefined;
    /** The slugs of permissions to give the key directly. Slugs that do not exist are created. A repeated slug counts once. At most 1000 items. */
    permissions?: string[] | undefined;
    /** When the key expires. Unix time in milliseconds (not seconds), such as 1767225600000 for January 1, 2026. If omitted, the key never expires. 0 to 4102444800000. */
    expires?: number | undefined;
    /** false: every verification of the key returns `DISABLED`. Default: true. */
    enabled?: boolean | undefined;
    /** The key's own credits, which its verifications spend. If omitted, they are unlimited. */
    credits?: {
      /** The number of credits that verifications may still spend. null: unlimited. At least 0. */
      remaining: number | null;
      /** Sets the balance to `amount` every day or every month. Unlimited credits cannot have a refill. */
      refill?: {
        /** How often the balance is refilled, at 00:00 UTC: every day, or once a month. */
        interval: "daily" | "monthly";
        /** The number of credits that a refill sets the balance to. Credits that are left are lost. At least 1. */
        amount: number;
        /** The day of the month of a monthly refill. In a month without this day, its last day. If omitted, the first day. Send it only for a monthly refill. 1 to 31. */
        refillDay?: number | undefined;
      } | undefined;
    } | undefined;
    /** The only IP addresses from which the keys may be used: 1 to 100 IPv4 or IPv6 addresses and CIDR ranges. A verification whose `ip` is omitted or in none of them is `FORBIDDEN`. IPv4 addresses written as IPv6 (`::ffff:192.0.2.1`) count as IPv4. If both the key and its api have a list, both must have the address. 1 to 100 items. */
    ipAllowList?: string[] | undefined;
    /** The key's own rate limits. Each replaces its identity's limit of the same name. At most 50 items. */
    ratelimits?: Array<{
      /** The name by which a verification names the limit, such as `requests`. Unique among the rate limits of the key or identity. 3 to 128 characters. */
      name: string;
      /** The highest total cost within any span of `duration`, such as 100. At least 1. */
      limit: number;
      /** The length of the sliding window in milliseconds, such as 60000 for one minute. At most 30 days, unless the server is configured otherwise. At least 1000. */
      duration: number;
      /** true: every verification counts against this limit. false: only a verification that names the limit counts. Default: false. */
      autoApply?: boolean | undefined;
    }> | undefined;
    /** The key's own quotas. Its identity's quotas count too: both must suffice. At most 50 items. */
    quotas?: Array<{
      /** The name by which a verification names the quota, such as `requests`. Unique among the quotas of the key or identity. 3 to 128 characters. */
      name: string;
      /** The units that each period allows. 0: only grants can be spent. 0 to 1000000000000000. */
      limit: number;
      /** The unit in which `every` counts the length of a period. */
      period: "hour" | "day" | "week" | "month" | "year";
      /** The length of a period in units of `period`, such as 3 with `month` for a quarter. 1 to 366. Default: 1. */
      every?: number | undefined;
      /** An IANA name, such as `Europe/Berlin`. Offsets such as `+02:00` are refused, because they have no summer time. Default: the workspace's time zone. 1 to 64 characters. */
      timeZone?: string | undefined;
      /** When periods begin. `calendar`: at 00:00 in the time zone, weeks on Monday. `first_use`: with the first cost above 0 after the previous period has ended. A Unix time in milliseconds: a period begins at this instant, such as on a billing day. Default: "calendar". */
      anchor?: "calendar" | "first_use" | number | undefined;
      /** Carries unused units to the next period. Carried units, grants and overage are never carried again. If omitted, nothing is carried. */
      rollover?: {
        /** The maximum number of unused units of the limit that are carried to the next period. 0 to 1000000000000000. */
        max: number;
      } | undefined;
      /** What happens beyond the limit. `refuse`: the verification returns `USAGE_EXCEEDED`. `allow`: the verification passes, and its units are counted. A number above the limit: verifications pass until a period has used that many units in all. Default: "refuse". */
      overage?: "refuse" | "allow" | number | undefined;
      /** Percentages of the limit, ascending. The first verification in a period that reaches a threshold says so in `crossed`, and the ledger records it. At most 20 items. Default: []. */
      thresholds?: number[] | undefined;
      /** true: every verification uses one unit, unless it names the quota with another cost. false: only a verification that names the quota uses it. Default: false. */
      autoApply?: boolean | undefined;
      /** true: a quota of this name that exists already begins anew, with nothing used and nothing carried. Default: false. */
      restart?: boolean | undefined;
    }> | undefined;
  }>;
};

export type RemovePermissionsInput = {
  /** The key's id, as the call that created the key returned it. It is not the key itself. 3 to 255 characters. */
  keyId: string;
  /** The permissions' slugs, such as `documents.read`. A repeated slug counts once. 1 to 1000 items. */
  permissions: string[];
};

export type RemoveRolesInput = {
  /** The key's id, as the call that created the key returned it. It is not the key itself. 3 to 255 characters. */
  keyId: string;
  /** The roles' names. They must exist. A repeated name counts once. 1 to 100 items. */
  roles: string[];
};

export type KeysRerollKeyInput = {
  /** The key's id, as the call that created the key returned it. It is not the key itself. 3 to 255 characters. */
  keyId: string;
  /** How long the old key stays usable, in milliseconds (a duration, not a time), such as 86400000 for one day. 0: the old key expires at once. 0 to 4102444800000. */
  expiration: number;
};

export type SetPermissionsInput = {
  /** The key's id, as the call that created the key returned it. It is not the key itself. 3 to 255 characters. */
  keyId: string;
  /** The permissions' slugs, such as `documents.read`. A repeated slug counts once. At most 1000 items. */
  permissions: string[];
};

export type SetRolesInput = {
  /** The key's id, as the call that created the key returned it. It is not the key itself. 3 to 255 characters. */
  keyId: string;
  /** The roles' names. They must exist. A repeated name counts once. At most 100 items. */
  roles: string[];
};

export type KeysUpdateCreditsInput = {
  /** The key's id, as the call that created the key returned it. It is not the key itself. 3 to 255 characters. */
  keyId: string;
  /** `set` makes `value` the balance, `increment` adds `value` to it, and `decrement` takes `value` away, down to 0. Unlimited credits can only be set. */
  operation: "set" | "increment" | "decrement";
  /** A number of credits. Required for `increment` and `decrement`. With `set`, null or no value makes the credits unlimited and removes their refill. At least 0. */
  value?: number | null | undefined;
};

export type KeysUpdateKeyInput<M extends MetaTypes = MetaTypes> = {
  /** The key's id, as the call that created the key returned it. It is not the key itself. 3 to 255 characters. */
  keyId: string;
  /** A name for people, such as `Payments, production`. It need not be unique. null removes the name. 1 to 255 characters. */
  name?: string | null | undefined;
  /** The external id of the identity that the key belongs to, which is created if it does not exist. null unlinks the key from its identity. 1 to 255 characters. */
  externalId?: string | null | undefined;
  /** Replaces all of the metadata. null or `{}` clears it. Any JSON object, such as `{"plan":"pro"}`. It is returned unchanged, also by every verification. At most 64 KiB of JSON, unless the server is configured otherwise. At most 100 members. */
  meta?: KeyMeta<M> | null | undefined;
  /** When the key expires. Unix time in milliseconds (not seconds). null: the key never expires. 0 to 4102444800000. */
  expires?: number | null | undefined;
  /** Changes the credits and their refill. null: unlimited, without a refill. */
  credits?: {
    /** The number of credits that verifications may still spend. null: unlimited, without a refill. Omitted: unchanged. At least 0. */
    remaining?: number | null | undefined;
    /** Sets the balance to `amount` every day or every month. Unlimited credits cannot have a refill. null removes the refill. Omitted: unchanged. */
    refill?: {
      /** How often the balance is refilled, at 00:00 UTC: every day, or once a month. */
      interval: "daily" | "monthly";
      /** The number of credits that a refill sets the balance to. Credits that are left are lost. At least 1. */
      amount: number;
      /** The day of the month of a monthly refill. In a month without this day, its last day. If omitted, the first day. Send it only for a monthly refill. 1 to 31. */
      refillDay?: number | undefined;
    } | null | undefined;
  } | null | undefined;
  /** Replaces all rate limits of the key, matched by name: a limit whose name stays keeps its id. `[]` removes them all. At most 50 items. */
  ratelimits?: Array<{
    /** The name by which a verification names the limit, such as `requests`. Unique among the rate limits of the key or identity. 3 to 128 characters. */
    name: string;
    /** The highest total cost within any span of `duration`, such as 100. At least 1. */
    limit: number;
    /** The length of the sliding window in milliseconds, such as 60000 for one minute. At most 30 days, unless the server is configured otherwise. At least 1000. */
    duration: number;
    /** true: every verification counts against this limit. false: only a verification that names the limit counts. Default: false. */
    autoApply?: boolean | undefined;
  }> | undefined;
  /** Replaces all quotas of the key, matched by name: a quota whose name stays keeps what it has used. `[]` removes them all. A quota that is removed and added again within its period is not reset, unless `restart` is true. At most 50 items. */
  quotas?: Array<{
    /** The name by which a verification names the quota, such as `requests`. Unique among the quotas of the key or identity. 3 to 128 characters. */
    name: string;
    /** The units that each period allows. 0: only grants can be spent. 0 to 1000000000000000. */
    limit: number;
    /** The unit in which `every` counts the length of a period. */
    period: "hour" | "day" | "week" | "month" | "year";
    /** The length of a period in units of `period`, such as 3 with `month` for a quarter. 1 to 366. Default: 1. */
    every?: number | undefined;
    /** An IANA name, such as `Europe/Berlin`. Offsets such as `+02:00` are refused, because they have no summer time. Default: the workspace's time zone. 1 to 64 characters. */
    timeZone?: string | undefined;
    /** When periods begin. `calendar`: at 00:00 in the time zone, weeks on Monday. `first_use`: with the first cost above 0 after the previous period has ended. A Unix time in milliseconds: a period begins at this instant, such as on a billing day. Default: "calendar". */
    anchor?: "calendar" | "first_use" | number | undefined;
    /** Carries unused units to the next period. Carried units, grants and overage are never carried again. If omitted, nothing is carried. */
    rollover?: {
      /** The maximum number of unused units of the limit that are carried to the next period. 0 to 1000000000000000. */
      max: number;
    } | undefined;
    /** What happens beyond the limit. `refuse`: the verification returns `USAGE_EXCEEDED`. `allow`: the verification passes, and its units are counted. A number above the limit: verifications pass until a period has used that many units in all. Default: "refuse". */
    overage?: "refuse" | "allow" | number | undefined;
    /** Percentages of the limit, ascending. The first verification in a period that reaches a threshold says so in `crossed`, and the ledger records it. At most 20 items. Default: []. */
    thresholds?: number[] | undefined;
    /** true: every verification uses one unit, unless it names the quota with another cost. false: only a verification that names the quota uses it. Default: false. */
    autoApply?: boolean | undefined;
    /** true: a quota of this name that exists already begins anew, with nothing used and nothing carried. Default: false. */
    restart?: boolean | undefined;
  }> | undefined;
  /** false: every verification of the key returns `DISABLED`, until it is enabled again. */
  enabled?: boolean | undefined;
  /** The only IP addresses from which the keys may be used: 1 to 100 IPv4 or IPv6 addresses and CIDR ranges. A verification whose `ip` is omitted or in none of them is `FORBIDDEN`. IPv4 addresses written as IPv6 (`::ffff:192.0.2.1`) count as IPv4. If both the key and its api have a list, both must have the address. It replaces the key's list. null: every address is allowed. 1 to 100 items. */
  ipAllowList?: string[] | null | undefined;
  /** Replaces all roles of the key, by name. They must exist. `[]` removes them all. At most 100 items. */
  roles?: string[] | undefined;
  /** Replaces the direct permissions of the key, by slug. Slugs that do not exist are created. `[]` removes them all. At most 1000 items. */
  permissions?: string[] | undefined;
};

export type VerifyKeyInput = {
  /** The whole key, exactly as it was issued, such as `prod_2cGKbMxRyIzhCxo1Idjz8q`. 1 to 512 characters. */
  key: string;
  /** Labels that are recorded with this verification, such as `["path=/v1/files"]`. `analytics.getUsage` can count by tag. Tags do not affect the outcome. At most 20 items. */
  tags?: string[] | undefined;
  /** A permission query that the key must satisfy: permissions joined by AND and OR, such as `documents.read AND (documents.write OR admin)`. AND binds before OR, in upper or lower case, and at most 32 parentheses may be nested. A `*` in the query is literal, while a `*` in a permission of the key is a wildcard. If the key does not satisfy it, the code is `INSUFFICIENT_PERMISSIONS`. 1 to 1000 characters. */
  permissions?: string | undefined;
  /** What the verification costs if the key or its identity has limited credits. If omitted, 1 credit. */
  credits?: {
    /** The number of credits that a valid verification spends. 0: nothing is spent, and the verification can pass even if no credits are left. Send either `cost` or `reserve`. 0 to 1000000000000. */
    cost?: number | undefined;
    /** The units to hold until `credits.settle` charges what was really used. At most one `reserve` in a verification. With a `reserve` of a quota, the verification still costs credits: 1, or `credits.cost`. 1 to 1000000000000000. */
    reserve?: number | undefined;
    /** How long the units are held, in milliseconds: from one second to one day. Required with `reserve`. 1000 to 86400000. */
    ttl?: number | undefined;
    /** What happens to the units of a hold that expires before it is settled: they are given back, or charged in full. */
    onExpiry?: "release" | "charge" | undefined;
  } | undefined;
  /** What the verification costs in quotas of the key or its identity. For a quota with `autoApply`, this replaces the cost of one unit. If both have a quota of this name, both must suffice. At most 50 items. */
  quotas?: Array<{
    /** The name by which a verification names the quota, such as `requests`. Unique among the quotas of the key or identity. 3 to 128 characters. */
    name: string;
    /** The units of the quota that a valid verification uses. 0: nothing is used, and the verification can pass even if no units are left. Default: 1, unless `reserve` is sent. 0 to 1000000000000. */
    cost?: number | undefined;
    /** The units to hold until `credits.settle` charges what was really used. At most one `reserve` in a verification. With a `reserve` of a quota, the verification still costs credits: 1, or `credits.cost`. 1 to 1000000000000000. */
    reserve?: number | undefined;
    /** How long the units are held, in milliseconds: from one second to one day. Required with `reserve`. 1000 to 86400000. */
    ttl?: number | undefined;
    /** What happens to the units of a hold that expires before it is settled: they are given back, or charged in full. */
    onExpiry?: "release" | "charge" | undefined;
  }> | undefined;
  /** Rate limits with different names to count this verification against, in addition to the stored limits with `autoApply`. If one limit refuses the verification, it counts against none. At most 50 items. */
  ratelimits?: Array<{
    /** The name of a rate limit of the key or of its identity, such as `requests`, or of one that `limit` and `duration` describe. 3 to 255 characters. */
    name: string;
    /** How much of the limit this verification uses. 0: the verification only reads the state. Default: 1. At least 0. */
    cost?: number | undefined;
    /** The highest total cost within any span of `duration`. Overrides the stored limit. Send it together with `duration`. At least 1. */
    limit?: number | undefined;
    /** The length of the sliding window in milliseconds, such as 60000 for one minute. At most 30 days, unless the server is configured otherwise. Send it together with `limit`. At least 1000. */
    duration?: number | undefined;
  }> | undefined;
  /** The IP address of the client that presents the key, such as `192.0.2.1`. Needed if the key or its api has an `ipAllowList`: without an address, or with an address that a list does not have, the code is `FORBIDDEN`. 2 to 64 characters. */
  ip?: string | undefined;
  /** Only keys of these keyspaces, and so of their apis, are found. Any other key is `NOT_FOUND`, and nothing is counted or spent. 1 to 100 items. */
  keyspaces?: string[] | undefined;
  /** false: counts and spends nothing automatically, only from the `ratelimits`, `quotas` and `credits` that this request names. An omitted `cost` is then 0. Use false to check a key again that was already verified for the same request. Default: true. */
  autoApply?: boolean | undefined;
  /** The id of the migration that created the key, if the migration's algorithm is prefixed-api-key. Needed for the key's first verification. It has no effect on keys that were verified before. At most 256 characters. */
  migrationId?: string | undefined;
};

export type VerifyKeysInput = Array<{
  /** The whole key, exactly as it was issued, such as `prod_2cGKbMxRyIzhCxo1Idjz8q`. 1 to 512 characters. */
  key: string;
  /** Labels that are recorded with this verification, such as `["path=/v1/files"]`. `analytics.getUsage` can count by tag. Tags do not affect the outcome. At most 20 items. */
  tags?: string[] | undefined;
  /** A permission query that the key must satisfy: permissions joined by AND and OR, such as `documents.read AND (documents.write OR admin)`. AND binds before OR, in upper or lower case, and at most 32 parentheses may be nested. A `*` in the query is literal, while a `*` in a permission of the key is a wildcard. If the key does not satisfy it, the code is `INSUFFICIENT_PERMISSIONS`. 1 to 1000 characters. */
  permissions?: string | undefined;
  /** What the verification costs if the key or its identity has limited credits. If omitted, 1 credit. */
  credits?: {
    /** The number of credits that a valid verification spends. 0: nothing is spent, and the verification can pass even if no credits are left. Send either `cost` or `reserve`. 0 to 1000000000000. */
    cost?: number | undefined;
    /** The units to hold until `credits.settle` charges what was really used. At most one `reserve` in a verification. With a `reserve` of a quota, the verification still costs credits: 1, or `credits.cost`. 1 to 1000000000000000. */
    reserve?: number | undefined;
    /** How long the units are held, in milliseconds: from one second to one day. Required with `reserve`. 1000 to 86400000. */
    ttl?: number | undefined;
    /** What happens to the units of a hold that expires before it is settled: they are given back, or charged in full. */
    onExpiry?: "release" | "charge" | undefined;
  } | undefined;
  /** What the verification costs in quotas of the key or its identity. For a quota with `autoApply`, this replaces the cost of one unit. If both have a quota of this name, both must suffice. At most 50 items. */
  quotas?: Array<{
    /** The name by which a verification names the quota, such as `requests`. Unique among the quotas of the key or identity. 3 to 128 characters. */
    name: string;
    /** The units of the quota that a valid verification uses. 0: nothing is used, and the verification can pass even if no units are left. Default: 1, unless `reserve` is sent. 0 to 1000000000000. */
    cost?: number | undefined;
    /** The units to hold until `credits.settle` charges what was really used. At most one `reserve` in a verification. With a `reserve` of a quota, the verification still costs credits: 1, or `credits.cost`. 1 to 1000000000000000. */
    reserve?: number | undefined;
    /** How long the units are held, in milliseconds: from one second to one day. Required with `reserve`. 1000 to 86400000. */
    ttl?: number | undefined;
    /** What happens to the units of a hold that expires before it is settled: they are given back, or charged in full. */
    onExpiry?: "release" | "charge" | undefined;
  }> | undefined;
  /** Rate limits with different names to count this verification against, in addition to the stored limits with `autoApply`. If one limit refuses the verification, it counts against none. At most 50 items. */
  ratelimits?: Array<{
    /** The name of a rate limit of the key or of its identity, such as `requests`, or of one that `limit` and `duration` describe. 3 to 255 characters. */
    name: string;
    /** How much of the limit this verification uses. 0: the verification only reads the state. Default: 1. At least 0. */
    cost?: number | undefined;
    /** The highest total cost within any span of `duration`. Overrides the stored limit. Send it together with `duration`. At least 1. */
    limit?: number | undefined;
    /** The length of the sliding window in milliseconds, such as 60000 for one minute. At most 30 days, unless the server is configured otherwise. Send it together with `limit`. At least 1000. */
    duration?: number | undefined;
  }> | undefined;
  /** The IP address of the client that presents the key, such as `192.0.2.1`. Needed if the key or its api has an `ipAllowList`: without an address, or with an address that a list does not have, the code is `FORBIDDEN`. 2 to 64 characters. */
  ip?: string | undefined;
  /** Only keys of these keyspaces, and so of their apis, are found. Any other key is `NOT_FOUND`, and nothing is counted or spent. 1 to 100 items. */
  keyspaces?: string[] | undefined;
  /** false: counts and spends nothing automatically, only from the `ratelimits`, `quotas` and `credits` that this request names. An omitted `cost` is then 0. Use false to check a key again that was already verified for the same request. Default: true. */
  autoApply?: boolean | undefined;
  /** The id of the migration that created the key, if the migration's algorithm is prefixed-api-key. Needed for the key's first verification. It has no effect on keys that were verified before. At most 256 characters. */
  migrationId?: string | undefined;
}>;

export type WhoamiInput = {
  /** The whole key, exactly as it was issued, such as `prod_2cGKbMxRyIzhCxo1Idjz8q`. Send exactly one of `key` and `keyHash`. 1 to 512 characters. */
  key?: string | undefined;
  /** The SHA-256 of the whole key in base64url without padding, 43 characters. It names a key without revealing it. */
  keyHash?: string | undefined;
};

export type CreatePermissionInput = {
  /** A name for people, such as `Read documents`. It need not be unique. 1 to 512 characters. */
  name: string;
  /** The name that permission queries use, such as `documents.read`. Unique in the workspace, compared byte for byte. Letters, digits, `_`, `:`, `-`, `.` and `*`. A `*` that is a whole segment is a wildcard: `*` alone covers every permission. At the end, `.*` covers one or more segments. Anywhere else, `*` covers exactly one segment. 1 to 128 characters. */
  slug: string;
  /** What it allows, as text for people. Empty text: no description. At most 512 characters. */
  description?: string | undefined;
};

export type CreateRoleInput = {
  /** The role's name, such as `editor`. Unique in the workspace, compared byte for byte. 1 to 128 characters. */
  name: string;
  /** What it allows, as text for people. Empty text: no description. At most 512 characters. */
  description?: string | undefined;
  /** The slugs of the permissions that the role gives. A repeated slug counts once. At most 1000 items. */
  permissions?: string[] | undefined;
};

export type DeletePermissionInput = {
  /** The permission's id or slug, such as `documents.read`. If both match, the id wins. 1 to 128 characters. */
  permission: string;
};

export type DeleteRoleInput = {
  /** The role's id or name, such as `editor`. If both match, the id wins. 1 to 128 characters. */
  role: string;
};

export type GetPermissionInput = {
  /** The permission's id or slug, such as `documents.read`. If both match, the id wins. 1 to 128 characters. */
  permission: string;
};

export type GetRoleInput = {
  /** The role's id or name, such as `editor`. If both match, the id wins. 1 to 128 characters. */
  role: string;
};

export type ListPermissionsInput = {
  /** The highest number of items to return. 1 to 100. Default: 100. */
  limit?: number | undefined;
  /** Where the page begins: `pagination.cursor` of the previous page, unchanged. Omit it for the first page. At most 1024 characters. */
  cursor?: string | undefined;
  /** Returns only items that contain this text, taken literally: no character is a wildcard. ASCII letters match in upper and lower case. Spaces around it are ignored, and blank text means no search. At most 256 characters. */
  search?: string | undefined;
};

export type ListRolesInput = {
  /** The highest number of items to return. 1 to 100. Default: 100. */
  limit?: number | undefined;
  /** Where the page begins: `pagination.cursor` of the previous page, unchanged. Omit it for the first page. At most 1024 characters. */
  cursor?: string | undefined;
  /** Returns only items that contain this text, taken literally: no character is a wildcard. ASCII letters match in upper and lower case. Spaces around it are ignored, and blank text means no search. At most 256 characters. */
  search?: string | undefined;
};

export type SetRolePermissionsInput = {
  /** The role's id or name, such as `editor`. If both match, the id wins. Required, unless `roleId` is sent. 1 to 128 characters. */
  role?: string | undefined;
  /** Another name for `role`. Send only one of the two. 1 to 128 characters. */
  roleId?: string | undefined;
  /** The slugs of all permissions that the role then gives. A repeated slug counts once. `[]` removes them all. At most 1000 items. */
  permissions: string[];
};

export type UpdatePermissionInput = {
  /** The permission's id or slug, such as `documents.read`. If both match, the id wins. 1 to 128 characters. */
  permission: string;
  /** The new name. A name for people, such as `Read documents`. It need not be unique. 1 to 512 characters. */
  name?: string | undefined;
  /** The new slug. The name that permission queries use, such as `documents.read`. Unique in the workspace, compared byte for byte. Letters, digits, `_`, `:`, `-`, `.` and `*`. A `*` that is a whole segment is a wildcard: `*` alone covers every permission. At the end, `.*` covers one or more segments. Anywhere else, `*` covers exactly one segment. 1 to 128 characters. */
  slug?: string | undefined;
  /** What the permission allows, as text for people. null or empty text removes the description. At most 512 characters. */
  description?: string | null | undefined;
};

export type UpdateRoleInput = {
  /** The role's id or name, such as `editor`. If both match, the id wins. 1 to 128 characters. */
  role: string;
  /** The new name. Unique in the workspace, compared byte for byte. 1 to 128 characters. */
  name?: string | undefined;
  /** What the role allows, as text for people. null or empty text removes the description. At most 512 characters. */
  description?: string | null | undefined;
};

export type AdjustInput = {
  /** The identity's id or its external id. If both match, the id wins. 1 to 255 characters. */
  identity?: string | undefined;
  /** The key's id, as the call that created the key returned it. It is not the key itself. 3 to 255 characters. */
  keyId?: string | undefined;
  /** The name by which a verification names the quota, such as `requests`. Unique among the quotas of the key or identity. 3 to 128 characters. */
  name: string;
  /** The new number of units of the quota used in this period, within the limit and as overage. 0 to 1000000000000000. */
  used?: number | undefined;
  /** The number to add to the used units. A negative number gives units back. The sum never falls below 0. -1000000000000000 to 1000000000000000. */
  change?: number | undefined;
  /** Why, as text for the ledger. 1 to 512 characters. */
  reason?: string | undefined;
};

export type GrantInput = {
  /** The identity's id or its external id. If both match, the id wins. 1 to 255 characters. */
  identity?: string | undefined;
  /** The key's id, as the call that created the key returned it. It is not the key itself. 3 to 255 characters. */
  keyId?: string | undefined;
  /** The name by which a verification names the quota, such as `requests`. Unique among the quotas of the key or identity. 3 to 128 characters. */
  name: string;
  /** The units to grant. 1 to 1000000000000000. */
  amount: number;
  /** When the grant expires. Unix time in milliseconds. If omitted, the grant never expires. 0 to 4102444800000. */
  expires?: number | undefined;
  /** Why, as text for the ledger. 1 to 512 characters. */
  reason?: string | undefined;
};

export type DeleteNamespaceInput = {
  /** The rate limit namespace's name or id. If both match, the id wins. 1 to 512 characters. */
  namespace: string;
};

export type DeleteOverrideInput = {
  /** The rate limit namespace's name or id. If both match, the id wins. 1 to 512 characters. */
  namespace: string;
  /** One identifier such as `user_123`, or a pattern such as `user_*`, in which each `*` stands for any text. 1 to 512 characters. */
  identifier: string;
};

export type GetNamespaceInput = {
  /** The rate limit namespace's name or id. If both match, the id wins. 1 to 512 characters. */
  namespace: string;
};

export type GetOverrideInput = {
  /** The rate limit namespace's name or id. If both match, the id wins. 1 to 512 characters. */
  namespace: string;
  /** One identifier such as `user_123`, or a pattern such as `user_*`, in which each `*` stands for any text. 1 to 512 characters. */
  identifier: string;
};

export type LimitInput = {
  /** The rate limit namespace's name or id, such as `email.send`. The first use creates it, which needs `ratelimit.*.create_namespace`. 1 to 512 characters. */
  namespace: string;
  /** Who or what is counted, such as a user's id or an IP address. Compared byte for byte. 1 to 512 characters. */
  identifier: string;
  /** The highest total cost within any span of `duration`, such as 100. At least 1. */
  limit: number;
  /** The length of the sliding window in milliseconds, such as 60000 for one minute. At most 30 days, unless the server is configured otherwise. At least 1000. */
  duration: number;
  /** How much of `limit` this request uses. 0: the request only reads the state. At least 0. Default: 1. */
  cost?: number | undefined;
};

export type ListNamespacesInput = {
  /** The highest number of items to return. 1 to 100. Default: 100. */
  limit?: number | undefined;
  /** Where the page begins: `pagination.cursor` of the previous page, unchanged. Omit it for the first page. At most 1024 characters. */
  cursor?: string | undefined;
  /** Returns only items that contain this text, taken literally: no character is a wildcard. ASCII letters match in upper and lower case. Spaces around it are ignored, and blank text means no search. At most 256 characters. */
  search?: string | undefined;
  /** `asc` lists the oldest first, `desc` the newest. Default: "asc". */
  order?: "asc" | "desc" | undefined;
};

export type ListOverridesInput = {
  /** The rate limit namespace's name or id. If both match, the id wins. 1 to 512 characters. */
  namespace: string;
  /** The highest number of items to return. 1 to 100. Default: 10. */
  limit?: number | undefined;
  /** Where the page begins: `pagination.cursor` of the previous page, unchanged. Omit it for the first page. At most 1024 characters. */
  cursor?: string | undefined;
};

export type MultiLimitInput = Array<{
  /** The rate limit namespace's name or id, such as `email.send`. The first use creates it, which needs `ratelimit.*.create_namespace`. 1 to 512 characters. */
  namespace: string;
  /** Who or what is counted, such as a user's id or an IP address. Compared byte for byte. 1 to 512 characters. */
  identifier: string;
  /** The highest total cost within any span of `duration`, such as 100. At least 1. */
  limit: number;
  /** The length of the sliding window in milliseconds, such as 60000 for one minute. At most 30 days, unless the server is configured otherwise. At least 1000. */
  duration: number;
  /** How much of `limit` this request uses. 0: the request only reads the state. At least 0. Default: 1. */
  cost?: number | undefined;
}>;

export type RenameNamespaceInput = {
  /** The rate limit namespace's name or id. If both match, the id wins. 1 to 512 characters. */
  namespace: string;
  /** The new name, which no other namespace of the workspace may have. 1 to 512 characters. */
  name: string;
};

export type SetOverrideInput = {
  /** The rate limit namespace's name or id. If both match, the id wins. 1 to 512 characters. */
  namespace: string;
  /** One identifier such as `user_123`, or a pattern such as `user_*`, in which each `*` stands for any text. 1 to 512 characters. */
  identifier: string;
  /** The highest total cost within any span of `duration`. 0 refuses every request. At least 0. */
  limit: number;
  /** The length of the sliding window in milliseconds, such as 60000 for one minute. At most 30 days, unless the server is configured otherwise. At least 1000. */
  duration: number;
};

export type RootKeysCreateKeyInput = {
  /** What the root key may do. Each permission is `<resource>.<id or *>.<action>`, or `*` for everything except `server.*.read_status`, which only the command line grants. A URN as Unkey writes it (`unkey:v1:<workspace>:<path>#<action>`) stands for such permissions. The calling root key must hold each permission. A repeated permission counts once. 1 to 1000 items. */
  permissions: string[];
  /** A name for people, such as `Deployment`. It need not be unique. 1 to 255 characters. */
  name?: string | undefined;
  /** When the root key expires. Unix time in milliseconds, in the future. null or omitted: never. If the calling root key expires, the new root key must expire too, and not later. 0 to 4102444800000. */
  expires?: number | null | undefined;
};

export type RootKeysDeleteKeyInput = {
  /** The root key's id, as the call that created it returned it. It is not the root key itself. 3 to 255 characters. */
  keyId: string;
};

export type RootKeysListKeysInput = {
  /** The highest number of items to return. 1 to 100. Default: 100. */
  limit?: number | undefined;
  /** Where the page begins: `pagination.cursor` of the previous page, unchanged. Omit it for the first page. At most 1024 characters. */
  cursor?: string | undefined;
};

export type RootKeysRerollKeyInput = {
  /** The root key's id, as the call that created it returned it. It is not the root key itself. 3 to 255 characters. */
  keyId: string;
  /** How long the old root key stays valid, in milliseconds. 0: the old root key is invalid at once. null: its expiry does not change. The old root key never stays valid longer than before. 0 to 4102444800000. */
  expiration: number | null;
};

export type RootKeysUpdateKeyInput = {
  /** The root key's id, as the call that created it returned it. It is not the root key itself. 3 to 255 characters. */
  keyId: string;
  /** A name for people, such as `Deployment`. It need not be unique. null removes the name. 1 to 255 characters. */
  name?: string | null | undefined;
  /** false: requests with the root key are refused until it is enabled again. */
  enabled?: boolean | undefined;
  /** Replaces all permissions. What the root key may do. Each permission is `<resource>.<id or *>.<action>`, or `*` for everything except `server.*.read_status`, which only the command line grants. A URN as Unkey writes it (`unkey:v1:<workspace>:<path>#<action>`) stands for such permissions. The calling root key must hold each permission. A repeated permission counts once. At most 1000 items. */
  permissions?: string[] | undefined;
};

export type GetStatusInput = Record<string, never>;

export type GetLimitsInput = Record<string, never>;

export type WorkspaceGetUsageInput = {
  /** The calendar month in UTC, which began in the last three years. Default: the current month until now. */
  period?: {
    /** The year, such as 2026. 2000 to 2099. */
    year: number;
    /** The month, from 1 (January) to 12 (December). 1 to 12. */
    month: number;
  } | undefined;
};

export type GetWorkspaceInput = Record<string, never>;

export type GetGatewayRequestsData = Record<string, unknown>[];

export type GetRatelimitsData = Record<string, unknown>[];

export type GetRuntimeLogsData = Record<string, unknown>[];

export type GetVerificationsData = Record<string, unknown>[];

export type AnalyticsListEventsItem = {
  /** The event's id. Ids sort by time. At most 255 characters. */
  id: string;
  /** When the request began. Unix time in milliseconds. */
  time: number;
  /** `verification` of a key, `ratelimit` for a decision of a rate limit namespace, or `settlement` of reserved credits. */
  kind: "verification" | "ratelimit" | "settlement";
  /** The `code` of the verification, `PASSED` or `REFUSED` of a decision, or `SETTLED` of a settlement. At most 64 characters. */
  outcome: string;
  /** What refused the request. Omitted if it passed. */
  why?: {
    /** The check that refused: `found`, there is no such key, or the caller may not verify it; `workspace`, the workspace is disabled; `enabled`, the key is disabled; `expiry`, the key has expired; `ipAllowList`, the client's address is not allowed; `permissions`, the key does not satisfy the permission query; `ratelimit`, a limit is exceeded; `credits`, too few credits or units of a quota are left. */
    check: "found" | "workspace" | "enabled" | "expiry" | "ipAllowList" | "permissions" | "ratelimit" | "credits";
    /** The name of the rate limit or of the namespace, as the request has it, or the permission query. At most 1000 characters. */
    name?: string;
    /** The limit that was exceeded. */
    limit?: number;
    /** The window of the limit that was exceeded, in milliseconds. */
    duration?: number;
  };
  /** The `meta.requestId` of the request. For a reservation that was charged at its expiry, the id of the request that created the reservation. At most 255 characters. */
  requestId: string;
  /** The credits that the verification spent or the settlement charged, or the cost that the decision let pass. 0 for a verification that reserves credits: the settlement has the credits. */
  credits: number;
  /** The key's id, also of a deleted key. Omitted if there never was such a key, for decisions, and for settlements of an identity's reservation. At most 255 characters. */
  keyId?: string;
  /** The id of the key's api. At most 255 characters. */
  apiId?: string;
  /** The key's identity, if it had one. */
  identity?: {
    /** The identity's id. At most 255 characters. */
    id: string;
    /** Its external id. Omitted if the identity was deleted. At most 255 characters. */
    externalId?: string;
  };
  /** The rate limit namespace of a decision. */
  namespace?: {
    /** The namespace's id. At most 255 characters. */
    id: string;
    /** Its name. Omitted if the namespace was deleted. At most 512 characters. */
    name?: string;
  };
  /** Who or what a decision was about. At most 512 characters. */
  identifier?: string;
  /** The tags of the verification, also in its settlement. Omitted if it had none. At most 20 items. */
  tags?: string[];
};

export type CreateApiData = {
  /** The new api's id. At most 255 characters. */
  apiId: string;
};

export type DeleteApiData = Record<string, never>;

export type AuditListEventsItem = {
  /** The event's id. At most 255 characters. */
  id: string;
  /** When the change happened. Unix time in milliseconds. */
  time: number;
  /** The kind of change, such as `identity.update`. At most 128 characters. */
  event: string;
  /** The id of the root key that made the change. At most 255 characters. */
  actorId: string;
  /** The id of the record that was changed. At most 255 characters. */
  targetId: string;
  /** The names of the fields that changed, or the ids of the records that were connected. Never values. */
  fields: string[];
  /** The `meta.requestId` of the request that made the change. At most 255 characters. */
  requestId: string;
  /** The IP address of the client. Omitted for a change made on the command line. At most 255 characters. */
  remoteAddress?: string;
  /** The client's User-Agent header. Omitted if the client sent none. At most 512 characters. */
  userAgent?: string;
  /** `console` for a change made in the console. Omitted for the API and the command line. */
  via?: "console";
};

export type ListMovementsItem = {
  /** The movement's id. At most 255 characters. */
  id: string;
  /** When the movement happened. Unix time in milliseconds. */
  time: number;
  /** What happened: `grant`, `adjust` of a quota; `set`, `increment`, `decrement`, `refill` of credits; `reset` and `rollover` when a period begins; `threshold` when a percentage of the limit is reached; `settle`, `release`, `expire` of a reservation. */
  kind: "grant" | "adjust" | "set" | "increment" | "decrement" | "refill" | "reset" | "rollover" | "threshold" | "settle" | "release" | "expire";
  /** The name of the quota. Omitted for credits. At most 128 characters. */
  quota?: string;
  /** The number of credits or units. For `threshold`, the percentage; for `reset`, the limit of the new period. */
  amount: number;
  /** The credits after the movement. Omitted for quotas and unlimited credits. */
  remaining?: number;
  /** The `reason` that the call sent, or the id of the reservation. Omitted if the call sent none. At most 512 characters. */
  reason?: string;
  /** The id of the root key that caused the movement. Omitted if the server caused it by itself. At most 255 characters. */
  actorId?: string;
};

export type ReleaseData = {
  /** The units that were charged. */
  charged: number;
  /** The units of the hold that were given back, because they were not charged. */
  returned: number;
  /** The units that should have been charged, but were not available. */
  shortfall: number;
  /** true: the hold had expired and its units had been given back, so the amount was charged anew. Omitted otherwise. */
  late?: boolean;
};

export type ReserveData = {
  /** false: not enough is left, and nothing was taken. */
  granted: boolean;
  /** What is held. Omitted if nothing is held. */
  reservation?: {
    /** The hold's id, for `credits.settle` or `credits.release`. At most 255 characters. */
    id: string;
    /** The units that are held. */
    amount: number;
    /** When the hold expires. Unix time in milliseconds. */
    expiresAt: number;
  };
};

export type SettleData = {
  /** The units that were charged. */
  charged: number;
  /** The units of the hold that were given back, because they were not charged. */
  returned: number;
  /** The units that should have been charged, but were not available. */
  shortfall: number;
  /** true: the hold had expired and its units had been given back, so the amount was charged anew. Omitted otherwise. */
  late?: boolean;
};

export type CreateIdentityData = {
  /** The new identity's id. At most 255 characters. */
  identityId: string;
};

export type IdentitiesUpdateCreditsData = {
  /** The number of credits that verifications may still spend. null: unlimited. */
  remaining: number | null;
  /** When the balance is refilled, and to what. Omitted if it is never refilled. */
  refill?: {
    /** How often the balance is refilled, at 00:00 UTC: every day, or once a month. */
    interval: "daily" | "monthly";
    /** The number of credits that a refill sets the balance to. Credits that are left are lost. */
    amount: number;
    /** The day of the month of a monthly refill. In a month without this day, its last day. */
    refillDay?: number;
  };
};

export type AddPermissionsData = Permission[];

export type AddRolesData = Role[];

export type KeysCreateKeyData = {
  /** The new key's id, for all other calls. At most 255 characters. */
  keyId: string;
  /** The whole key. Store it or hand it out now: unless the key is recoverable, it is not shown again. At most 512 characters. */
  key: string;
  /** Probable mistakes in a request that was carried out, such as an expiry in the past. One text for each. Omitted if nothing looks like a mistake. */
  warnings?: string[];
};

export type KeysDeleteKeyData = Record<string, never>;

export type ExplainData = {
  /** What `keys.verifyKey` would return. */
  verdict: {
    /** Whether the request may pass. */
    valid: boolean;
    /** The `code` of the verification: `VALID`, or the code of the first check that fails. */
    code: "VALID" | "NOT_FOUND" | "FORBIDDEN" | "INSUFFICIENT_PERMISSIONS" | "USAGE_EXCEEDED" | "RATE_LIMITED" | "DISABLED" | "EXPIRED";
  };
  /** The key's id. Omitted if the key was not found. At most 255 characters. */
  keyId?: string;
  /** The earlier verification that was decided again. Only if the request has `requestId`. */
  request?: {
    /** The request's id. At most 255 characters. */
    requestId: string;
    /** When the request began. Unix time in milliseconds. */
    time: number;
    /** The code that the request got. If it is `NOT_FOUND` although the key exists now, the root key of that request may not verify keys of the key's api, or the key was created later. At most 64 characters. */
    outcome: string;
  };
  /** The time for which the checks were decided. Unix time in milliseconds. */
  at: number;
  /** Every check in the order of a verification, also those that passed. */
  checks: Array<{
    /** The key exists. If it does not, the code is `NOT_FOUND`. */
    check: "found";
    /** Whether the check lets the verification pass. */
    passed: boolean;
    /** What was compared, as a sentence for people. At most 50000 characters. */
    why: string;
    /** What would make a failed check pass. Omitted if it passed. At most 50000 characters. */
    fix?: string;
    /** When the key or its api was deleted. Unix time in milliseconds. Omitted if neither was deleted, or if the time is unknown. */
    deletedAt?: number;
    /** The id of the deletion's audit event. Omitted if the event is not stored any more. At most 255 characters. */
    auditEventId?: string;
    /** The migration's id, which the key's first verification must send. Omitted unless the key waits for its first verification. At most 255 characters. */
    migrationId?: string;
  } | {
    /** The key's workspace is enabled. If it is not, the code is `FORBIDDEN`. */
    check: "workspace";
    /** Whether the check lets the verification pass. */
    passed: boolean;
    /** What was compared, as a sentence for people. At most 50000 characters. */
    why: string;
    /** What would make a failed check pass. Omitted if it passed. At most 50000 characters. */
    fix?: string;
  } | {
    /** The key is enabled. If it is not, the code is `DISABLED`. */
    check: "enabled";
    /** Whether the check lets the verification pass. */
    passed: boolean;
    /** What was compared, as a sentence for people. At most 50000 characters. */
    why: string;
    /** What would make a failed check pass. Omitted if it passed. At most 50000 characters. */
    fix?: string;
  } | {
    /** The key has not expired. If it has, the code is `EXPIRED`. */
    check: "expiry";
    /** Whether the check lets the verification pass. */
    passed: boolean;
    /** What was compared, as a sentence for people. At most 50000 characters. */
    why: string;
    /** What would make a failed check pass. Omitted if it passed. At most 50000 characters. */
    fix?: string;
    /** When the key expires. Unix time in milliseconds. Omitted if it never expires. */
    expires?: number;
  } | {
    /** The address is in the IP allow-list of the api or of the key. If it is not, the code is `FORBIDDEN`. An api or a key without a list has no such check. */
    check: "ipAllowList";
    /** Whether the check lets the verification pass. */
    passed: boolean;
    /** What was compared, as a sentence for people. At most 50000 characters. */
    why: string;
    /** What would make a failed check pass. Omitted if it passed. At most 50000 characters. */
    fix?: string;
    /** Who has the list. */
    owner: "api" | "key";
    /** The address in canonical form. Omitted if the verification has no `ip`. At most 255 characters. */
    ip?: string;
    /** The addresses and ranges that are allowed. */
    ipAllowList: string[];
  } | {
    /** The key satisfies the permission query. If it does not, the code is `INSUFFICIENT_PERMISSIONS`. */
    check: "permissions";
    /** Whether the check lets the verification pass. */
    passed: boolean;
    /** What was compared, as a sentence for people. At most 50000 characters. */
    why: string;
    /** What would make a failed check pass. Omitted if it passed. At most 50000 characters. */
    fix?: string;
    /** The permission query. Omitted if the verification has none. At most 50000 characters. */
    query?: string;
    /** The permissions that the key lacks, from those parts of the query that make it fail. */
    missing: string[];
    /** The permissions of the key that cover a permission of the query, and how it has them. At most 1000 items. */
    granted: Array<{
      /** The permission's slug. It may contain a wildcard. At most 50000 characters. */
      slug: string;
      /** How the key has it: `direct`, or `role:` and the name of the role. At most 50000 characters. */
      via: string;
    }>;
    /** The parts of the query in reading order. */
    parts: Array<{
      /** How deeply the part is nested. 0: the whole query. */
      depth: number;
      /** `all`: the following parts whose `depth` is one more are joined by AND. `any`: they are joined by OR. `permission`: a single permission. */
      kind: "all" | "any" | "permission";
      /** The permission. Only for the kind `permission`. At most 50000 characters. */
      permission?: string;
      /** Whether the key satisfies this part. */
      passed: boolean;
    }>;
  } | {
    /** A rate limit has room for the cost. If it has not, the code is `RATE_LIMITED`. */
    check: "ratelimit";
    /** Whether the check lets the verification pass. */
    passed: boolean;
    /** What was compared, as a sentence for people. At most 50000 characters. */
    why: string;
    /** What would make a failed check pass. Omitted if it passed. At most 50000 characters. */
    fix?: string;
    /** The rate limit's id. Omitted if only the request describes it. At most 255 characters. */
    id?: string;
    /** The rate limit's name. At most 50000 characters. */
    name: string;
    /** Who has the limit. `request`: the request describes it, and it is counted for the key alone. */
    owner: "key" | "identity" | "request";
    /** Who has a limit of the same name that does not count because of this limit. Omitted if this limit hides no other limit. */
    hides?: "key" | "identity";
    /** The highest total cost within any span of `duration`. */
    limit?: number;
    /** The length of the sliding window in milliseconds. Like `limit`, omitted if neither the key, its identity nor the request has a limit of this name. */
    duration?: number;
    /** What the verification costs. */
    cost: number;
    /** The cost that counts now. It may exceed a limit that was lowered. */
    used?: number;
    /** This server's share of `limit` while it cannot reach Redis, in which all servers count together. Omitted otherwise. */
    limitInForce?: number;
    /** When the check passes if nothing else changes. Unix time in milliseconds. Omitted if it passes now, or if waiting does not help. */
    passesAt?: number;
  } | {
    /** Enough credits are left. If they are not, the code is `USAGE_EXCEEDED`. */
    check: "credits";
    /** Whether the check lets the verification pass. */
    passed: boolean;
    /** What was compared, as a sentence for people. At most 50000 characters. */
    why: string;
    /** What would make a failed check pass. Omitted if it passed. At most 50000 characters. */
    fix?: string;
    /** Whose credits they are. If both have limited credits, both must suffice. Omitted if the credits are unlimited. */
    owner?: "key" | "identity";
    /** The credits that are left. Omitted if they are unlimited. */
    remaining?: number;
    /** The credits that the verification spends if it is valid. */
    cost: number;
    /** When the check passes if nothing else changes. Unix time in milliseconds. Omitted if it passes now, or if waiting does not help. */
    passesAt?: number;
  } | {
    /** A quota has enough units left. If it has not, the code is `USAGE_EXCEEDED`. */
    check: "quota";
    /** Whether the check lets the verification pass. */
    passed: boolean;
    /** What was compared, as a sentence for people. At most 50000 characters. */
    why: string;
    /** What would make a failed check pass. Omitted if it passed. At most 50000 characters. */
    fix?: string;
    /** The quota's name. At most 50000 characters. */
    name: string;
    /** Whose quota it is. If both have a quota of this name, both must suffice. */
    owner: "key" | "identity";
    /** The units that each period allows. */
    limit: number;
    /** The units of the quota used or held in this period, within the limit and as overage. Carried and granted units are not included. */
    used: number;
    /** The units left: of the limit, carried from the previous period, and granted. Overage and held units are not included. */
    remaining: number;
    /** The units that the verification uses if it is valid. */
    cost: number;
    /** When the next period begins. Unix time in milliseconds. Omitted if no period has begun yet. */
    resetsAt?: number;
    /** When the check passes if nothing else changes. Unix time in milliseconds. Omitted if it passes now, or if waiting does not help. */
    passesAt?: number;
  }>;
  /** When the verification would pass if nothing else changes. Unix time in milliseconds. Omitted if it passes now, or if waiting does not help. */
  passesAt?: number;
};

export type KeysListKeysItem<M extends MetaTypes = MetaTypes> = {
  /** The key's id. At most 255 characters. */
  keyId: string;
  /** The id of the api's keyspace, the set of all its keys. At most 255 characters. */
  keyspaceId?: string;
  /** The first characters of the key, by which a person can recognize it: the prefix and four more characters. May be empty for a migrated key. At most 255 characters. */
  start: string;
  /** false: every verification of the key returns `DISABLED`. */
  enabled: boolean;
  /** When the key was created. Unix time in milliseconds. */
  createdAt: number;
  /** A name for people, such as `Payments, production`. It need not be unique. At most 255 characters. */
  name?: string;
  /** The key's own metadata. Omitted if it has none. At most 100 members. */
  meta?: KeyMeta<M>;
  /** When the key was last changed. Unix time in milliseconds. Omitted if it was never changed. */
  updatedAt?: number;
  /** When the key was last verified. Unix time in milliseconds. Omitted if it was never verified. */
  lastUsedAt?: number;
  /** When the key expires. Unix time in milliseconds (not seconds), such as 1767225600000 for January 1, 2026. If omitted, the key never expires. */
  expires?: number;
  /** The slugs of all permissions that the key has, directly or through roles. Omitted if it has none. */
  permissions?: string[];
  /** The names of the key's roles. Omitted if it has none. */
  roles?: string[];
  /** The key's credits. Omitted if they are unlimited. */
  credits?: {
    /** The number of credits that verifications may still spend. null: unlimited. */
    remaining: number | null;
    /** When the balance is refilled, and to what. Omitted if it is never refilled. */
    refill?: {
      /** How often the balance is refilled, at 00:00 UTC: every day, or once a month. */
      interval: "daily" | "monthly";
      /** The number of credits that a refill sets the balance to. Credits that are left are lost. */
      amount: number;
      /** The day of the month of a monthly refill. In a month without this day, its last day. */
      refillDay?: number;
    };
  };
  /** The identity that the key belongs to. Omitted if the key belongs to none. */
  identity?: Identity<M>;
  /** The key's own rate limits, without those of its identity. Omitted if it has none. At most 50 items. */
  ratelimits?: Array<{
    /** The rate limit's id. At most 255 characters. */
    id: string;
    /** The name by which a verification names the limit. At most 128 characters. */
    name: string;
    /** The highest total cost within any span of `duration`. */
    limit: number;
    /** The length of the sliding window in milliseconds. */
    duration: number;
    /** Whether every verification counts against the limit without naming it. */
    autoApply: boolean;
  }>;
  /** The key's own quotas, and what is left of them. Omitted if the key has no quotas, and in all responses but that of `keys.getKey`. At most 50 items. */
  quotas?: Array<{
    /** The name by which a verification names the quota, such as `requests`. Unique among the quotas of the key or identity. At most 128 characters. */
    name: string;
    /** The units that each period allows. 0: only grants can be spent. */
    limit: number;
    /** The unit in which `every` counts the length of a period. */
    period: "hour" | "day" | "week" | "month" | "year";
    /** The length of a period in units of `period`, such as 3 with `month` for a quarter. */
    every: number;
    /** The IANA name of the time zone that the periods follow. At most 64 characters. */
    timeZone: string;
    /** When periods begin. `calendar`: at 00:00 in the time zone, weeks on Monday. `first_use`: with the first cost above 0 after the previous period has ended. A Unix time in milliseconds: a period begins at this instant, such as on a billing day. */
    anchor: "calendar" | "first_use" | number;
    /** Carries unused units to the next period. Carried units, grants and overage are never carried again. If omitted, nothing is carried. */
    rollover?: {
      /** The maximum number of unused units of the limit that are carried to the next period. */
      max: number;
    };
    /** What happens beyond the limit. `refuse`: the verification returns `USAGE_EXCEEDED`. `allow`: the verification passes, and its units are counted. A number above the limit: verifications pass until a period has used that many units in all. */
    overage: "refuse" | "allow" | number;
    /** Percentages of the limit, ascending. The first verification in a period that reaches a threshold says so in `crossed`, and the ledger records it. At most 20 items. */
    thresholds: number[];
    /** true: every verification uses one unit, unless it names the quota with another cost. false: only a verification that names the quota uses it. */
    autoApply: boolean;
    /** The units of the quota used or held in this period, within the limit and as overage. Carried and granted units are not included. */
    used: number;
    /** The units left: of the limit, carried from the previous period, and granted. Overage and held units are not included. */
    remaining: number;
    /** When the next period begins. Unix time in milliseconds. Omitted if no period has begun: with the anchor `first_use`, the first use begins it. */
    resetsAt?: number;
    /** Units on top of the limit, in the order in which they expire. Omitted if no units were granted. At most 100 items. */
    grants?: Array<{
      /** The grant's id. At most 255 characters. */
      id: string;
      /** The units that were granted. */
      amount: number;
      /** The units of the grant that are left. Held units are not included. */
      remaining: number;
      /** When the grant expires. Unix time in milliseconds. Omitted if it never expires. */
      expires?: number;
    }>;
  }>;
  /** The only IP addresses and CIDR ranges from which keys may be used, in canonical form. Omitted if every address is allowed. */
  ipAllowList?: string[];
  /** The whole key. Only for a recoverable key, if the request has `decrypt: true`. At most 512 characters. */
  plaintext?: string;
  /** The id of the api that the key belongs to. At most 255 characters. */
  apiId: string;
};

export type MigrateKeysData = {
  /** The keys that this call, or an earlier call for the same migration, created. They are in the order of the request, without the keys in `failed`: match them by `hash`. At most 10000 items. */
  migrated: Array<{
    /** The hash, as the request has it. At most 88 characters. */
    hash: string;
    /** The id of the migrated key. At most 255 characters. */
    keyId: string;
  }>;
  /** The hashes that the workspace already had. Nothing was stored for them. `[]` if all keys were migrated. At most 10000 items. */
  failed: string[];
  /** Probable mistakes in a request that was carried out, such as an expiry in the past. One text for each. Omitted if nothing looks like a mistake. */
  warnings?: string[];
};

export type RemovePermissionsData = Permission[];

export type RemoveRolesData = Role[];

export type KeysRerollKeyData = {
  /** The new key's id. At most 255 characters. */
  keyId: string;
  /** The whole key. Store it or hand it out now: unless the key is recoverable, it is not shown again. At most 512 characters. */
  key: string;
};

export type SetPermissionsData = Permission[];

export type SetRolesData = Role[];

export type KeysUpdateCreditsData = {
  /** The number of credits that verifications may still spend. null: unlimited. */
  remaining: number | null;
  /** When the balance is refilled, and to what. Omitted if it is never refilled. */
  refill?: {
    /** How often the balance is refilled, at 00:00 UTC: every day, or once a month. */
    interval: "daily" | "monthly";
    /** The number of credits that a refill sets the balance to. Credits that are left are lost. */
    amount: number;
    /** The day of the month of a monthly refill. In a month without this day, its last day. */
    refillDay?: number;
  };
};

export type KeysUpdateKeyData = {
  /** Probable mistakes in a request that was carried out, such as an expiry in the past. One text for each. Omitted if nothing looks like a mistake. */
  warnings?: string[];
};

export type VerifyKeyData<M extends MetaTypes = MetaTypes> = {
  /** The request may pass. */
  valid: true;
  /** The key is valid. */
  code: "VALID";
  /** The key's id. At most 255 characters. */
  keyId: string;
  /** The id of the api's keyspace, the set of all its keys. At most 255 characters. */
  keyspaceId?: string;
  /** A name for people, such as `Payments, production`. It need not be unique. At most 255 characters. */
  name?: string;
  /** The key's own metadata. Omitted if it has none. At most 100 members. */
  meta?: KeyMeta<M>;
  /** When the key expires. Unix time in milliseconds (not seconds), such as 1767225600000 for January 1, 2026. If omitted, the key never expires. */
  expires?: number;
  /** The number of credits left after this verification: of the key or of its identity, whichever has fewer. Omitted if they are unlimited. */
  credits?: number;
  /** Whose credits `credits` are. Omitted if only the key can have limited credits. */
  creditsOwner?: "key" | "identity";
  /** The quotas that this verification used, or would have used if it had been valid. Omitted if the key and its identity have none. At most 100 items. */
  quotas?: Array<{
    /** The name by which a verification names the quota, such as `requests`. Unique among the quotas of the key or identity. At most 128 characters. */
    name: string;
    /** Whose quota it is. If both have a quota of this name, both must suffice. */
    owner: "key" | "identity";
    /** The units that each period allows. 0: only grants can be spent. */
    limit: number;
    /** The units of the quota used or held in this period, within the limit and as overage. Carried and granted units are not included. */
    used: number;
    /** The units left: of the limit, carried from the previous period, and granted. Overage and held units are not included. */
    remaining: number;
    /** When the next period begins. Unix time in milliseconds. Omitted if no period has begun: with the anchor `first_use`, the first use begins it. */
    resetsAt?: number;
    /** Whether this quota refused the verification. */
    exceeded: boolean;
    /** The highest threshold, in percent of the limit, that this verification was the first to reach. */
    crossed?: number;
  }>;
  /** What the verification holds, if it was valid and sent `reserve`. */
  reservation?: {
    /** The hold's id, for `credits.settle` or `credits.release`. At most 255 characters. */
    id: string;
    /** The units that are held. */
    amount: number;
    /** When the hold expires. Unix time in milliseconds. */
    expiresAt: number;
  };
  /** false: every verification of the key returns `DISABLED`. */
  enabled: boolean;
  /** The slugs of all permissions that the key has, directly or through roles. Omitted if it has none. */
  permissions?: string[];
  /** The names of the key's roles. Omitted if it has none. */
  roles?: string[];
  /** The identity that the key belongs to. Omitted if the key belongs to none. */
  identity?: Identity<M>;
  /** The rate limits that this verification was counted against. Omitted if it was counted against none. */
  ratelimits?: Array<{
    /** The rate limit's id. Empty for a limit that only the request describes. At most 255 characters. */
    id: string;
    /** The name by which a verification names the limit. At most 128 characters. */
    name: string;
    /** The highest total cost within any span of `duration`. */
    limit: number;
    /** The length of the sliding window in milliseconds. */
    duration: number;
    /** When to retry, as Unix time in milliseconds. After a refusal: when this cost can pass again, or one duration from now if the cost is above the limit. Otherwise: when the window is empty. */
    reset: number;
    /** The highest cost with which the very next verification passes. */
    remaining: number;
    /** Whether this limit refused the verification. */
    exceeded: boolean;
    /** Whether every verification counts against the limit without naming it. */
    autoApply: boolean;
  }>;
} | {
  /** The request must be refused. */
  valid: false;
  /** There is no such key, or the caller may not verify it. */
  code: "NOT_FOUND";
} | {
  /** The request must be refused. */
  valid: false;
  /** Why the key was refused: `FORBIDDEN`, its workspace is disabled, or the `ipAllowList` of the key or its api does not have `ip`; `INSUFFICIENT_PERMISSIONS`, the key does not satisfy `permissions`; `USAGE_EXCEEDED`, the key or its identity has too few credits or too few units of a quota; `RATE_LIMITED`, a limit in `ratelimits` is exceeded; `DISABLED`; `EXPIRED`. */
  code: "FORBIDDEN" | "INSUFFICIENT_PERMISSIONS" | "USAGE_EXCEEDED" | "RATE_LIMITED" | "DISABLED" | "EXPIRED";
  /** The key's id. At most 255 characters. */
  keyId: string;
  /** The id of the api's keyspace, the set of all its keys. At most 255 characters. */
  keyspaceId?: string;
  /** A name for people, such as `Payments, production`. It need not be unique. At most 255 characters. */
  name?: string;
  /** When the key expires. Unix time in milliseconds (not seconds), such as 1767225600000 for January 1, 2026. If omitted, the key never expires. */
  expires?: number;
  /** The number of credits left after this verification: of the key or of its identity, whichever has fewer. Omitted if they are unlimited. */
  credits?: number;
  /** Whose credits `credits` are. Omitted if only the key can have limited credits. */
  creditsOwner?: "key" | "identity";
  /** The quotas that this verification used, or would have used if it had been valid. Omitted if the key and its identity have none. At most 100 items. */
  quotas?: Array<{
    /** The name by which a verification names the quota, such as `requests`. Unique among the quotas of the key or identity. At most 128 characters. */
    name: string;
    /** Whose quota it is. If both have a quota of this name, both must suffice. */
    owner: "key" | "identity";
    /** The units that each period allows. 0: only grants can be spent. */
    limit: number;
    /** The units of the quota used or held in this period, within the limit and as overage. Carried and granted units are not included. */
    used: number;
    /** The units left: of the limit, carried from the previous period, and granted. Overage and held units are not included. */
    remaining: number;
    /** When the next period begins. Unix time in milliseconds. Omitted if no period has begun: with the anchor `first_use`, the first use begins it. */
    resetsAt?: number;
    /** Whether this quota refused the verification. */
    exceeded: boolean;
    /** The highest threshold, in percent of the limit, that this verification was the first to reach. */
    crossed?: number;
  }>;
  /** What the verification holds, if it was valid and sent `reserve`. */
  reservation?: {
    /** The hold's id, for `credits.settle` or `credits.release`. At most 255 characters. */
    id: string;
    /** The units that are held. */
    amount: number;
    /** When the hold expires. Unix time in milliseconds. */
    expiresAt: number;
  };
  /** false: every verification of the key returns `DISABLED`. */
  enabled: boolean;
  /** The rate limits that this verification was counted against. Omitted if it was counted against none. */
  ratelimits?: Array<{
    /** The rate limit's id. Empty for a limit that only the request describes. At most 255 characters. */
    id: string;
    /** The name by which a verification names the limit. At most 128 characters. */
    name: string;
    /** The highest total cost within any span of `duration`. */
    limit: number;
    /** The length of the sliding window in milliseconds. */
    duration: number;
    /** When to retry, as Unix time in milliseconds. After a refusal: when this cost can pass again, or one duration from now if the cost is above the limit. Otherwise: when the window is empty. */
    reset: number;
    /** The highest cost with which the very next verification passes. */
    remaining: number;
    /** Whether this limit refused the verification. */
    exceeded: boolean;
    /** Whether every verification counts against the limit without naming it. */
    autoApply: boolean;
  }>;
};

export type VerifyKeysData<M extends MetaTypes = MetaTypes> = Array<{
  /** The outcome, as `keys.verifyKey` returns it. */
  data: {
    /** The request may pass. */
    valid: true;
    /** The key is valid. */
    code: "VALID";
    /** The key's id. At most 255 characters. */
    keyId: string;
    /** The id of the api's keyspace, the set of all its keys. At most 255 characters. */
    keyspaceId?: string;
    /** A name for people, such as `Payments, production`. It need not be unique. At most 255 characters. */
    name?: string;
    /** The key's own metadata. Omitted if it has none. At most 100 members. */
    meta?: KeyMeta<M>;
    /** When the key expires. Unix time in milliseconds (not seconds), such as 1767225600000 for January 1, 2026. If omitted, the key never expires. */
    expires?: number;
    /** The number of credits left after this verification: of the key or of its identity, whichever has fewer. Omitted if they are unlimited. */
    credits?: number;
    /** Whose credits `credits` are. Omitted if only the key can have limited credits. */
    creditsOwner?: "key" | "identity";
    /** The quotas that this verification used, or would have used if it had been valid. Omitted if the key and its identity have none. At most 100 items. */
    quotas?: Array<{
      /** The name by which a verification names the quota, such as `requests`. Unique among the quotas of the key or identity. At most 128 characters. */
      name: string;
      /** Whose quota it is. If both have a quota of this name, both must suffice. */
      owner: "key" | "identity";
      /** The units that each period allows. 0: only grants can be spent. */
      limit: number;
      /** The units of the quota used or held in this period, within the limit and as overage. Carried and granted units are not included. */
      used: number;
      /** The units left: of the limit, carried from the previous period, and granted. Overage and held units are not included. */
      remaining: number;
      /** When the next period begins. Unix time in milliseconds. Omitted if no period has begun: with the anchor `first_use`, the first use begins it. */
      resetsAt?: number;
      /** Whether this quota refused the verification. */
      exceeded: boolean;
      /** The highest threshold, in percent of the limit, that this verification was the first to reach. */
      crossed?: number;
    }>;
    /** What the verification holds, if it was valid and sent `reserve`. */
    reservation?: {
      /** The hold's id, for `credits.settle` or `credits.release`. At most 255 characters. */
      id: string;
      /** The units that are held. */
      amount: number;
      /** When the hold expires. Unix time in milliseconds. */
      expiresAt: number;
    };
    /** false: every verification of the key returns `DISABLED`. */
    enabled: boolean;
    /** The slugs of all permissions that the key has, directly or through roles. Omitted if it has none. */
    permissions?: string[];
    /** The names of the key's roles. Omitted if it has none. */
    roles?: string[];
    /** The identity that the key belongs to. Omitted if the key belongs to none. */
    identity?: Identity<M>;
    /** The rate limits that this verification was counted against. Omitted if it was counted against none. */
    ratelimits?: Array<{
      /** The rate limit's id. Empty for a limit that only the request describes. At most 255 characters. */
      id: string;
      /** The name by which a verification names the limit. At most 128 characters. */
      name: string;
      /** The highest total cost within any span of `duration`. */
      limit: number;
      /** The length of the sliding window in milliseconds. */
      duration: number;
      /** When to retry, as Unix time in milliseconds. After a refusal: when this cost can pass again, or one duration from now if the cost is above the limit. Otherwise: when the window is empty. */
      reset: number;
      /** The highest cost with which the very next verification passes. */
      remaining: number;
      /** Whether this limit refused the verification. */
      exceeded: boolean;
      /** Whether every verification counts against the limit without naming it. */
      autoApply: boolean;
    }>;
  } | {
    /** The request must be refused. */
    valid: false;
    /** There is no such key, or the caller may not verify it. */
    code: "NOT_FOUND";
  } | {
    /** The request must be refused. */
    valid: false;
    /** Why the key was refused: `FORBIDDEN`, its workspace is disabled, or the `ipAllowList` of the key or its api does not have `ip`; `INSUFFICIENT_PERMISSIONS`, the key does not satisfy `permissions`; `USAGE_EXCEEDED`, the key or its identity has too few credits or too few units of a quota; `RATE_LIMITED`, a limit in `ratelimits` is exceeded; `DISABLED`; `EXPIRED`. */
    code: "FORBIDDEN" | "INSUFFICIENT_PERMISSIONS" | "USAGE_EXCEEDED" | "RATE_LIMITED" | "DISABLED" | "EXPIRED";
    /** The key's id. At most 255 characters. */
    keyId: string;
    /** The id of the api's keyspace, the set of all its keys. At most 255 characters. */
    keyspaceId?: string;
    /** A name for people, such as `Payments, production`. It need not be unique. At most 255 characters. */
    name?: string;
    /** When the key expires. Unix time in milliseconds (not seconds), such as 1767225600000 for January 1, 2026. If omitted, the key never expires. */
    expires?: number;
    /** The number of credits left after this verification: of the key or of its identity, whichever has fewer. Omitted if they are unlimited. */
    credits?: number;
    /** Whose credits `credits` are. Omitted if only the key can have limited credits. */
    creditsOwner?: "key" | "identity";
    /** The quotas that this verification used, or would have used if it had been valid. Omitted if the key and its identity have none. At most 100 items. */
    quotas?: Array<{
      /** The name by which a verification names the quota, such as `requests`. Unique among the quotas of the key or identity. At most 128 characters. */
      name: string;
      /** Whose quota it is. If both have a quota of this name, both must suffice. */
      owner: "key" | "identity";
      /** The units that each period allows. 0: only grants can be spent. */
      limit: number;
      /** The units of the quota used or held in this period, within the limit and as overage. Carried and granted units are not included. */
      used: number;
      /** The units left: of the limit, carried from the previous period, and granted. Overage and held units are not included. */
      remaining: number;
      /** When the next period begins. Unix time in milliseconds. Omitted if no period has begun: with the anchor `first_use`, the first use begins it. */
      resetsAt?: number;
      /** Whether this quota refused the verification. */
      exceeded: boolean;
      /** The highest threshold, in percent of the limit, that this verification was the first to reach. */
      crossed?: number;
    }>;
    /** What the verification holds, if it was valid and sent `reserve`. */
    reservation?: {
      /** The hold's id, for `credits.settle` or `credits.release`. At most 255 characters. */
      id: string;
      /** The units that are held. */
      amount: number;
      /** When the hold expires. Unix time in milliseconds. */
      expiresAt: number;
    };
    /** false: every verification of the key returns `DISABLED`. */
    enabled: boolean;
    /** The rate limits that this verification was counted against. Omitted if it was counted against none. */
    ratelimits?: Array<{
      /** The rate limit's id. Empty for a limit that only the request describes. At most 255 characters. */
      id: string;
      /** The name by which a verification names the limit. At most 128 characters. */
      name: string;
      /** The highest total cost within any span of `duration`. */
      limit: number;
      /** The length of the sliding window in milliseconds. */
      duration: number;
      /** When to retry, as Unix time in milliseconds. After a refusal: when this cost can pass again, or one duration from now if the cost is above the limit. Otherwise: when the window is empty. */
      reset: number;
      /** The highest cost with which the very next verification passes. */
      remaining: number;
      /** Whether this limit refused the verification. */
      exceeded: boolean;
      /** Whether every verification counts against the limit without naming it. */
      autoApply: boolean;
    }>;
  };
} | {
  /** The error that this entry alone would get. */
  error: {
    /** What kind of error this is, in a few words. At most 255 characters. */
    title: string;
    /** What was wrong in this entry, and what to do. At most 65536 characters. */
    detail: string;
    /** The HTTP status that this entry alone would get. */
    status: number;
    /** The URL of the error's page. Its last segments identify the error. At most 2048 characters. */
    type: string;
    /** The places in the entry that are wrong. At most 100 items. */
    errors?: Array<{
      /** Where in the entry the error is, such as `body.key`. Here, `body` is the entry. At most 65536 characters. */
      location: string;
      /** What is wrong there. At most 65536 characters. */
      message: string;
      /** What to send instead. At most 65536 characters. */
      fix?: string;
    }>;
  };
}>;

export type CreatePermissionData = {
  /** The new permission's id. At most 255 characters. */
  permissionId: string;
};

export type CreateRoleData = {
  /** The new role's id. At most 255 characters. */
  roleId: string;
};

export type DeletePermissionData = Record<string, never>;

export type DeleteRoleData = Record<string, never>;

export type SetRolePermissionsData = Permission[];

export type AdjustData = {
  /** The name by which a verification names the quota, such as `requests`. Unique among the quotas of the key or identity. At most 128 characters. */
  name: string;
  /** The units that each period allows. 0: only grants can be spent. */
  limit: number;
  /** The unit in which `every` counts the length of a period. */
  period: "hour" | "day" | "week" | "month" | "year";
  /** The length of a period in units of `period`, such as 3 with `month` for a quarter. */
  every: number;
  /** The IANA name of the time zone that the periods follow. At most 64 characters. */
  timeZone: string;
  /** When periods begin. `calendar`: at 00:00 in the time zone, weeks on Monday. `first_use`: with the first cost above 0 after the previous period has ended. A Unix time in milliseconds: a period begins at this instant, such as on a billing day. */
  anchor: "calendar" | "first_use" | number;
  /** Carries unused units to the next period. Carried units, grants and overage are never carried again. If omitted, nothing is carried. */
  rollover?: {
    /** The maximum number of unused units of the limit that are carried to the next period. */
    max: number;
  };
  /** What happens beyond the limit. `refuse`: the verification returns `USAGE_EXCEEDED`. `allow`: the verification passes, and its units are counted. A number above the limit: verifications pass until a period has used that many units in all. */
  overage: "refuse" | "allow" | number;
  /** Percentages of the limit, ascending. The first verification in a period that reaches a threshold says so in `crossed`, and the ledger records it. At most 20 items. */
  thresholds: number[];
  /** true: every verification uses one unit, unless it names the quota with another cost. false: only a verification that names the quota uses it. */
  autoApply: boolean;
  /** The units of the quota used or held in this period, within the limit and as overage. Carried and granted units are not included. */
  used: number;
  /** The units left: of the limit, carried from the previous period, and granted. Overage and held units are not included. */
  remaining: number;
  /** When the next period begins. Unix time in milliseconds. Omitted if no period has begun: with the anchor `first_use`, the first use begins it. */
  resetsAt?: number;
  /** Units on top of the limit, in the order in which they expire. Omitted if no units were granted. At most 100 items. */
  grants?: Array<{
    /** The grant's id. At most 255 characters. */
    id: string;
    /** The units that were granted. */
    amount: number;
    /** The units of the grant that are left. Held units are not included. */
    remaining: number;
    /** When the grant expires. Unix time in milliseconds. Omitted if it never expires. */
    expires?: number;
  }>;
};

export type GrantData = {
  /** The name by which a verification names the quota, such as `requests`. Unique among the quotas of the key or identity. At most 128 characters. */
  name: string;
  /** The units that each period allows. 0: only grants can be spent. */
  limit: number;
  /** The unit in which `every` counts the length of a period. */
  period: "hour" | "day" | "week" | "month" | "year";
  /** The length of a period in units of `period`, such as 3 with `month` for a quarter. */
  every: number;
  /** The IANA name of the time zone that the periods follow. At most 64 characters. */
  timeZone: string;
  /** When periods begin. `calendar`: at 00:00 in the time zone, weeks on Monday. `first_use`: with the first cost above 0 after the previous period has ended. A Unix time in milliseconds: a period begins at this instant, such as on a billing day. */
  anchor: "calendar" | "first_use" | number;
  /** Carries unused units to the next period. Carried units, grants and overage are never carried again. If omitted, nothing is carried. */
  rollover?: {
    /** The maximum number of unused units of the limit that are carried to the next period. */
    max: number;
  };
  /** What happens beyond the limit. `refuse`: the verification returns `USAGE_EXCEEDED`. `allow`: the verification passes, and its units are counted. A number above the limit: verifications pass until a period has used that many units in all. */
  overage: "refuse" | "allow" | number;
  /** Percentages of the limit, ascending. The first verification in a period that reaches a threshold says so in `crossed`, and the ledger records it. At most 20 items. */
  thresholds: number[];
  /** true: every verification uses one unit, unless it names the quota with another cost. false: only a verification that names the quota uses it. */
  autoApply: boolean;
  /** The units of the quota used or held in this period, within the limit and as overage. Carried and granted units are not included. */
  used: number;
  /** The units left: of the limit, carried from the previous period, and granted. Overage and held units are not included. */
  remaining: number;
  /** When the next period begins. Unix time in milliseconds. Omitted if no period has begun: with the anchor `first_use`, the first use begins it. */
  resetsAt?: number;
  /** Units on top of the limit, in the order in which they expire. Omitted if no units were granted. At most 100 items. */
  grants?: Array<{
    /** The grant's id. At most 255 characters. */
    id: string;
    /** The units that were granted. */
    amount: number;
    /** The units of the grant that are left. Held units are not included. */
    remaining: number;
    /** When the grant expires. Unix time in milliseconds. Omitted if it never expires. */
    expires?: number;
  }>;
};

export type DeleteNamespaceData = Record<string, never>;

export type DeleteOverrideData = Record<string, never>;

export type LimitData = {
  /** The limit that was applied: the override's, if one matches, or the request's. */
  limit: number;
  /** The highest cost with which the very next request passes. */
  remaining: number;
  /** When to retry, as Unix time in milliseconds. After a refusal: when this cost can pass again, or one duration from now if the cost is above the limit. Otherwise: when the window is empty. */
  reset: number;
  /** The id of the override that was applied. Omitted if none matches. At most 255 characters. */
  overrideId?: string;
  /** true: the request may pass. false: refuse the request. It was not counted. */
  success: boolean;
};

export type MultiLimitData = {
  /** true: every limit let the request pass. false: refuse the request. It was not counted. */
  passed: boolean;
  /** The state of each limit, in the order of the request. */
  limits: Array<{
    /** The namespace, as the request names it. At most 512 characters. */
    namespace: string;
    /** The identifier, as the request has it. At most 512 characters. */
    identifier: string;
    /** Whether this limit let the request pass. */
    passed: boolean;
    /** The limit that was applied: the override's, if one matches, or the request's. */
    limit: number;
    /** The highest cost with which the very next request passes. */
    remaining: number;
    /** When to retry, as Unix time in milliseconds. After a refusal: when this cost can pass again, or one duration from now if the cost is above the limit. Otherwise: when the window is empty. */
    reset: number;
    /** The id of the override that was applied. Omitted if none matches. At most 255 characters. */
    overrideId?: string;
  }>;
};

export type SetOverrideData = {
  /** The override's id. At most 255 characters. */
  overrideId: string;
};

export type RootKeysCreateKeyData = {
  /** The new root key's id. At most 255 characters. */
  keyId: string;
  /** The whole root key. Store it or hand it out now: it is not shown again. At most 512 characters. */
  key: string;
};

export type RootKeysDeleteKeyData = Record<string, never>;

export type RootKeysListKeysItem = {
  /** The root key's id. At most 255 characters. */
  keyId: string;
  /** The root key's name. null if it has none. At most 255 characters. */
  name: string | null;
  /** The first characters of the root key, by which a person can recognize it. May be empty. At most 255 characters. */
  start: string;
  /** The last four characters of the root key. Empty for a root key that an older version created. At most 255 characters. */
  end: string;
  /** false: requests with the root key are refused. */
  enabled: boolean;
  /** When the root key was created. Unix time in milliseconds. */
  createdAt: number;
  /** When a request with the root key was last accepted, to within a few seconds. Unix time in milliseconds. 0 if the root key was never used. */
  lastUsedAt: number;
  /** When the root key expires. Unix time in milliseconds. null: never. */
  expires: number | null;
  /** What the root key may do. Each permission is `<resource>.<id or *>.<action>`, or `*` for everything. */
  permissions: string[];
};

export type RootKeysRerollKeyData = {
  /** The new root key's id. At most 255 characters. */
  keyId: string;
  /** The whole root key. Store it or hand it out now: it is not shown again. At most 512 characters. */
  key: string;
};

export type RootKeysUpdateKeyData = Record<string, never>;

export interface AnalyticsOperations {
  /**
   * Query gateway requests by SQL: not offered by this server.
   *
   * Always returns the error `analytics_not_configured`, because this server hosts no projects.
   *
   * Needs the permission `project.*.read_gateway_requests`.
   */
  getGatewayRequests(input: GetGatewayRequestsInput, options?: CallOptions): Call<Result<GetGatewayRequestsData>>;
  /**
   * Query rate limit decisions by SQL: not offered by this server.
   *
   * Always returns the error `analytics_not_configured`. Use `analytics.getUsage` instead.
   *
   * Needs the permission `ratelimit.*.read_analytics`.
   */
  getRatelimits(input: GetRatelimitsInput, options?: CallOptions): Call<Result<GetRatelimitsData>>;
  /**
   * Find the identities, keys, tags or identifiers with the most events.
   *
   * The identities, keys, tags or identifiers with the most events in a time range: who calls most or, with `outcome`, who is refused most. Identities, keys and tags are ranked by the stored counts. Identifiers are ranked by the single events that are still stored, at most about the latest 150,000: `readSince` is the time from which events were read.
   *
   * Needs the permission `api.*.read_analytics`.
   */
  getTop(input: GetTopInput, options?: CallOptions): Call<Result<Top>>;
  /**
   * Query runtime logs by SQL: not offered by this server.
   *
   * Always returns the error `analytics_not_configured`, because this server hosts no projects.
   *
   * Needs the permission `project.*.read_runtime_logs`.
   */
  getRuntimeLogs(input: GetRuntimeLogsInput, options?: CallOptions): Call<Result<GetRuntimeLogsData>>;
  /**
   * Count verifications or rate limit decisions over time.
   *
   * A time series for one key, identity, api or rate limit namespace, or for the whole workspace, with totals by outcome. The series of the workspace includes verifications of unknown keys, and decisions if the caller may read decisions. Counts by minute are kept for 24 hours, those of keys and identities for 3 hours. Counts by hour are kept for three months, and counts by day for three years. If there is no space for them, the oldest counts are deleted earlier.
   *
   * Needs the permission `api.*.read_analytics`.
   */
  getUsage(input?: AnalyticsGetUsageInput, options?: CallOptions): Call<Result<AnalyticsUsage>>;
  /**
   * Query verifications by SQL: not offered by this server.
   *
   * Always returns the error `analytics_not_configured`. Use `analytics.getUsage` instead.
   *
   * Needs the permission `api.*.read_analytics`.
   */
  getVerifications(input: GetVerificationsInput, options?: CallOptions): Call<Result<GetVerificationsData>>;
  /**
   * List single verifications, settlements and rate limit decisions.
   *
   * The events that the caller may read, newest first. Verifications need `read_analytics` for the key's api. Verifications of unknown keys, and settlements for identities, need `api.*.read_analytics`. Decisions need `ratelimit.*.read_analytics`. Events are kept as long as there is space for them. The list has all events since `pagination.completeSince`. Events of other nodes appear within 5 seconds. A page reads a limited number of events. If few of these events match the filters, a page may be short, or even empty, although `pagination.hasMore` is true.
   *
   * Needs the permission `api.*.read_analytics`.
   */
  listEvents(input?: AnalyticsListEventsInput, options?: CallOptions): PageCall<AnalyticsListEventsItem>;
}

export interface ApisOperations<M extends MetaTypes = MetaTypes> {
  /**
   * Create an api.
   *
   * An api is a set of keys that are managed and verified under the same permissions.
   *
   * Needs the permission `api.*.create_api`.
   */
  createApi(input: CreateApiInput, options?: CallOptions): Call<Result<CreateApiData>>;
  /**
   * Delete an api.
   *
   * This is permanent. All keys of the api are invalid at once, however many there are. An api with `deleteProtection` is not deleted.
   *
   * Needs the permission `api.*.delete_api`.
   */
  deleteApi(input: DeleteApiInput, options?: CallOptions): Call<Result<DeleteApiData>>;
  /**
   * Read one api.
   *
   * Needs the permission `api.*.read_api`.
   */
  getApi(input: GetApiInput, options?: CallOptions): Call<Result<Api>>;
  /**
   * List apis.
   *
   * The apis that the root key may read, oldest first unless `order` says otherwise. `search` covers the id and the name. A page of a search may have fewer items than `limit`, or none, although more follow: `pagination.hasMore` says whether more follow.
   *
   * Needs the permission `api.*.read_api`.
   */
  listApis(input?: ListApisInput, options?: CallOptions): PageCall<Api>;
  /**
   * List the keys of an api.
   *
   * All keys of the api, oldest first, also disabled and expired keys. A page that would have more than 8 MiB is shortened, and `pagination` says that more follow.
   *
   * Needs the permissions `api.*.read_key` and `api.*.read_api`.
   */
  listKeys<C extends MetaTypes = M>(input: ApisListKeysInput, options?: CallOptions): PageCall<Key<C>>;
  /**
   * Update an api.
   *
   * An omitted field stays unchanged. The defaults apply to keys that are created later.
   *
   * Needs the permission `api.*.update_api`.
   */
  updateApi(input: UpdateApiInput, options?: CallOptions): Call<Result<Api>>;
}

export interface AuditOperations {
  /**
   * List who changed what.
   *
   * Every change in the workspace, oldest first unless `order` says otherwise. If `event`, `actorId`, `start` or `end` match few events, a page may have fewer items than `limit`, or none, although more follow: `pagination.hasMore` says whether more follow.
   *
   * Needs the permission `audit.*.read_event`.
   */
  listEvents(input?: AuditListEventsInput, options?: CallOptions): PageCall<AuditListEventsItem>;
}

export interface CreditsOperations {
  /**
   * List the movements of credits and quotas.
   *
   * The ledger of one identity or key, newest first. Verifications that spend are not movements: `analytics` counts them.
   *
   * Needs the permission `identity.*.read_identity` or `api.*.read_key`.
   */
  listMovements(input?: ListMovementsInput, options?: CallOptions): PageCall<ListMovementsItem>;
  /**
   * Give a reservation back.
   *
   * Gives all held units back and charges nothing. Units of a quota do not come back if the period of the reservation has ended. Credits do not come back if they were refilled or set after the reservation. Within a day, a repeated release returns the first outcome.
   *
   * Needs the permission `api.*.verify_key`.
   */
  release(input: ReleaseInput, options?: CallOptions): Call<Result<ReleaseData>>;
  /**
   * Hold credits or units of a quota.
   *
   * Takes the units now, so that nobody else can spend them, until the reservation is settled, released or expires. For a key, both its own and its identity's credits or units must suffice.
   *
   * Needs the permission `api.*.verify_key`.
   */
  reserve(input: ReserveInput, options?: CallOptions): Call<Result<ReserveData>>;
  /**
   * Charge a reservation.
   *
   * Charges what was actually used and gives the rest back. If more was used than was held, the extra is charged as far as the balance allows, and the remainder is the `shortfall`. Within a day, a repeated call with the same amount returns the first outcome. With another amount, it fails with 409.
   *
   * Needs the permission `api.*.verify_key`.
   */
  settle(input: SettleInput, options?: CallOptions): Call<Result<SettleData>>;
}

export interface IdentitiesOperations<M extends MetaTypes = MetaTypes> {
  /**
   * Create an identity.
   *
   * An identity stands for a user or organization. Keys with its external id share its rate limits, credits and quotas, and their verifications return its metadata.
   *
   * Needs the permission `identity.*.create_identity`.
   */
  createIdentity<C extends MetaTypes = M>(input: CreateIdentityInput<C>, options?: CallOptions): Call<Result<CreateIdentityData>>;
  /**
   * Delete an identity.
   *
   * This is permanent. The identity's metadata, rate limits, credits and quotas are deleted, and its reservations end. Its keys stay valid without them. The external id can be used again. Text of the form of an id (`id_` and 22 letters or digits) is never looked up as an external id, so a repeated call with an id cannot delete another identity.
   *
   * Needs the permission `identity.*.delete_identity`.
   */
  deleteIdentity(input: DeleteIdentityInput, options?: CallOptions): Call<EmptyResult>;
  /**
   * Read one identity.
   *
   * Needs the permission `identity.*.read_identity`.
   */
  getIdentity<C extends MetaTypes = M>(input: GetIdentityInput, options?: CallOptions): Call<Result<Identity<C>>>;
  /**
   * Read an identity's limits, quotas and credits as they stand now.
   *
   * Counts against no limit and spends nothing.
   *
   * Needs the permission `identity.*.read_identity`.
   */
  getState(input: IdentitiesGetStateInput, options?: CallOptions): Call<Result<IdentitiesState>>;
  /**
   * List identities.
   *
   * All identities, oldest first. `search` covers the id and the external id. A page that would have more than 8 MiB is shortened, and `pagination` says that more follow. A page of a search may have fewer items than `limit`, or none, although more follow: `pagination.hasMore` says whether more follow.
   *
   * Needs the permission `identity.*.read_identity`.
   */
  listIdentities<C extends MetaTypes = M>(input?: ListIdentitiesInput, options?: CallOptions): PageCall<Identity<C>>;
  /**
   * Set, add or take away credits of an identity.
   *
   * All keys of the identity spend from these credits. If a key also has credits of its own, both must suffice, and both are spent.
   *
   * Needs the permission `identity.*.update_identity`.
   */
  updateCredits(input: IdentitiesUpdateCreditsInput, options?: CallOptions): Call<Result<IdentitiesUpdateCreditsData>>;
  /**
   * Update an identity.
   *
   * An omitted field stays unchanged. `meta` replaces the whole object. `ratelimits` and `quotas` replace the whole set, matched by name.
   *
   * Needs the permission `identity.*.update_identity`.
   */
  updateIdentity<C extends MetaTypes = M>(input: UpdateIdentityInput<C>, options?: CallOptions): Call<Result<Identity<C>>>;
}

export interface KeysOperations<M extends MetaTypes = MetaTypes> {
  /**
   * Add permissions to a key.
   *
   * Returns all direct permissions of the key. Slugs that do not exist are created, which needs `rbac.*.create_permission`.
   *
   * Needs the permission `api.*.update_key`.
   */
  addPermissions(input: AddPermissionsInput, options?: CallOptions): Call<Result<AddPermissionsData>>;
  /**
   * Add roles to a key.
   *
   * Returns all roles of the key.
   *
   * Needs the permission `api.*.update_key`.
   */
  addRoles(input: AddRolesInput, options?: CallOptions): Call<Result<AddRolesData>>;
  /**
   * Create a key.
   *
   * This response is the only one that shows the key, unless it is recoverable. `externalId` links the key to an identity, which is created if it does not exist. An `expires` in the past is accepted, with a warning.
   *
   * Needs the permission `api.*.create_key`.
   */
  createKey<C extends MetaTypes = M>(input: KeysCreateKeyInput<C>, options?: CallOptions): Call<Result<KeysCreateKeyData>>;
  /**
   * Delete a key.
   *
   * The key is invalid as soon as this call returns.
   *
   * Needs the permission `api.*.delete_key`.
   */
  deleteKey(input: KeysDeleteKeyInput, options?: CallOptions): Call<Result<KeysDeleteKeyData>>;
  /**
   * Explain why a key is valid or refused.
   *
   * Decides what `keys.verifyKey` would return for the same request, and lists every check: what was compared, and what would make the check pass. With a `requestId`, decides the earlier request again, by the current state of the key and its counters. Nothing is counted, spent or recorded.
   *
   * Needs the permission `api.*.read_key`.
   */
  explain(input?: ExplainInput, options?: CallOptions): Call<Result<ExplainData>>;
  /**
   * Read one key.
   *
   * Needs the permission `api.*.read_key`.
   */
  getKey<C extends MetaTypes = M>(input: GetKeyInput, options?: CallOptions): Call<Result<Key<C>>>;
  /**
   * List the keys of all apis.
   *
   * The keys of the workspace that the root key may read, also disabled and expired keys. `search` covers the name and the start of the key. All filters must match. A filter that names a record that does not exist matches no key. A page reads a bounded number of keys. If few of these match, the page has fewer items than `limit`, or none, although more may follow: `pagination.hasMore` says so. If `orderBy` is not `created`, a key whose place changes during paging may appear twice or not at all.
   *
   * Needs the permission `api.*.read_key`.
   */
  listKeys<C extends MetaTypes = M>(input?: KeysListKeysInput, options?: CallOptions): PageCall<KeysListKeysItem<C>>;
  /**
   * Read a key's limits and credits as they stand now.
   *
   * Counts against no limit and spends nothing.
   *
   * Needs the permission `api.*.read_key`.
   */
  getState(input: KeysGetStateInput, options?: CallOptions): Call<Result<KeysState>>;
  /**
   * Migrate keys from another system, by their hashes.
   *
   * Each key is migrated with all its fields, or listed in `failed` because the workspace already has its hash. The keys are committed in parts: if the call fails, some of them may have been migrated. Repeat the call to complete the rest, with the same Idempotency-Key or without any. If this migration created a key earlier from an equal item, and the key still exists, it counts as migrated and is returned with its id. If a hash occurs twice in one call, only its first item is migrated. If the migration's algorithm is prefixed-api-key, verify its keys with `migrationId`.
   *
   * Needs the permission `api.*.create_key`.
   */
  migrateKeys<C extends MetaTypes = M>(input: MigrateKeysInput<C>, options?: CallOptions): Call<Result<MigrateKeysData>>;
  /**
   * Remove permissions from a key.
   *
   * Removes only direct permissions, not those that the key has through roles. Returns the direct permissions that the key still has.
   *
   * Needs the permission `api.*.update_key`.
   */
  removePermissions(input: RemovePermissionsInput, options?: CallOptions): Call<Result<RemovePermissionsData>>;
  /**
   * Remove roles from a key.
   *
   * Returns the roles that the key still has.
   *
   * Needs the permission `api.*.update_key`.
   */
  removeRoles(input: RemoveRolesInput, options?: CallOptions): Call<Result<RemoveRolesData>>;
  /**
   * Replace a key with a new one.
   *
   * The new key has the old key's settings and shares its credits and counters. The old key stays usable for `expiration` milliseconds, but never beyond its own expiry. If the old key is rerolled again within that time, the next key gets the expiry that the old key had before its first reroll. An expired key cannot be rerolled.
   *
   * Needs the permission `api.*.create_key`.
   */
  rerollKey(input: KeysRerollKeyInput, options?: CallOptions): Call<Result<KeysRerollKeyData>>;
  /**
   * Replace a key's direct permissions.
   *
   * Permissions that the key has through roles stay. Slugs that do not exist are created, which needs `rbac.*.create_permission`.
   *
   * Needs the permission `api.*.update_key`.
   */
  setPermissions(input: SetPermissionsInput, options?: CallOptions): Call<Result<SetPermissionsData>>;
  /**
   * Replace a key's roles.
   *
   * Needs the permission `api.*.update_key`.
   */
  setRoles(input: SetRolesInput, options?: CallOptions): Call<Result<SetRolesData>>;
  /**
   * Set, add or take away credits.
   *
   * A key shares its balance with the keys that replaced it in a reroll, so the change applies to all of them.
   *
   * Needs the permission `api.*.update_key`.
   */
  updateCredits(input: KeysUpdateCreditsInput, options?: CallOptions): Call<Result<KeysUpdateCreditsData>>;
  /**
   * Update a key.
   *
   * An omitted field stays unchanged, null clears it, and a value replaces it. An `expires` in the past is accepted, with a warning.
   *
   * Needs the permission `api.*.update_key`.
   */
  updateKey<C extends MetaTypes = M>(input: KeysUpdateKeyInput<C>, options?: CallOptions): Call<Result<KeysUpdateKeyData>>;
  /**
   * Verify a key.
   *
   * Returns whether a request made with this key may pass. Every outcome has status 200: check `valid`, and if it is false, `code`.
   *
   * Needs the permission `api.*.verify_key`.
   */
  verifyKey<C extends MetaTypes = M>(input: VerifyKeyInput, options?: CallOptions): Call<Result<VerifyKeyData<C>>>;
  /**
   * Verify several keys.
   *
   * Decides each entry on its own and in order, as `keys.verifyKey` would if the entries were sent one after the other: with the same effect on counters, credits and usage, and the same errors. If an entry is invalid, only this entry fails. Only a body that is not an array of 1 to 100 entries fails as a whole. For the request limits of the server and of the workspace, each entry counts as one call.
   *
   * Needs the permission `api.*.verify_key`.
   */
  verifyKeys<C extends MetaTypes = M>(input: VerifyKeysInput, options?: CallOptions): Call<Result<VerifyKeysData<C>>>;
  /**
   * Read one key by the key itself or by its hash.
   *
   * Also finds disabled and expired keys. Does not count against a rate limit or spend credits.
   *
   * Needs the permission `api.*.read_key`.
   */
  whoami<C extends MetaTypes = M>(input?: WhoamiInput, options?: CallOptions): Call<Result<Key<C>>>;
}

export interface PermissionsOperations {
  /**
   * Create a permission.
   *
   * Needs the permission `rbac.*.create_permission`.
   */
  createPermission(input: CreatePermissionInput, options?: CallOptions): Call<Result<CreatePermissionData>>;
  /**
   * Create a role.
   *
   * A role is a named set of permissions. Giving it permissions needs `rbac.*.add_permission_to_role`. Slugs that do not exist are created, which needs `rbac.*.create_permission`.
   *
   * Needs the permission `rbac.*.create_role`.
   */
  createRole(input: CreateRoleInput, options?: CallOptions): Call<Result<CreateRoleData>>;
  /**
   * Delete a permission.
   *
   * This is permanent. Every key and role loses the permission. Text of the form of an id (`perm_` and 22 letters or digits) is never looked up as a slug, so a repeated call with an id cannot delete another permission.
   *
   * Needs the permission `rbac.*.delete_permission`.
   */
  deletePermission(input: DeletePermissionInput, options?: CallOptions): Call<Result<DeletePermissionData>>;
  /**
   * Delete a role.
   *
   * This is permanent. Every key loses the role, and the permissions that the role gave it. Text of the form of an id (`role_` and 22 letters or digits) is never looked up as a name, so a repeated call with an id cannot delete another role.
   *
   * Needs the permission `rbac.*.delete_role`.
   */
  deleteRole(input: DeleteRoleInput, options?: CallOptions): Call<Result<DeleteRoleData>>;
  /**
   * Read one permission.
   *
   * Needs the permission `rbac.*.read_permission`.
   */
  getPermission(input: GetPermissionInput, options?: CallOptions): Call<Result<Permission>>;
  /**
   * Read one role.
   *
   * Needs the permission `rbac.*.read_role`.
   */
  getRole(input: GetRoleInput, options?: CallOptions): Call<Result<Role>>;
  /**
   * List permissions.
   *
   * All permissions, oldest first. `search` covers id, name, slug and description. A page of a search may have fewer items than `limit`, or none, although more follow: `pagination.hasMore` says whether more follow.
   *
   * Needs the permission `rbac.*.read_permission`.
   */
  listPermissions(input?: ListPermissionsInput, options?: CallOptions): PageCall<Permission>;
  /**
   * List roles.
   *
   * All roles, oldest first. `search` covers id, name and description. A page that would have more than 8 MiB is shortened, and `pagination` says that more follow. A page of a search may have fewer items than `limit`, or none, although more follow: `pagination.hasMore` says whether more follow.
   *
   * Needs the permission `rbac.*.read_role`.
   */
  listRoles(input?: ListRolesInput, options?: CallOptions): PageCall<Role>;
  /**
   * Replace a role's permissions.
   *
   * Slugs that do not exist are created, which needs `rbac.*.create_permission`.
   *
   * Needs the permissions `rbac.*.add_permission_to_role` and `rbac.*.remove_permission_from_role`.
   */
  setRolePermissions(input: SetRolePermissionsInput, options?: CallOptions): Call<Result<SetRolePermissionsData>>;
  /**
   * Update a permission.
   *
   * An omitted field stays unchanged. Keys and roles keep the permission under its new slug.
   *
   * Needs the permission `rbac.*.update_permission`.
   */
  updatePermission(input: UpdatePermissionInput, options?: CallOptions): Call<Result<Permission>>;
  /**
   * Update a role.
   *
   * An omitted field stays unchanged. Keys keep the role under its new name.
   *
   * Needs the permission `rbac.*.update_role`.
   */
  updateRole(input: UpdateRoleInput, options?: CallOptions): Call<Result<Role>>;
}

export interface QuotasOperations {
  /**
   * Correct what a quota has used.
   *
   * Sets how many units the current period has used, or changes this number. The `used` that you send is final: units of this period that open reservations hold are not given back to it later. Units that they hold from grants are still given back.
   *
   * Needs the permission `identity.*.update_identity` or `api.*.update_key`.
   */
  adjust(input: AdjustInput, options?: CallOptions): Call<Result<AdjustData>>;
  /**
   * Grant units on top of a quota.
   *
   * Units that end soonest are spent first: grants that expire before the period ends, then the period's own units, then other grants in the order of their expiry. Unspent units of an expired grant are lost.
   *
   * Needs the permission `identity.*.update_identity` or `api.*.update_key`.
   */
  grant(input: GrantInput, options?: CallOptions): Call<Result<GrantData>>;
}

export interface RatelimitOperations {
  /**
   * Delete a rate limit namespace.
   *
   * This is permanent, and deletes the namespace's overrides. A later `ratelimit.limit` with the same name creates another namespace, whose counters start empty. Text of the form of an id (`rlns_` and 22 letters or digits) is never looked up as a name, so a repeated call with an id cannot delete another namespace.
   *
   * Needs the permission `ratelimit.*.delete_namespace`.
   */
  deleteNamespace(input: DeleteNamespaceInput, options?: CallOptions): Call<Result<DeleteNamespaceData>>;
  /**
   * Delete an override.
   *
   * Deletes the override with exactly this identifier or pattern.
   *
   * Needs the permission `ratelimit.*.delete_override`.
   */
  deleteOverride(input: DeleteOverrideInput, options?: CallOptions): Call<Result<DeleteOverrideData>>;
  /**
   * Read one rate limit namespace.
   *
   * Needs the permission `ratelimit.*.read_namespace`.
   */
  getNamespace(input: GetNamespaceInput, options?: CallOptions): Call<Result<Namespace>>;
  /**
   * Read the override that applies to an identifier.
   *
   * Returns the override for exactly this identifier. If it is missing, returns the override whose pattern matches. If several patterns match, the pattern with the longest literal part wins.
   *
   * Needs the permission `ratelimit.*.read_override`.
   */
  getOverride(input: GetOverrideInput, options?: CallOptions): Call<Result<Override>>;
  /**
   * Count one request against a limit.
   *
   * Every outcome has status 200: check `success`. In any span of `duration`, requests with a total cost of at most `limit` pass.
   *
   * Needs the permission `ratelimit.*.limit`.
   */
  limit(input: LimitInput, options?: CallOptions): Call<Result<LimitData>>;
  /**
   * List rate limit namespaces.
   *
   * The namespaces that the root key may read, oldest first unless `order` says otherwise. `search` covers the id and the name. A page of a search may have fewer items than `limit`, or none, although more follow: `pagination.hasMore` says whether more follow.
   *
   * Needs the permission `ratelimit.*.read_namespace`.
   */
  listNamespaces(input?: ListNamespacesInput, options?: CallOptions): PageCall<Namespace>;
  /**
   * List the overrides of a namespace.
   *
   * All overrides, oldest first.
   *
   * Needs the permission `ratelimit.*.read_override`.
   */
  listOverrides(input: ListOverridesInput, options?: CallOptions): PageCall<Override>;
  /**
   * Count one request against several limits.
   *
   * The request counts against all of the limits or, if one of them refuses it, against none.
   *
   * Needs the permission `ratelimit.*.limit`.
   */
  multiLimit(input: MultiLimitInput, options?: CallOptions): Call<Result<MultiLimitData>>;
  /**
   * Rename a rate limit namespace.
   *
   * The id, the counters and the overrides stay. A later `ratelimit.limit` with the old name creates another namespace.
   *
   * Needs the permission `ratelimit.*.update_namespace`.
   */
  renameNamespace(input: RenameNamespaceInput, options?: CallOptions): Call<Result<Namespace>>;
  /**
   * Override the limit of an identifier, or of all identifiers that match a pattern.
   *
   * The override replaces the `limit` and `duration` that requests for these identifiers send. An existing override with the same identifier or pattern is replaced.
   *
   * Needs the permission `ratelimit.*.set_override`.
   */
  setOverride(input: SetOverrideInput, options?: CallOptions): Call<Result<SetOverrideData>>;
}

export interface RootKeysOperations {
  /**
   * Create a root key.
   *
   * This response is the only one that shows the root key. The new root key cannot have a permission that the calling root key lacks, and cannot expire later than the calling root key.
   *
   * Needs the permission `root_key.*.create_root_key`.
   */
  createKey(input: RootKeysCreateKeyInput, options?: CallOptions): Call<Result<RootKeysCreateKeyData>>;
  /**
   * Delete a root key.
   *
   * This is permanent. Requests with the root key are refused at once. The last enabled root key of a workspace with the permission `*` is not deleted.
   *
   * Needs the permission `root_key.*.delete_root_key`.
   */
  deleteKey(input: RootKeysDeleteKeyInput, options?: CallOptions): Call<Result<RootKeysDeleteKeyData>>;
  /**
   * List root keys.
   *
   * The root keys of the workspace that the calling root key may read, oldest first. Deleted root keys are not listed.
   *
   * Needs the permission `root_key.*.read_root_key`.
   */
  listKeys(input?: RootKeysListKeysInput, options?: CallOptions): PageCall<RootKeysListKeysItem>;
  /**
   * Replace a root key with a new one.
   *
   * The new root key has the old root key's name and permissions, and the expiry that the old root key had before it was first rerolled. The calling root key must hold all of these permissions. To reroll the root key that makes the call, `expiration` must be at least 60000, so that a lost response locks nobody out.
   *
   * Needs the permission `root_key.*.update_root_key`.
   */
  rerollKey(input: RootKeysRerollKeyInput, options?: CallOptions): Call<Result<RootKeysRerollKeyData>>;
  /**
   * Update a root key.
   *
   * An omitted field stays unchanged. The last enabled root key of a workspace with the permission `*` can neither be disabled nor lose this permission.
   *
   * Needs the permission `root_key.*.update_root_key`.
   */
  updateKey(input: RootKeysUpdateKeyInput, options?: CallOptions): Call<Result<RootKeysUpdateKeyData>>;
}

export interface ServerOperations {
  /**
   * Read the state of the server.
   *
   * For the operator of the server: the state of the node that responds. The permission `*` does not include `server.*.read_status`, because the state concerns every workspace. `latchkey root-key create --permissions 'server.*.read_status'` creates a root key with this permission. A console session that was opened with the login link has it, too.
   *
   * Needs the permission `server.*.read_status`.
   */
  getStatus(input?: GetStatusInput, options?: CallOptions): Call<Result<Status>>;
}

export interface WorkspaceOperations {
  /**
   * Read the limits of the workspace.
   *
   * The limits that the operator of the server has set. A plan of a hosted Unkey account has more limits.
   *
   * Needs the permission `workspace.*.read_limits`.
   */
  getLimits(input?: GetLimitsInput, options?: CallOptions): Call<Result<Limits>>;
  /**
   * Count the verifications and decisions of a month.
   *
   * Usage as Unkey bills a hosted account for it: verifications that found a valid key, and rate limit decisions that let the call pass. `analytics.getUsage` also counts refusals. This server runs no apps and no gateway, so their usage is 0.
   *
   * Needs the permissions `api.*.read_analytics` and `ratelimit.*.read_analytics`.
   */
  getUsage(input?: WorkspaceGetUsageInput, options?: CallOptions): Call<Result<WorkspaceUsage>>;
}

export interface WorkspacesOperations {
  /**
   * Read the workspace of the root key.
   *
   * Needs the permission `workspace.*.read_workspace`.
   */
  getWorkspace(input?: GetWorkspaceInput, options?: CallOptions): Call<Result<Workspace>>;
}

/** Every operation of the API, by group. */
export type Groups<M extends MetaTypes = MetaTypes> = {
  analytics: AnalyticsOperations;
  apis: ApisOperations<M>;
  audit: AuditOperations;
  credits: CreditsOperations;
  identities: IdentitiesOperations<M>;
  keys: KeysOperations<M>;
  permissions: PermissionsOperations;
  quotas: QuotasOperations;
  ratelimit: RatelimitOperations;
  rootKeys: RootKeysOperations;
  server: ServerOperations;
  workspace: WorkspaceOperations;
  workspaces: WorkspacesOperations;
};
