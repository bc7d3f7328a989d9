import { z } from "zod";
import { may } from "../../domain/caller.ts";
import { Failure } from "../../errors.ts";
import { operation } from "../../operation.ts";
import { findIdentity } from "../../storage/queries/identities.ts";
import { identity, identityAnswer, identityExample, identityRef } from "../fields.ts";

export const getIdentity = operation({
  name: "identities.getIdentity",
  summary: "Read one identity",
  permission: "identity.<id>.read_identity",
  input: z.strictObject({ identity: identityRef }),
  output: identity,
  errors: ["identity_not_found"],
  example: { input: { identity: "user_123" }, output: identityExample },

  async run(input, { caller, db }) {
    const found = await findIdentity(db, caller.workspaceId, input.identity);
    if (found === undefined || !may(caller, "identity", found.id, "read_identity")) {
      throw new Failure("identity_not_found");
    }
    return identityAnswer(found);
  },
});
