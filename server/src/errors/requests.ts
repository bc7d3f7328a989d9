import type { Row } from "./row.ts";

/** Errors of the request itself: its path, method, headers and body. */
export const requests = {
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
    when: "The `permissions` query of a verification has a syntax error.",
    fix: "Write permissions joined by AND and OR, grouped by parentheses. The detail names the position.",
  },
  key_malformed: {
    status: 400,
    type: "unkey/authentication/malformed",
    title: "Bad Request",
    when: "The migration that `migrationId` names has keys of the form `<prefix>_<short token>_<long token>`. The key does not have this form.",
    fix: "Send the whole key as it was issued, or omit `migrationId`.",
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
  expectation_failed: {
    status: 417,
    type: "user/bad_request/expectation_failed",
    title: "Expectation Failed",
    when: "The Expect header asks for something other than `100-continue`.",
    fix: "Omit the Expect header.",
  },
  idempotency_in_progress: {
    status: 409,
    type: "user/bad_request/idempotency_in_progress",
    title: "Conflict",
    when: "Another request with this Idempotency-Key is still in progress.",
    fix: "Wait a moment and send the same request again.",
  },
  idempotency_key_reused: {
    status: 422,
    type: "user/unprocessable_entity/idempotency_key_reused",
    title: "Unprocessable Entity",
    when: "This operation was called with this Idempotency-Key and another body within the last 24 hours.",
    fix: "Use a new Idempotency-Key for each change. To repeat a request, send its Idempotency-Key with the same body.",
  },
} as const satisfies Record<string, Row>;
