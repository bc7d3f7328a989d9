import { z } from "zod";
import { operation } from "../../operation.ts";
import { type AuditEvent, listAuditEvents } from "../../storage/queries/audit.ts";
import { cursor, instant } from "../fields.ts";
import { pageOf, pageStart } from "../paging.ts";

const event = z.strictObject({
  id: z.string(),
  time: z.int().describe("Milliseconds since the epoch."),
  event: z.string().describe("What happened, such as `identity.update`."),
  actorId: z.string().describe("The root key that did it."),
  targetId: z.string().describe("What it was done to."),
  fields: z.array(z.string()).describe("Names of what changed, or ids of what was connected; never values."),
  requestId: z.string(),
  remoteAddress: z.string().optional(),
  userAgent: z.string().optional(),
});

type Event = z.input<typeof event>;

export const listEvents = operation({
  name: "audit.listEvents",
  summary: "List who changed what",
  description: "Every change of the workspace, in the order in which they were made.",
  permission: "audit.*.read_event",
  input: z.strictObject({
    limit: z.int().min(1).max(100).default(100),
    cursor: cursor.optional(),
    event: z.string().min(1).max(128).optional().describe("Only events of this kind."),
    actorId: z.string().min(1).max(255).optional(),
    targetId: z.string().min(1).max(255).optional(),
    start: instant.optional().describe("Only events from this instant on."),
    end: instant.optional().describe("Only events before this instant."),
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
    const rows = await listAuditEvents(slow, caller.workspaceId, {
      ...pageStart(input),
      event: input.event,
      actorId: input.actorId,
      targetId: input.targetId,
      startMs: input.start,
      endMs: input.end,
    });
    return pageOf<AuditEvent, Event>(rows, input.limit, eventAnswer);
  },
});

function eventAnswer(record: AuditEvent): Event {
  const { id, atMs, event, actorId, targetId, fields, requestId, remoteAddress, userAgent } = record;
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
  };
}
