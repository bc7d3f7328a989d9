import type { Row } from "./row.ts";

/** Errors that come from the state of the server: its limits, its set-up, and the services that it needs. */
export const server = {
  workspace_rate_limited: {
    status: 429,
    type: "user/too_many_requests/workspace_rate_limited",
    title: "Too Many Requests",
    when: "The workspace has used up its requests for this minute.",
    fix: "Wait as long as the Retry-After header says.",
  },
  authentication_rate_limited: {
    status: 429,
    type: "user/too_many_requests/authentication_rate_limited",
    title: "Too Many Requests",
    when: "This address has sent too many unknown root keys within a minute.",
    fix: "Use a valid root key. This limit never applies to valid root keys.",
  },
  server_overloaded: {
    status: 429,
    type: "user/too_many_requests/server_overloaded",
    title: "Too Many Requests",
    when: "The server is overloaded. Nothing was done.",
    fix: "Wait as long as the Retry-After header says, and send the same request again.",
  },
  analytics_not_configured: {
    status: 412,
    type: "unkey/data/analytics_not_configured",
    title: "Precondition Failed",
    when: "This server does not offer analytics by SQL.",
    fix: "Use `analytics.getUsage`.",
  },
  unexpected_error: {
    status: 500,
    type: "unkey/application/unexpected_error",
    title: "Internal Server Error",
    when: "An internal error occurred. Nothing was changed.",
    fix: "Retry. If the error persists, report it with the request id.",
  },
  service_unavailable: {
    status: 503,
    type: "unkey/application/service_unavailable",
    title: "Service Unavailable",
    when: "The database cannot be reached or written at the moment, for instance while it is being copied to another database. Nothing was changed.",
    fix: "Retry in a moment.",
  },
  upstream_unavailable: {
    status: 503,
    type: "unkey/application/upstream_unavailable",
    title: "Service Unavailable",
    when: "Only the upstream server, which verified keys before this one, can decide about this key. It does not respond, or calls to it are paused or limited.",
    fix: "Wait as long as the Retry-After header says, and send the request again. `detail` says how the upstream failed.",
  },
  hashing_busy: {
    status: 503,
    type: "unkey/application/hashing_busy",
    title: "Service Unavailable",
    when: "The key must be compared with bcrypt, argon2 or PBKDF2 hashes of imported keys, and too many other keys are waiting for such comparisons. Nothing was done.",
    fix: "Wait as long as the Retry-After header says, and send the request again.",
  },
  outcome_unknown: {
    status: 503,
    type: "unkey/application/outcome_unknown",
    title: "Service Unavailable",
    when: "The change was sent to the database, but it is unknown whether it was stored.",
    fix: "Read the current state before you retry, or retry with the same Idempotency-Key.",
  },
} as const satisfies Record<string, Row>;
