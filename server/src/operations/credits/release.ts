import { z } from "zod";
import { operation } from "../../operation.ts";
import { endReservation, reservationId, settlement, settlementResponse } from "../shared/holds.ts";

export const release = operation({
  name: "credits.release",
  summary: "Give a reservation back",
  description:
    "Gives all held units back and charges nothing. Units do not come back if their quota's period has ended since the reservation, or if the credits have been refilled or set since. For a day, releasing again returns the first outcome.",
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
