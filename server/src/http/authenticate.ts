import type { Counters } from "../counters/counters.ts";
import type { Caller } from "../domain/caller.ts";
import { looksLikeRootKey } from "../domain/secrets.ts";
import { Failure } from "../errors/failure.ts";
import { type Caches, noWorkspace } from "../storage/caches.ts";
import type { RootKeyRecord } from "../storage/queries/rootKeys.ts";
import { countedAddress } from "./clientAddress.ts";

export type Authentication = {
  rootKeys: Caches["rootKeys"];
  counters: Counters;
  nowMs(): number;
  hashKey(key: string): string;
};

/** The sender of a request. Its address is read only if the root key is unknown. */
type Sender = { address(): string };

/** One address may send this many unknown root keys in a minute. For further unknown root keys, it gets 429. */
const unknownPerMinute = 100;

/** Matches the scheme in upper or lower case, then one token. */
const bearer = /^bearer[ \t]+([^\s,]+)$/i;
const challenge = { "WWW-Authenticate": "Bearer" };

/**
 * Returns the caller that the Authorization header names; without a promise if the root key is cached.
 * Errors: `authentication_missing`, `authentication_malformed`, `root_key_not_found`, `root_key_disabled`,
 * `root_key_expired`, `workspace_disabled`, `authentication_rate_limited`.
 */
export function authenticate(
  header: string | null,
  sender: Sender,
  authentication: Authentication,
): Caller | Promise<Caller> {
  if (header === null || header === "") {
    throw new Failure("authentication_missing", { headers: challenge });
  }
  const token = tokenOf(header);
  if (token === undefined) throw malformed();
  const hash = authentication.hashKey(token);
  const kept = authentication.rootKeys.findKept(noWorkspace, hash);
  if (kept !== undefined) return callerOf(kept, authentication);
  // checked after the cache: a cached key is not mistyped, and this check costs more than everything above
  if (looksLikeRootKey(token) === "mistyped") throw malformed();
  return lookUp(hash, sender, authentication);
}

/** The root key in an Authorization header that `authenticate` accepted. */
export function secretOf(header: string | null): string {
  return tokenOf(header ?? "") ?? "";
}

const usualScheme = "Bearer ";
const oneToken = /^[^\s,]+$/;

/** The token in the header. The regular expression is used last: it is slower, and most clients write `Bearer `. */
function tokenOf(header: string): string | undefined {
  const token = header.startsWith(usualScheme) ? header.slice(usualScheme.length) : "";
  return oneToken.test(token) ? token : bearer.exec(header)?.[1];
}

function malformed(): Failure {
  return new Failure("authentication_malformed", { headers: challenge });
}

async function lookUp(hash: string, sender: Sender, authentication: Authentication): Promise<Caller> {
  const { rootKeys, counters } = authentication;
  const record = await rootKeys.find(noWorkspace, hash);
  if (record === undefined) throw await unknownKey(sender.address(), counters);
  return callerOf(record, authentication);
}

/**
 * Returns the caller if the root key may be used now. Errors: `workspace_disabled`, `root_key_disabled`,
 * `root_key_expired`.
 */
export function callerOf(record: RootKeyRecord, { nowMs }: Pick<Authentication, "nowMs">): Caller {
  if (!record.workspaceEnabled) throw new Failure("workspace_disabled");
  if (!record.enabled) throw new Failure("root_key_disabled");
  if (record.expiresAtMs !== undefined && nowMs() > record.expiresAtMs) throw new Failure("root_key_expired");
  return record.caller;
}

async function unknownKey(address: string, counters: Counters): Promise<Failure> {
  const hit = await counters.hit([
    {
      space: "address",
      workspaceId: "",
      subject: countedAddress(address),
      name: "unknown_root_key",
      durationMs: 60_000,
      limit: unknownPerMinute,
      cost: 1,
    },
  ]);
  if (hit.passed) return new Failure("root_key_not_found", { headers: challenge });
  const waitMs = Math.max(1, hit.windows[0]?.resetInMs ?? 0);
  return new Failure("authentication_rate_limited", {
    headers: { "Retry-After": String(Math.ceil(waitMs / 1000)) },
  });
}
