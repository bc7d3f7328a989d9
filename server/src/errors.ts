/** One row for each error this server can answer; `docs/errors.md` and the `/errors/` pages are made from it. */
type Row = {
  status: number;
  /** the last segments of the wire's `error.type` */
  type: string;
  title: string;
  /** one sentence for the documentation: when it happens */
  when: string;
  /** one sentence for the documentation: what to do */
  fix: string;
};

export const catalogue = {
  invalid_input: {
    status: 400,
    type: "unkey/application/invalid_input",
    title: "Bad Request",
    when: "The body is not JSON, or does not fit the operation's schema.",
    fix: "Every entry of `error.errors` names a place in the body, what is wrong there and what would be right.",
  },
  permissions_query_syntax_error: {
    status: 400,
    type: "user/bad_request/permissions_query_syntax_error",
    title: "Bad Request",
    when: "The `permissions` query of a verification cannot be read.",
    fix: "Write permissions joined by AND and OR, grouped by parentheses; the detail points at the position.",
  },
  key_malformed: {
    status: 400,
    type: "unkey/authentication/malformed",
    title: "Bad Request",
    when: "A key that is to be migrated has not the shape its migration's algorithm needs.",
    fix: "Send the whole key as it was issued, or leave `migrationId` away.",
  },
  authentication_missing: {
    status: 401,
    type: "unkey/authentication/missing",
    title: "Unauthorized",
    when: "The request carries no Authorization header.",
    fix: "Send `Authorization: Bearer <root key>`.",
  },
  authentication_malformed: {
    status: 401,
    type: "unkey/authentication/malformed",
    title: "Unauthorized",
    when: "The Authorization header is not one bearer token, or the root key in it is mistyped.",
    fix: "Send exactly one header `Authorization: Bearer <root key>`, with the root key as it was shown.",
  },
  root_key_not_found: {
    status: 401,
    type: "unkey/authentication/key_not_found",
    title: "Unauthorized",
    when: "No root key matches the bearer token; it may have been revoked, or be an ordinary API key.",
    fix: "Use a root key: `latchkey root-key create` makes one.",
  },
  root_key_disabled: {
    status: 403,
    type: "unkey/authorization/key_disabled",
    title: "Key is disabled",
    when: "The root key is disabled.",
    fix: "Use another root key, or enable this one.",
  },
  root_key_expired: {
    status: 403,
    type: "unkey/authorization/forbidden",
    title: "Forbidden",
    when: "The root key has expired.",
    fix: "Make a new one with `latchkey root-key create`.",
  },
  workspace_disabled: {
    status: 403,
    type: "unkey/authorization/workspace_disabled",
    title: "Workspace is disabled",
    when: "The root key's workspace is disabled.",
    fix: "Ask whoever runs this server to enable the workspace.",
  },
  insufficient_permissions: {
    status: 403,
    type: "unkey/authorization/insufficient_permissions",
    title: "Insufficient Permissions",
    when: "The root key lacks the operation's permission; the detail names it.",
    fix: "Use a root key that has the permission.",
  },
  identity_not_found: {
    status: 404,
    type: "unkey/data/identity_not_found",
    title: "Not Found",
    when: "No identity this root key may use has the given id or external id.",
    fix: "List the identities, or create this one with `identities.createIdentity`.",
  },
  api_not_found: {
    status: 404,
    type: "unkey/data/api_not_found",
    title: "Not Found",
    when: "No api this root key may use has the given id.",
    fix: "Create one with `apis.createApi` and use the `apiId` it answers.",
  },
  key_not_found: {
    status: 404,
    type: "unkey/data/key_not_found",
    title: "Not Found",
    when: "No key this root key may use has the given id.",
    fix: "Use the `keyId` that `keys.createKey` answered; `apis.listKeys` lists them.",
  },
  role_not_found: {
    status: 404,
    type: "unkey/data/role_not_found",
    title: "Not Found",
    when: "A role that the request names does not exist.",
    fix: "Names are compared letter by letter; create the role first.",
  },
  permission_not_found: {
    status: 404,
    type: "unkey/data/permission_not_found",
    title: "Not Found",
    when: "No permission has the given id or slug.",
    fix: "Slugs are compared letter by letter; `permissions.listPermissions` lists them.",
  },
  migration_not_found: {
    status: 404,
    type: "unkey/data/migration_not_found",
    title: "Not Found",
    when: "The workspace has no migration with the given id.",
    fix: "Make one with `latchkey migration create`.",
  },
  ratelimit_namespace_not_found: {
    status: 404,
    type: "unkey/data/ratelimit_namespace_not_found",
    title: "Not Found",
    when: "No rate limit namespace this root key may use has the given name or id.",
    fix: "A namespace is made by the first `ratelimit.limit` that names it.",
  },
  ratelimit_override_not_found: {
    status: 404,
    type: "unkey/data/ratelimit_override_not_found",
    title: "Not Found",
    when: "The namespace has no override for this identifier.",
    fix: "`ratelimit.listOverrides` lists them.",
  },
  unknown_operation: {
    status: 404,
    type: "user/bad_request/unknown_operation",
    title: "Not Found",
    when: "Nothing is served at this path.",
    fix: "Operations are `POST /v2/<group>.<operation>`; `/openapi.json` lists them all.",
  },
  method_not_allowed: {
    status: 405,
    type: "user/bad_request/method_not_allowed",
    title: "Method Not Allowed",
    when: "The path exists, but not with this method.",
    fix: "Use the method that the Allow header names.",
  },
  request_timeout: {
    status: 408,
    type: "user/bad_request/request_timeout",
    title: "Request Timeout",
    when: "The body did not arrive in time.",
    fix: "Send the body at once; at least 16 KB a second are expected.",
  },
  identity_already_exists: {
    status: 409,
    type: "unkey/data/identity_already_exists",
    title: "Conflicting Resource",
    when: "An identity with this external id exists already.",
    fix: "Use `identities.updateIdentity`, or another external id.",
  },
  permission_already_exists: {
    status: 409,
    type: "unkey/data/permission_already_exists",
    title: "Conflicting Resource",
    when: "A permission with this slug exists already.",
    fix: "Use the existing one, or another slug.",
  },
  role_already_exists: {
    status: 409,
    type: "unkey/data/role_already_exists",
    title: "Conflicting Resource",
    when: "A role with this name exists already.",
    fix: "Use the existing one, or another name.",
  },
  idempotency_in_progress: {
    status: 409,
    type: "user/bad_request/idempotency_in_progress",
    title: "Conflict",
    when: "Another call with this Idempotency-Key is still under way.",
    fix: "Wait a moment and send the same request again.",
  },
  precondition_failed: {
    status: 412,
    type: "unkey/application/precondition_failed",
    title: "Precondition Failed",
    when: "The request needs something that is not set up; the detail names it.",
    fix: "Set up what the detail names, or leave the field away.",
  },
  analytics_not_configured: {
    status: 412,
    type: "unkey/data/analytics_not_configured",
    title: "Precondition Failed",
    when: "Analytics by SQL are not offered by this server.",
    fix: "Use `analytics.getUsage`.",
  },
  request_body_too_large: {
    status: 413,
    type: "user/bad_request/request_body_too_large",
    title: "Request Entity Too Large",
    when: "The body is larger than this server takes.",
    fix: "Send less at once; the detail names the limit.",
  },
  unsupported_media_type: {
    status: 415,
    type: "user/bad_request/unsupported_media_type",
    title: "Unsupported Media Type",
    when: "The body is not declared as JSON in UTF-8, or is encoded.",
    fix: "Send `Content-Type: application/json` and no Content-Encoding.",
  },
  idempotency_key_reused: {
    status: 422,
    type: "user/unprocessable_entity/idempotency_key_reused",
    title: "Unprocessable Entity",
    when: "This Idempotency-Key was used for another body within the last 24 hours.",
    fix: "Use a new key for each change; repeat a key only with the same body.",
  },
  workspace_rate_limited: {
    status: 429,
    type: "user/too_many_requests/workspace_rate_limited",
    title: "Too Many Requests",
    when: "The workspace has used up its requests of this minute.",
    fix: "Wait as long as the Retry-After header says.",
  },
  authentication_rate_limited: {
    status: 429,
    type: "user/too_many_requests/authentication_rate_limited",
    title: "Too Many Requests",
    when: "This address has sent too many unknown root keys within a minute.",
    fix: "Use a valid root key; those are never limited by this.",
  },
  server_overloaded: {
    status: 429,
    type: "user/too_many_requests/server_overloaded",
    title: "Too Many Requests",
    when: "The server is asked for more than it can do just now; nothing was done.",
    fix: "Wait as long as the Retry-After header says, and send the same request again.",
  },
  unexpected_error: {
    status: 500,
    type: "unkey/application/unexpected_error",
    title: "Internal Server Error",
    when: "The server met a fault of its own; nothing was changed.",
    fix: "Try again; if it stays, report it with the request id.",
  },
  service_unavailable: {
    status: 503,
    type: "unkey/application/service_unavailable",
    title: "Service Unavailable",
    when: "The database cannot be written or reached just now; nothing was changed.",
    fix: "Try again in a moment.",
  },
  outcome_unknown: {
    status: 503,
    type: "unkey/application/outcome_unknown",
    title: "Service Unavailable",
    when: "The change was sent to the database, but whether it was kept could not be learned.",
    fix: "Read the state before you try again, or try again with the same Idempotency-Key.",
  },
} as const satisfies Record<string, Row>;

export type ErrorCode = keyof typeof catalogue;

/** One place in the body that is wrong: `location` is an instance path such as `body.ratelimits[0].limit`. */
export type Flaw = { location: string; message: string; fix?: string };

/** What an answer says beside the catalogue's row. */
type Details = {
  /** the sentence of `error.detail`; the row's `when` where it is left away */
  detail?: string;
  flaws?: readonly Flaw[];
  headers?: Record<string, string>;
  cause?: unknown;
};

/** A refusal with a row in the catalogue. Whatever else is thrown is a fault and becomes `unexpected_error`. */
export class Failure extends Error {
  readonly code: ErrorCode;
  readonly flaws: readonly Flaw[];
  readonly headers: Record<string, string>;

  constructor(code: ErrorCode, details: Details = {}) {
    super(details.detail ?? catalogue[code].when, { cause: details.cause });
    this.name = "Failure";
    this.code = code;
    this.flaws = details.flaws ?? [];
    this.headers = details.headers ?? {};
  }
}

/** A 400 that names one place of the body. */
export function invalid(location: string, message: string, fix: string): Failure {
  return new Failure("invalid_input", {
    detail: `${location} ${message}.`,
    flaws: [{ location, message, fix }],
  });
}
