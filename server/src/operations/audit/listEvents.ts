import { z } from "zod";
import { startOfIds } from "../../domain/ids.ts";
import { invalid } from "../../errors/failure.ts";
import { operation } from "../../operation.ts";
import { pageOf } from "../../storage/jsonPage.ts";
import { type AuditEvent, lastAuditIdOfBudget, listAuditEvents } from "../../storage/queries/audit.ts";
import { cursor, order, pageLimit, pageStart } from "../shared/paging.ts";
import { instant, storedId } from "../shared/values.ts";

const event = z.strictObject({
  id: storedId.describe("The event's id."),
  time: instant.describe("When the change happened. Unix time in milliseconds."),
  event: z.string().min(1).max(128).describe("The kind of change, such as `identity.update`."),
  actorId: storedId.describe("The id of the root key that made the change."),
  targetId: storedId.describe("The id of the record that was changed."),
  fields: z
    .array(z.string().min(1).max(255))
    .describe(
      "The names of the fields that changed, or the ids of the records that were connected. Never values.",
    ),
  requestId: storedId.describe("The `meta.requestId` of the request that made the change."),
  remoteAddress: z
    .string()
    .max(255)
    .optional()
    .describe("The IP address of the client. Omitted for a change made on the command line."),
  userAgent: z
    .string()
    .max(512)
    .optional()
    .describe("The client's User-Agent header. Omitted if the client sent none."),
  via: z
    .enum(["console"])
    .optional()
    .describe("`console` for a change made in the console. Omitted for the API and the command line."),
});

type Event = z.input<typeof event>;

export const listEvents = operation({
  name: "audit.listEvents",
  summary: "List who changed what",
  description:
    "Every change in the workspace, oldest first unless `order` says otherwise. If `event`, `actorId`, `start` or `end` match few events, a page may have fewer items than `limit`, or none, although more follow: `pagination.hasMore` says whether more follow.",
  permission: "audit.*.read_event",
  input: z.strictObject({
    limit: pageLimit.default(100),
    cursor: cursor.optional(),
    event: z
      .string()
      .min(1)
      .max(128)
      .optional()
      .describe("Returns only events of this kind, such as `identity.update`."),
    actorId: z
      .string()
      .min(1)
      .max(255)
      .optional()
      .describe("Returns only changes that the root key with this id made."),
    targetId: z
      .string()
      .min(1)
      .max(255)
      .optional()
      .describe("Returns only changes to the record with this id, such as a key or an identity."),
    requestId: z
      .string()
      .min(1)
      .max(255)
      .optional()
      .describe("Returns only changes that the request with this `meta.requestId` made."),
    order,
    start: instant
      .optional()
      .describe("Returns only events at this time or later. Unix time in milliseconds."),
    end: instant.optional().describe("Returns only events before this time. Unix time in milliseconds."),
  }),
  page: event,
  errors: [],
  example: {
    input: { limit: 50, event: "identity.update" },
    output: [
      {
        id: "log_0Ck3vDbnXhq2Tn6Yp1Zs4a",
        time: 1_767_225_600_000,
        event: "identity.update",
        actorId: "root_0Ck3vDa1bC2dE3fG4hI5jK",
        targetId: "id_0Ck3vDbnXhq2Tn6Yp1Zs4a",
        fields: ["meta"],
        requestId: "req_0Ck3vDbnXhq2Tn6Yp1Zs4a",
      },
    ],
  },

  async run(input, { caller, slow }) {
    const { requestId, event, actorId, targetId, start: startMs, end: endMs } = input;
    if (startMs !== undefined && endMs !== undefined && startMs > endMs) throw emptySpan();
    const filter = {
      ...pageStart(input),
      descending: input.order === "desc",
      // the time in an event's id may be a little before the event's own time, so the search begins a minute earlier
      aboveId: startMs === undefined ? undefined : startOfIds("log", Math.max(0, startMs - 60_000)),
      requestId,
      event,
      actorId,
      targetId,
      startMs,
      endMs,
    };
    const hasOwnIndex = requestId !== undefined || targetId !== undefined;
    const isFiltered = [event, actorId, startMs, endMs].some((value) => value !== undefined);
    const untilId =
      isFiltered && !hasOwnIndex ? await lastAuditIdOfBudget(slow, caller.workspaceId, filter) : undefined;
    const rows = await listAuditEvents(slow, caller.workspaceId, { ...filter, untilId });
    return pageOf<AuditEvent, Event>(rows, input.limit, eventResponse, untilId);
  },
});

function emptySpan() {
  return invalid("body.start", "is after `end`, so that no event can match", "send an earlier `start`");
}

function eventResponse(record: AuditEvent): Event {
  const { id, atMs, event, actorId, targetId, fields, requestId, remoteAddress, userAgent, via } = record;
  return {
    id,
    time: atMs,
    event,
    actorId,
    targetId,
    fields: [...fields],
    requestId,
    ...(remoteAddress === undefined ? {} : { remoteAddress }),
    ...(userAgent === undefined ? {} : { userAgent }),
    ...(via === undefined ? {} : { via }),
  };
}
