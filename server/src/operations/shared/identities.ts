import { z } from "zod";
import type { TransactContext } from "../../operation.ts";
import { claimIdentity } from "../../storage/queries/identities.ts";
import { accountFields } from "./accountFields.ts";
import { storedMeta } from "./meta.ts";
import { storedRatelimit } from "./ratelimits.ts";
import { storedId, text } from "./values.ts";

export const externalId = z
  .string()
  .min(1)
  .max(255)
  .regex(/^[a-zA-Z0-9_.-]+$/, "use only letters, digits, _ . and -")
  .describe(
    "Your own id for the user or organization, such as `user_123`. Unique in the workspace, compared byte for byte. Letters, digits, `_`, `.` and `-`.",
  )
  .meta({ private: true });

export const identityRef = text(1, 255)
  .describe("The identity's id or its external id. If both match, the id wins.")
  .meta({ private: true });

export const identity = z.strictObject({
  id: storedId.describe("The identity's id."),
  externalId: text(1, 255).describe("Your own id for the user or organization."),
  meta: storedMeta.describe("The identity's metadata. `{}` if it has none."),
  ratelimits: z
    .array(storedRatelimit)
    .max(50)
    .describe("The rate limits that the identity's keys share. `[]` if it has none."),
  ...accountFields,
});

export const identityExample = {
  id: "id_0Ck3vDbnXhq2Tn6Yp1Zs4a",
  externalId: "user_123",
  meta: { plan: "pro" },
  ratelimits: [
    { id: "rl_0Ck3vDbo7QmV2Lx9Rt5We8", name: "requests", limit: 1000, duration: 60_000, autoApply: true },
  ],
};

/** The id of the identity with this external id. Creates the identity if it does not exist. */
export async function findOrCreateIdentity(context: TransactContext, externalId: string): Promise<string> {
  const { caller, tx, audit, newId, now } = context;
  const { workspaceId } = caller;
  const wanted = newId("id");
  const id = await claimIdentity(tx, { id: wanted, workspaceId, externalId, nowMs: now() });
  if (id === wanted) audit("identity.create", id);
  return id;
}
