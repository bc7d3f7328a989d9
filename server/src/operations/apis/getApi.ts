import { z } from "zod";
import { may } from "../../domain/caller.ts";
import { Failure } from "../../errors/failure.ts";
import { operation } from "../../operation.ts";
import { findApi } from "../../storage/queries/apis.ts";
import { api, apiExample, apiResponse } from "../shared/apis.ts";
import { apiId } from "../shared/keys.ts";

export const getApi = operation({
  name: "apis.getApi",
  summary: "Read one api",
  permission: "api.<id>.read_api",
  input: z.strictObject({ apiId: apiId.min(8) }),
  output: api,
  errors: ["api_not_found"],
  example: { input: { apiId: "api_0Ck3vDbnXhq2Tn6Yp1Zs4a" }, output: apiExample },

  async run(input, { caller, db }) {
    const found = await findApi(db, caller.workspaceId, input.apiId);
    if (found === undefined || !may(caller, "api", found.id, "read_api")) throw new Failure("api_not_found");
    return apiResponse(found);
  },
});
