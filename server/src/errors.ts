/** An error that this server can return. `docs/errors.md` and the `/errors/` pages are generated from these rows. */
type Row = {
  status: number;
  /** the last segments of the URL in `error.type` */
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
    fix: "Each entry of `error.errors` names a place in the body, what is wrong there and how to fix it.",
  },
  permissions_query_syntax_error: {
    status: 400,
    type: "user/bad_request/permissions_query_syntax_error",
    title: "Bad Request",
    when: "The `permissions` query of a verification cannot be read.",
    fix: "Write permissions joined by AND and OR, grouped by parentheses. The detail names the position.",
  },
  key_malformed: {
    status: 400,
    type: "unkey/authentication/malformed",
    title: "Bad Request",
    when: "The key does not have the form that its migration's algorithm needs.",
    fix: "Send the whole key as it was issued, or omit `migrationId`.",
  },
  authentication_missing: {
    status: 401,
    type: "unkey/authentication/missing",
    title: "Unauthorized",
    when: "The request has no Authorization header.",
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
    when: "No root key matches the bearer token. It may have been revoked, or it may be an ordinary API key.",
    fix: "Use a root key. `latchkey root-key create` creates one.",
  },
  console_session_missing: {
    status: 401,
    type: "unkey/authentication/console_session_missing",
    title: "Unauthorized",
    when: "You are not signed in to the console, or your session has ended.",
    fix: "Sign in again.",
  },
  login_link_invalid: {
    status: 401,
    type: "unkey/authentication/login_link_invalid",
    title: "Unauthorized",
    when: "The console's login link was used before, has expired, or was created by an earlier start of the server.",
    fix: "Restart the server for a new link, or sign in with a root key.",
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
    fix: "Create another with `latchkey root-key create`.",
  },
  cross_site_request: {
    status: 403,
    type: "unkey/authorization/cross_site_request",
    title: "Forbidden",
    when: "The request to the console was refused because it came from another site's page, or not from a browser.",
    fix: "Open the console and work there. Programs use `/v2` with a root key.",
  },
  insecure_login: {
    status: 403,
    type: "unkey/authorization/insecure_login",
    title: "Forbidden",
    when: "The sign-in to the console was refused because it came over plain HTTP from another machine, so others could read the root key.",
    fix: "Serve the console over HTTPS and set `PUBLIC_URL`, open it on the server itself, or set `CONSOLE_ALLOW_HTTP=true`.",
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
    when: "The root key lacks a permission that the operation needs. The detail names it.",
    fix: "Use a root key that has the permission.",
  },
  identity_not_found: {
    status: 404,
    type: "unkey/data/identity_not_found",
    title: "Not Found",
    when: "No identity that this root key may use has this id or external id.",
    fix: "List the identities, or create this one with `identities.createIdentity`.",
  },
  api_not_found: {
    status: 404,
    type: "unkey/data/api_not_found",
    title: "Not Found",
    when: "No api that this root key may use has this id.",
    fix: "Create one with `apis.createApi` and use the `apiId` that it returns.",
  },
  key_not_found: {
    status: 404,
    type: "unkey/data/key_not_found",
    title: "Not Found",
    when: "No key that this root key may use has this id.",
    fix: "Use the `keyId` that `keys.createKey` returned. `apis.listKeys` lists them.",
  },
  root_key_unknown: {
    status: 404,
    type: "unkey/data/key_not_found",
    title: "Not Found",
    when: "No root key that the calling root key may use has this id.",
    fix: "`rootKeys.listKeys` lists them. Use the `keyId`, not the root key itself.",
  },
  event_not_found: {
    status: 404,
    type: "user/not_found/event_not_found",
    title: "Not Found",
    when: "No verification that is still stored, and that this root key may read, has this request id. Events are kept as long as there is space for them, and those of other nodes appear within 5 seconds.",
    fix: "Use the `meta.requestId` of `keys.verifyKey`. `analytics.listEvents` lists the events that are kept.",
  },
  role_not_found: {
    status: 404,
    type: "unkey/data/role_not_found",
    title: "Not Found",
    when: "A role that the request names does not exist.",
    fix: "Create the role first. Names are case-sensitive.",
  },
  permission_not_found: {
    status: 404,
    type: "unkey/data/permission_not_found",
    title: "Not Found",
    when: "No permission has this id or slug.",
    fix: "`permissions.listPermissions` lists them. Slugs are case-sensitive.",
  },
  reservation_not_found: {
    status: 404,
    type: "user/not_found/reservation_not_found",
    title: "Not Found",
    when: "No reservation that this root key may use has this id. It may have ended more than a day ago, or its identity was deleted.",
    fix: "Use the `reservation.id` that `keys.verifyKey` or `credits.reserve` returned, within a day after it ended.",
  },
  migration_not_found: {
    status: 404,
    type: "unkey/data/migration_not_found",
    title: "Not Found",
    when: "The workspace has no migration with this id.",
    fix: "Create one with `latchkey migration create`.",
  },
  ratelimit_namespace_not_found: {
    status: 404,
    type: "unkey/data/ratelimit_namespace_not_found",
    title: "Not Found",
    when: "No rate limit namespace that this root key may use has this name or id.",
    fix: "The first `ratelimit.limit` that names a namespace creates it.",
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
    fix: "Operations are `POST /v2/<group>.<operation>`. `/openapi.json` lists them all.",
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
    fix: "Send the body without pauses, at 16 KB per second or more.",
  },
  expectation_failed: {
    status: 417,
    type: "user/bad_request/expectation_failed",
    title: "Expectation Failed",
    when: "The Expect header asks for something other than `100-continue`.",
    fix: "Omit the Expect header.",
  },
  identity_already_exists: {
    status: 409,
    type: "unkey/data/identity_already_exists",
    title: "Conflicting Resource",
    when: "An identity with this external id already exists.",
    fix: "Use `identities.updateIdentity`, or another external id.",
  },
  permission_already_exists: {
    status: 409,
    type: "unkey/data/permission_already_exists",
    title: "Conflicting Resource",
    when: "A permission with this slug already exists.",
    fix: "Use the existing one, or another slug.",
  },
  role_already_exists: {
    status: 409,
    type: "unkey/data/role_already_exists",
    title: "Conflicting Resource",
    when: "A role with this name already exists.",
    fix: "Use the existing one, or another name.",
  },
  ratelimit_namespace_already_exists: {
    status: 409,
    type: "unkey/data/ratelimit_namespace_already_exists",
    title: "Conflicting Resource",
    when: "Another rate limit namespace has this name.",
    fix: "Use another name, or delete the other namespace first.",
  },
  idempotency_in_progress: {
    status: 409,
    type: "user/bad_request/idempotency_in_progress",
    title: "Conflict",
    when: "Another request with this Idempotency-Key is still in progress.",
    fix: "Wait a moment and send the same request again.",
  },
  reservation_ended: {
    status: 409,
    type: "user/bad_request/reservation_ended",
    title: "Conflict",
    when: "The reservation has already ended in another way: it was settled with another amount, released, or charged at its expiry.",
    fix: "Settle a reservation once. To repeat a call whose response was lost, send the same amount.",
  },
  precondition_failed: {
    status: 412,
    type: "unkey/application/precondition_failed",
    title: "Precondition Failed",
    when: "The request needs something that is not set up. The detail names it.",
    fix: "Set up what the detail names, or omit the field.",
  },
  protected_resource: {
    status: 412,
    type: "unkey/application/protected_resource",
    title: "Precondition Failed",
    when: "The api is protected from deletion, or the root key is the workspace's last enabled one with all permissions. The detail says which.",
    fix: "Remove the protection with `apis.updateApi`, or create another root key with the permission `*` first.",
  },
  bound_exceeded: {
    status: 412,
    type: "user/precondition_failed/bound_exceeded",
    title: "Precondition Failed",
    when: "The request would exceed a bound on what one key, namespace or workspace may hold, or on the size of a response that is stored for an Idempotency-Key. The detail names the bound. Nothing was changed.",
    fix: "Remove some first, or spread them over several keys, roles or namespaces. Omit the Idempotency-Key if the response is large.",
  },
  analytics_not_configured: {
    status: 412,
    type: "unkey/data/analytics_not_configured",
    title: "Precondition Failed",
    when: "This server does not offer analytics by SQL.",
    fix: "Use `analytics.getUsage`.",
  },
  request_body_too_large: {
    status: 413,
    type: "user/bad_request/request_body_too_large",
    title: "Request Entity Too Large",
    when: "The body is larger than this server accepts.",
    fix: "Send less in one request. The detail names the limit.",
  },
  unsupported_media_type: {
    status: 415,
    type: "user/bad_request/unsupported_media_type",
    title: "Unsupported Media Type",
    when: "The Content-Type header does not say JSON in UTF-8, or the body has a Content-Encoding.",
    fix: "Send `Content-Type: application/json` and no Content-Encoding.",
  },
  idempotency_key_reused: {
    status: 422,
    type: "user/unprocessable_entity/idempotency_key_reused",
    title: "Unprocessable Entity",
    when: "This Idempotency-Key was used for another body within the last 24 hours.",
    fix: "Use a new Idempotency-Key for each change. Send the same one again only with the same body.",
  },
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
    when: "The database cannot be reached or written at the moment, for instance because its records are being copied to another one. Nothing was changed.",
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
    when: "The key must be compared with the bcrypt, argon2 or PBKDF2 hashes of imported keys that begin like it, and too many keys are being compared with such hashes already. Nothing was done.",
    fix: "Retry as the Retry-After header says.",
  },
  outcome_unknown: {
    status: 503,
    type: "unkey/application/outcome_unknown",
    title: "Service Unavailable",
    when: "The change was sent to the database, but it is unknown whether it was stored.",
    fix: "Read the current state before you retry, or retry with the same Idempotency-Key.",
  },
} as const satisfies Record<string, Row>;

export type ErrorCode = keyof typeof catalogue;

/** One thing that is wrong in a request. `location` says where, such as `body.ratelimits[0].limit`. */
export type Flaw = { location: string; message: string; fix?: string };

/** What an error response has in addition to its row in the catalogue. */
type Details = {
  /** the sentence of `error.detail`; default: the row's `when` */
  detail?: string;
  flaws?: readonly Flaw[];
  headers?: Record<string, string>;
  cause?: unknown;
};

/**
 * An expected error, which has a row in the catalogue. Any other error that reaches a response is a bug, and the client
 * gets `unexpected_error`.
 */
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

/** The body of an error response. `type` is a URL. */
export type ErrorBody = {
  title: string;
  detail: string;
  status: number;
  type: string;
  errors?: Flaw[];
};

/**
 * Returns the 403 that names the missing permission. If a permission for one resource is enough, the message also names
 * the permission for all resources. It has the text `<id>` instead of the resource's id.
 */
export function missingPermission(permission: string): Failure {
  const ofAll = permission.replace(".<id>.", ".*.");
  const detail =
    ofAll === permission
      ? `Missing permission: "${permission}".`
      : `Missing one of these permissions: "${permission}" or "${ofAll}".`;
  return new Failure("insufficient_permissions", { detail });
}

/** Returns the 400 for one flaw of the body. */
export function invalid(location: string, message: string, fix: string): Failure {
  return new Failure("invalid_input", {
    detail: `${location} ${message}.`,
    flaws: [{ location, message, fix }],
  });
}
