import { z } from "zod";
import { operation } from "../../operation.ts";
import { endReservation, reservationId, settlement, settlementResponse } from "../shared/holds.ts";

export const release = operation({
  name: "credits.release",
  summary: "Give a reservation back",
  description:
    "Gives all held units back and charges nothing. Units of a quota do not come back if the period of the reservation has ended. Credits do not come back if they were refilled or set after the reservation. Within a day, a repeated release returns the first outcome.",
  permission: "api.<id>.verify_key",
  input: z.strictObject({ reservationId }),
  output: settlement,
  errors: ["reservation_not_found", "reservation_ended"],
  example: {
    input: { reservationId: "hold_0Ck3vDbnXhq2Tn6Yp1Zs4a" },
    output: { charged: 0, returned: 4000, shortfall: 0 },
  },

  decides: true,

  async run({ reservationId }, context) {
    return settlementResponse(await endReservation(context, reservationId, { kind: "release" }));
  },
});
