import type { Counters } from "../counters/counters.ts";
import type { Caller } from "../domain/caller.ts";
import { looksLikeRootKey } from "../domain/secrets.ts";
import { Failure } from "../errors.ts";
import type { RecordCache } from "../storage/cache.ts";
import type { RootKeyRecord } from "../storage/queries/rootKeys.ts";

export type Authentication = {
  rootKeys: RecordCache<RootKeyRecord>;
  counters: Counters;
  nowMs(): number;
  hashKey(key: string): string;
};

/** Unknown root keys that one address may send in a minute before they are no longer answered one by one. */
const unknownPerMinute = 100;

/** The scheme in any case, then one token. */
const bearer = /^bearer[ \t]+([^\s,]+)$/i;
const challenge = { "WWW-Authenticate": "Bearer" };

/**
 * Who asks, by the Authorization header: at once where the root key is kept. `address` is asked for only when the
 * key is unknown.
 * Errors: `authentication_missing`, `authentication_malformed`, `root_key_not_found`, `root_key_disabled`,
 * `root_key_expired`, `workspace_disabled`, `authentication_rate_limited`.
 */
export function authenticate(
  header: string | null,
  address: () => string,
  authentication: Authentication,
): Caller | Promise<Caller> {
  if (header === null || header === "") {
    throw new Failure("authentication_missing", { headers: challenge });
  }
  const token = bearer.exec(header)?.[1];
  if (token === undefined) throw malformed();
  const hash = authentication.hashKey(token);
  const kept = authentication.rootKeys.findKept(hash);
  if (kept !== undefined) return judged(kept, authentication);
  // asked last: no mistyped key is ever kept, and the check costs more than all of the above
  if (looksLikeRootKey(token) === "mistyped") throw malformed();
  return lookUp(hash, address, authentication);
}

function malformed(): Failure {
  return new Failure("authentication_malformed", { headers: challenge });
}

async function lookUp(hash: string, address: () => string, authentication: Authentication): Promise<Caller> {
  const { rootKeys, counters, nowMs } = authentication;
  const record = await rootKeys.find(hash);
  if (record === undefined) throw await unknownKey(address(), counters, nowMs());
  return judged(record, authentication);
}

function judged(record: RootKeyRecord, { nowMs }: Authentication): Caller {
  if (!record.workspaceEnabled) throw new Failure("workspace_disabled");
  if (!record.enabled) throw new Failure("root_key_disabled");
  if (record.expiresAtMs !== undefined && nowMs() > record.expiresAtMs) throw new Failure("root_key_expired");
  return record.caller;
}

async function unknownKey(address: string, counters: Counters, atMs: number): Promise<Failure> {
  const hit = await counters.hit([
    {
      space: "address",
      workspaceId: "",
      subject: address,
      name: "unknown_root_key",
      durationMs: 60_000,
      limit: unknownPerMinute,
      cost: 1,
    },
  ]);
  if (hit.passed) return new Failure("root_key_not_found", { headers: challenge });
  const waitMs = Math.max(1, (hit.windows[0]?.resetAtMs ?? atMs) - atMs);
  return new Failure("authentication_rate_limited", {
    headers: { "Retry-After": String(Math.ceil(waitMs / 1000)) },
  });
}
