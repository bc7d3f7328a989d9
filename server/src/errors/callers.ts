import type { Row } from "./row.ts";

/** Errors about who calls: the root key or console session, its workspace and its permissions. */
export const callers = {
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
    fix: "Use a root key of this server that has not been revoked. `latchkey root-key create` creates one.",
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
    when: "The console's login link was used before, has expired, or was created before the server was restarted.",
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
    fix: "Create another root key with `latchkey root-key create`.",
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
    fix: "Serve the console over HTTPS and set `PUBLIC_URL`, open the console on the server itself, or set `CONSOLE_ALLOW_HTTP=true`.",
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
} as const satisfies Record<string, Row>;
