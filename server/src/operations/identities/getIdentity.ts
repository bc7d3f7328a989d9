import { z } from "zod";
import { may } from "../../domain/caller.ts";
import { identityResponse } from "../../domain/identityResponse.ts";
import { Failure } from "../../errors/failure.ts";
import { operation } from "../../operation.ts";
import { findIdentity } from "../../storage/queries/identities.ts";
import { identityAccount } from "../shared/accounts.ts";
import { identity, identityExample, identityRef } from "../shared/identities.ts";

export const getIdentity = operation({
  name: "identities.getIdentity",
  summary: "Read one identity",
  permission: "identity.<id>.read_identity",
  input: z.strictObject({ identity: identityRef }),
  output: identity,
  errors: ["identity_not_found"],
  example: { input: { identity: "user_123" }, output: identityExample },

  async run(input, context) {
    const { caller, db } = context;
    const { workspaceId } = caller;
    const found = await findIdentity(db, workspaceId, input.identity);
    if (found === undefined || !may(caller, "identity", found.id, "read_identity")) {
      throw new Failure("identity_not_found");
    }
    return { ...identityResponse(found), ...(await identityAccount(context, workspaceId, found)) };
  },
});
