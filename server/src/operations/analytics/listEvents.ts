import { z } from "zod";
import { mayAllOrIds } from "../../domain/caller.ts";
import { eventTimeMs } from "../../domain/eventId.ts";
import { outcomes } from "../../domain/usage.ts";
import { operation } from "../../operation.ts";
import { cursor, notACursor, pageLimit, pageStart } from "../shared/paging.ts";
import { eventKind, eventResponses, usageEvent } from "../shared/usageEvents.ts";
import { findSubjects, subjectErrors, usageSubjects } from "../shared/usageSubjects.ts";
import { instant, text } from "../shared/values.ts";

export const listEvents = operation({
  name: "analytics.listEvents",
  summary: "List single verifications, settlements and rate limit decisions",
  description:
    "The events that the caller may read, newest first. Verifications need `read_analytics` for the key's api. Verifications of unknown keys, and settlements for identities, need `api.*.read_analytics`. Decisions need `ratelimit.*.read_analytics`. Events are kept as long as there is space for them. The list has all events since `pagination.completeSince`. Events of other nodes appear within 5 seconds. A page reads a limited number of events. If few of these events match the filters, a page may be short, or even empty, although `pagination.hasMore` is true.",
  permission: "api.<id>.read_analytics",
  input: z.strictObject({
    limit: pageLimit.default(100),
    cursor: cursor.optional(),
    kind: eventKind
      .optional()
      .describe(
        "Returns only verifications, only rate limit decisions, or only settlements of reserved credits.",
      ),
    ...usageSubjects,
    keyId: usageSubjects.keyId.describe(
      "Returns only verifications and settlements of the key with this id, even if the key was deleted.",
    ),
    identity: usageSubjects.identity.describe(
      "Returns only verifications of keys of the identity with this id or external id, and settlements for it.",
    ),
    apiId: usageSubjects.apiId.describe("Returns only verifications and settlements of keys of this api."),
    namespace: usageSubjects.namespace.describe(
      "Returns only decisions of the rate limit namespace with this name or id.",
    ),
    identifier: text(1, 512)
      .optional()
      .describe("Returns only decisions about this identifier.")
      .meta({ private: true }),
    outcome: z.enum(outcomes).optional().describe("Returns only events with this outcome."),
    tag: text(1, 512)
      .optional()
      .describe("Returns only verifications with exactly this tag, and their settlements."),
    requestId: text(1, 255)
      .optional()
      .describe("Returns only the events of the request with this `meta.requestId`."),
    start: instant
      .optional()
      .describe("Returns only events at this time or later. Unix time in milliseconds."),
    end: instant.optional().describe("Returns only events before this time. Unix time in milliseconds."),
  }),
  page: usageEvent,
  errors: subjectErrors,
  example: {
    input: { limit: 50, outcome: "RATE_LIMITED" },
    output: [
      {
        id: "ev_0mjvpu8000000c0Ck3vDbnXhq2Tn6Yp1Zs4a",
        time: 1_767_225_600_000,
        kind: "verification",
        outcome: "RATE_LIMITED",
        why: { check: "ratelimit", name: "requests", limit: 100, duration: 60_000 },
        requestId: "req_0Ck3vDbnXhq2Tn6Yp1Zs4a",
        credits: 0,
        keyId: "key_0Ck3vDbnXhq2Tn6Yp1Zs4a",
        apiId: "api_0Ck3vDbnXhq2Tn6Yp1Zs4a",
        identity: { id: "id_0Ck3vDbnXhq2Tn6Yp1Zs4a", externalId: "user_123" },
        tags: ["path=/v1/files"],
      },
    ],
  },

  async run(input, context) {
    const { caller, usage, nowMs } = context;
    const { afterId } = pageStart(input);
    if (afterId !== undefined && eventTimeMs(afterId) === undefined) throw notACursor();
    const page = await usage.events({
      ...(await findSubjects(context, input)),
      workspaceId: caller.workspaceId,
      limit: input.limit,
      afterId,
      startMs: input.start,
      endMs: input.end,
      kind: input.kind,
      identifier: input.identifier,
      outcome: input.outcome,
      tag: input.tag,
      requestId: input.requestId,
      apis: mayAllOrIds(caller, "api", "read_analytics"),
      namespaces: mayAllOrIds(caller, "ratelimit", "read_analytics"),
    });
    const items = await eventResponses(context, page.events);
    return { items, nextAfterId: page.nextId, completeSinceMs: page.completeSinceMs ?? nowMs };
  },
});
