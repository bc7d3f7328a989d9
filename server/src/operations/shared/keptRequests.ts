import type { z } from "zod";
import { mayAllOrIds } from "../../domain/caller.ts";
import { Failure, invalid } from "../../errors/failure.ts";
import type { RunContext } from "../../operation.ts";
import type { FoundEvent } from "../../usage/eventReader.ts";
import { findExplainedKey, type KeyRef } from "./explainMissing.ts";
import { type VerificationInput, verificationInput } from "./verificationInput.ts";

const kept = verificationInput.omit({ key: true, tags: true });
type KeptFields = z.output<typeof kept>;

const maxChars = 4_096;
/** the text that is stored if the fields of a request are not kept */
const notKept = "-";

/**
 * The fields of a verification's request, as text that is stored with its usage event. With them, `keys.explain` can
 * check the same request again. Empty for a request that sent only a key. The fields of other requests are kept only if
 * the verification was refused and their JSON has at most `maxChars` characters.
 */
export function keptRequest(input: VerificationInput, isRefused: boolean, ip: string | undefined): string {
  const { permissions, credits, quotas, ratelimits, keyspaces, autoApply, migrationId } = input;
  const isPlain =
    autoApply &&
    permissions === undefined &&
    credits === undefined &&
    quotas === undefined &&
    ratelimits === undefined &&
    keyspaces === undefined &&
    migrationId === undefined &&
    ip === undefined;
  if (isPlain) return "";
  if (!isRefused) return notKept;
  const fields = { permissions, credits, quotas, ratelimits, ip, keyspaces, autoApply, migrationId };
  const text = JSON.stringify(fields satisfies KeptFields);
  return text.length > maxChars ? notKept : text;
}

/** The fields in a text that `keptRequest` returned; undefined if it kept no fields. */
function readKept(text: string | undefined): KeptFields | undefined {
  if (text === undefined || text === notKept) return undefined;
  return kept.safeParse(text === "" ? {} : JSON.parse(text)).data;
}

/** A recorded verification, with the fields of its request. */
export type VerifiedRequest = { event: FoundEvent; fields: KeptFields };

const mostEvents = 100;

/**
 * Finds the recorded verification of the request with this id. If the request verified several keys, `ref` says which
 * key is meant.
 * Errors: `event_not_found`; `precondition_failed` if the request's fields were not kept; `invalid_input` if the
 * request verified several keys and `ref` names none.
 */
export async function findRequest(
  context: RunContext,
  requestId: string,
  ref: KeyRef,
): Promise<VerifiedRequest> {
  const isMeant = await matcher(context, ref);
  const found = (await eventsOf(context, requestId)).filter(isMeant);
  const [event] = found;
  if (event === undefined) throw new Failure("event_not_found");
  if (new Set(found.map(({ keyId, keyHash }) => keyId ?? keyHash)).size > 1) {
    throw invalid("body.requestId", "names a request that verified several keys", "send `keyId` too");
  }
  const fields = readKept(event.request);
  if (fields !== undefined) return { event, fields };
  throw new Failure("precondition_failed", {
    detail:
      "The fields of this request were not kept: the server keeps only those of refused requests, up to 4,096 characters. Send the `keyId` and the fields of the request instead of `requestId`.",
  });
}

/** Returns the recorded verifications of the request with this id, newest first. */
async function eventsOf({ usage, caller }: RunContext, requestId: string): Promise<FoundEvent[]> {
  const everything = {
    afterId: undefined,
    startMs: undefined,
    endMs: undefined,
    keyId: undefined,
    keyHash: undefined,
    identityId: undefined,
    apiId: undefined,
    namespaceId: undefined,
    identifier: undefined,
    outcome: undefined,
    tag: undefined,
  };
  const { events } = await usage.events({
    ...everything,
    workspaceId: caller.workspaceId,
    limit: mostEvents,
    kind: "verification",
    requestId,
    apis: mayAllOrIds(caller, "api", "read_key"),
    namespaces: [],
  });
  return events;
}

async function matcher(context: RunContext, ref: KeyRef): Promise<(event: FoundEvent) => boolean> {
  const { key, keyHash, keyId } = ref;
  if (keyId !== undefined) return (event) => event.keyId === keyId;
  const hash = key === undefined ? keyHash : context.hashKey(key);
  if (hash === undefined) return () => true;
  const state = await findExplainedKey(context, { keyHash: hash });
  return (event) => event.keyHash === hash || (state !== undefined && event.keyId === state.id);
}
