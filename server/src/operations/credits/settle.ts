import { z } from "zod";
import { operation } from "../../operation.ts";
import { endReservation, reservationId, settlement, settlementResponse } from "../shared/holds.ts";
import { maxUnits } from "../shared/quotas.ts";

export const settle = operation({
  name: "credits.settle",
  summary: "Charge a reservation",
  description:
    "Charges what was actually used and gives the rest back. If more was used than was held, the extra is charged as far as the balance allows, and the remainder is the `shortfall`. Within a day, a repeated call with the same amount returns the first outcome. With another amount, it fails with 409.",
  permission: "api.<id>.verify_key",
  input: z.strictObject({
    reservationId,
    amount: z.int().min(0).max(maxUnits).describe("The units that were actually used."),
  }),
  output: settlement,
  errors: ["reservation_not_found", "reservation_ended"],
  example: {
    input: { reservationId: "hold_0Ck3vDbnXhq2Tn6Yp1Zs4a", amount: 2750 },
    output: { charged: 2750, returned: 1250, shortfall: 0 },
  },

  decides: true,

  async run({ reservationId, amount }, context) {
    return settlementResponse(await endReservation(context, reservationId, { kind: "settle", amount }));
  },
});
