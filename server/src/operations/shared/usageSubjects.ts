import { type Caller, may, mayAll } from "../../domain/caller.ts";
import { Failure } from "../../errors/failure.ts";
import type { RunContext } from "../../operation.ts";
import { findIdentity } from "../../storage/queries/identities.ts";
import { findNamespaceId } from "../../storage/queries/namespaces.ts";
import { findEvenDeletedKey } from "../../storage/queries/usageNames.ts";
import { identityRef } from "./identities.ts";
import { apiId, keyId } from "./keys.ts";
import { namespaceRef } from "./namespaces.ts";

/** The fields of a request that say whose usage it asks for. */
export const usageSubjects = {
  keyId: keyId.optional(),
  identity: identityRef.optional(),
  apiId: apiId.optional(),
  namespace: namespaceRef.optional(),
};

type Subjects = { [K in keyof typeof usageSubjects]?: string | undefined };

/** `keyHash` is the hash of the key that `keyId` names. */
export type SubjectIds = {
  keyId: string | undefined;
  keyHash: string | undefined;
  identityId: string | undefined;
  apiId: string | undefined;
  namespaceId: string | undefined;
};

export const subjectErrors = [
  "key_not_found",
  "identity_not_found",
  "api_not_found",
  "ratelimit_namespace_not_found",
] as const;

/**
 * The ids of the subjects that the request names. A deleted key is found too.
 * Errors: the `…_not_found` error of a subject that does not exist, or whose usage the caller may not read.
 */
export async function findSubjects(context: RunContext, named: Subjects): Promise<SubjectIds> {
  const { caller } = context;
  const ofKeys = mayAll(caller, "api", "read_analytics");
  const ofDecisions = mayAll(caller, "ratelimit", "read_analytics");
  if (named.apiId !== undefined && !mayReadApi(caller, named.apiId)) throw new Failure("api_not_found");
  if (named.identity !== undefined && !ofKeys) throw new Failure("identity_not_found");
  if (named.namespace !== undefined && !ofDecisions) throw new Failure("ratelimit_namespace_not_found");
  const key = await keyOf(context, named.keyId);
  return {
    keyId: key?.id,
    keyHash: key?.hash,
    identityId: await identityIdOf(context, named.identity),
    apiId: named.apiId,
    namespaceId: await namespaceIdOf(context, named.namespace),
  };
}

async function keyOf({ db, caller }: RunContext, id: string | undefined) {
  if (id === undefined) return undefined;
  const key = await findEvenDeletedKey(db, caller.workspaceId, id);
  if (key === undefined || !mayReadApi(caller, key.apiId)) throw new Failure("key_not_found");
  return key;
}

async function identityIdOf({ db, caller }: RunContext, ref: string | undefined) {
  if (ref === undefined) return undefined;
  const identity = await findIdentity(db, caller.workspaceId, ref);
  if (identity === undefined) throw new Failure("identity_not_found");
  return identity.id;
}

async function namespaceIdOf({ db, caller }: RunContext, ref: string | undefined) {
  if (ref === undefined) return undefined;
  const id = await findNamespaceId(db, caller.workspaceId, ref);
  if (id === undefined) throw new Failure("ratelimit_namespace_not_found");
  return id;
}

function mayReadApi(caller: Caller, api: string): boolean {
  return may(caller, "api", api, "read_analytics");
}
