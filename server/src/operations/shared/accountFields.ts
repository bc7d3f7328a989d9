import { z } from "zod";
import { type Account, creditsOf, quotasOf } from "../../domain/accounts.ts";
import { creditsResponse, storedCredits } from "./credits.ts";
import { quotaResponse, storedQuota } from "./quotas.ts";

/** The credits and quotas in the response that shows an identity. */
export const accountFields = {
  credits: storedCredits
    .optional()
    .describe(
      "The credits that the identity's keys share. Omitted if they are unlimited, or if the identity is part of a key in the response.",
    ),
  quotas: z
    .array(storedQuota)
    .max(50)
    .optional()
    .describe(
      "The quotas, and what is left of them. Omitted if the identity has no quotas, or if it is part of a key in the response.",
    ),
};

export function accountResponse(account: Account | undefined) {
  if (account === undefined) return {};
  const credits = creditsOf(account.credits);
  const quotas = quotasOf(account).map(quotaResponse);
  return {
    ...(credits === undefined ? {} : { credits: creditsResponse(credits) }),
    ...(quotas.length === 0 ? {} : { quotas }),
  };
}
