import { z } from "zod";
import { operation } from "../../operation.ts";
import { pageOf } from "../../storage/jsonPage.ts";
import { listMovements as listRows, type Movement, movementKinds } from "../../storage/queries/movements.ts";
import { findOwner, ownerFields } from "../shared/accounts.ts";
import { cursor, pageLimit, pageStart } from "../shared/paging.ts";
import { maxUnits } from "../shared/quotas.ts";
import { amount, instant, storedId, text } from "../shared/values.ts";

const movement = z.strictObject({
  id: storedId.describe("The movement's id."),
  time: instant.describe("When the movement happened. Unix time in milliseconds."),
  kind: z
    .enum(movementKinds)
    .describe(
      "What happened: `grant`, `adjust` of a quota; `set`, `increment`, `decrement`, `refill` of credits; `reset` and `rollover` when a period begins; `threshold` when a percentage of the limit is reached; `settle`, `release`, `expire` of a reservation.",
    ),
  quota: text(3, 128).optional().describe("The name of the quota. Omitted for credits."),
  amount: z
    .int()
    .min(-maxUnits)
    .max(maxUnits)
    .describe(
      "The number of credits or units. For `threshold`, the percentage; for `reset`, the limit of the new period.",
    ),
  remaining: amount
    .optional()
    .describe("The credits after the movement. Omitted for quotas and unlimited credits."),
  reason: text(1, 512)
    .optional()
    .describe(
      "The `reason` that the call sent, or the id of the reservation. Omitted if the call sent none.",
    ),
  actorId: storedId
    .optional()
    .describe("The id of the root key that caused the movement. Omitted if the server caused it by itself."),
});

export const listMovements = operation({
  name: "credits.listMovements",
  summary: "List the movements of credits and quotas",
  description:
    "The ledger of one identity or key, newest first. Verifications that spend are not movements: `analytics` counts them.",
  permission: "identity.<id>.read_identity",
  orPermission: "api.<id>.read_key",
  input: z.strictObject({
    ...ownerFields,
    limit: pageLimit.default(100),
    cursor: cursor.optional(),
  }),
  page: movement,
  errors: ["identity_not_found", "key_not_found"],
  example: {
    input: { identity: "user_123", limit: 50 },
    output: [
      {
        id: "mov_0Ck3vDbnXhq2Tn6Yp1Zs4a",
        time: 1_767_225_600_000,
        kind: "grant",
        quota: "requests",
        amount: 5000,
        reason: "order 4711",
        actorId: "root_0Ck3vDa1bC2dE3fG4hI5jK",
      },
    ],
  },

  async run(input, context) {
    const owner = await findOwner(context, input);
    const { afterId, limit } = pageStart(input);
    const filter = { workspaceId: owner.workspaceId, ownerId: owner.id, beforeId: afterId, limit };
    return pageOf(await listRows(context.slow, filter), input.limit, movementResponse);
  },
});

function movementResponse(row: Movement): z.input<typeof movement> {
  const { id, atMs, kind, quota, amount, remaining, reason, actorId } = row;
  return {
    id,
    time: atMs,
    kind,
    quota: quota ?? undefined,
    amount,
    remaining: remaining ?? undefined,
    reason: reason ?? undefined,
    actorId: actorId ?? undefined,
  };
}
