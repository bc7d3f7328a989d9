import type { z } from "zod";
import { mayAllOrIds } from "../../domain/caller.ts";
import { Failure, invalid } from "../../errors.ts";
import type { RunContext } from "../../operation.ts";
import type { FoundEvent } from "../../usage/eventReader.ts";
import { findExplainedKey, type KeyRef } from "./explainMissing.ts";
import { type VerificationInput, verificationInput } from "./verificationInput.ts";

const kept = verificationInput.omit({ key: true, tags: true });
type KeptFields = z.output<typeof kept>;

const maxChars = 4_096;
/** in place of a request that is not kept */
const notKept = "-";

/**
 * What is recorded of a verification's request, so that `keys.explain` can decide it again: all that affects the verdict
 * beside the key, if it was refused and is not too large. Empty if there was nothing.
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

/** The recorded request; undefined if it was not kept. */
function readKept(text: string | undefined): KeptFields | undefined {
  if (text === undefined || text === notKept) return undefined;
  return kept.safeParse(text === "" ? {} : JSON.parse(text)).data;
}

/** A verification that was recorded. */
export type VerifiedRequest = { event: FoundEvent; fields: KeptFields };

const mostEvents = 100;

/**
 * The verification that this request made; of this key, if it made several.
 * Errors: `event_not_found`; `precondition_failed` if the request was not kept; `invalid_input` if it is not clear which
 * verification is meant.
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
      "The fields of this request were not kept. Those of a refused request are, up to 4,096 characters, and those of a valid one that sent only a key. Send its `keyId` and its fields instead.",
  });
}

/** Newest first. */
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
