import { z } from "zod";
import { checks, eventKinds, kindOf, type Why } from "../../domain/usage.ts";
import type { RunContext } from "../../operation.ts";
import { externalIdsOf, keysWithHashes, namespaceNamesOf } from "../../storage/queries/usageNames.ts";
import type { FoundEvent } from "../../usage/eventReader.ts";
import { amount, instant, storedId, text } from "./values.ts";

export const eventKind = z.enum(eventKinds);

const why = z.strictObject({
  check: z
    .enum(checks)
    .describe(
      "The check that refused: `found`, there is no such key, or the caller may not verify it; `workspace`, the workspace is disabled; `enabled`, the key is disabled; `expiry`, the key has expired; `ipAllowList`, the client's address is not allowed; `permissions`, the key does not satisfy the permission query; `ratelimit`, a limit is exceeded; `credits`, too few credits or units of a quota are left.",
    ),
  name: z
    .string()
    .max(1000)
    .optional()
    .describe(
      "The name of the rate limit or of the namespace, as the request has it, or the permission query.",
    ),
  limit: amount.optional().describe("The limit that was exceeded."),
  duration: amount.optional().describe("The window of the limit that was exceeded, in milliseconds."),
});

export const usageEvent = z.strictObject({
  id: storedId.describe("The event's id. Ids sort by time."),
  time: instant.describe("When the request began. Unix time in milliseconds."),
  kind: eventKind.describe(
    "`verification` of a key, `ratelimit` for a decision of a rate limit namespace, or `settlement` of reserved credits.",
  ),
  outcome: z
    .string()
    .min(1)
    .max(64)
    .describe(
      "The `code` of the verification, `PASSED` or `REFUSED` of a decision, or `SETTLED` of a settlement.",
    ),
  why: why.optional().describe("What refused the request. Omitted if it passed."),
  requestId: storedId.describe(
    "The `meta.requestId` of the request. For a reservation that was charged at its expiry, the id of the request that created the reservation.",
  ),
  credits: amount.describe(
    "The credits that the verification spent or the settlement charged, or the cost that the decision let pass. 0 for a verification that reserves credits: the settlement has the credits.",
  ),
  keyId: storedId
    .optional()
    .describe(
      "The key's id, also of a deleted key. Omitted if there never was such a key, for decisions, and for settlements of an identity's reservation.",
    ),
  apiId: storedId.optional().describe("The id of the key's api."),
  identity: z
    .strictObject({
      id: storedId.describe("The identity's id."),
      externalId: text(1, 255).optional().describe("Its external id. Omitted if the identity was deleted."),
    })
    .optional()
    .describe("The key's identity, if it had one."),
  namespace: z
    .strictObject({
      id: storedId.describe("The namespace's id."),
      name: text(1, 512).optional().describe("Its name. Omitted if the namespace was deleted."),
    })
    .optional()
    .describe("The rate limit namespace of a decision."),
  identifier: text(1, 512).optional().describe("Who or what a decision was about."),
  tags: z
    .array(text(1, 512).describe("One tag."))
    .max(20)
    .optional()
    .describe("The tags of the verification, also in its settlement. Omitted if it had none."),
});

type Event = z.input<typeof usageEvent>;

/** The events as responses show them, with the names of their identities and namespaces. */
export async function eventResponses(
  { slow, caller: { workspaceId } }: RunContext,
  events: readonly FoundEvent[],
): Promise<Event[]> {
  const [externalIds, namespaces, unknownKeys] = await Promise.all([
    externalIdsOf(slow, workspaceId, each(events, "identityId")),
    namespaceNamesOf(slow, workspaceId, each(events, "namespaceId")),
    keysWithHashes(slow, workspaceId, each(events, "keyHash")),
  ]);
  return events.map((event) => {
    const { id, atMs, outcome, why, requestId, credits, identityId, namespaceId, identifier, tags } = event;
    const key = event.keyHash === undefined ? undefined : unknownKeys.get(event.keyHash);
    return withoutUndefined({
      id,
      time: atMs,
      kind: kindOf(event),
      outcome,
      why: why && whyResponse(why),
      requestId,
      credits,
      keyId: event.keyId ?? key?.id,
      apiId: event.apiId ?? key?.apiId,
      identity: identityId && withoutUndefined({ id: identityId, externalId: externalIds.get(identityId) }),
      namespace: namespaceId && withoutUndefined({ id: namespaceId, name: namespaces.get(namespaceId) }),
      identifier,
      tags: tags.length === 0 ? undefined : [...tags],
    }) as Event;
  });
}

function each(events: readonly FoundEvent[], name: "identityId" | "namespaceId" | "keyHash"): string[] {
  return [...new Set(events.flatMap((event) => event[name] ?? []))];
}

function whyResponse({ check, name, limit, durationMs }: Why): object {
  return withoutUndefined({ check, name, limit, duration: durationMs });
}

function withoutUndefined(fields: Record<string, unknown>): object {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
