import { z } from "zod";
import { may } from "../../domain/caller.ts";
import { Failure } from "../../errors.ts";
import { operation } from "../../operation.ts";
import { setApiDeleted } from "../../storage/queries/apis.ts";
import { apiId } from "../fields.ts";

export const deleteApi = operation({
  name: "apis.deleteApi",
  summary: "Delete an api",
  description: "Permanent: none of its keys is valid any more, however many there are.",
  permission: "api.<id>.delete_api",
  input: z.strictObject({ apiId: apiId.min(8) }),
  output: z.strictObject({}),
  errors: ["api_not_found"],
  example: { input: { apiId: "api_0Ck3vDbnXhq2Tn6Yp1Zs4a" }, output: {} },

  async transact(input, { caller, tx, audit, evict, nowMs }) {
    const permitted = may(caller, "api", input.apiId, "delete_api");
    if (!permitted || !(await setApiDeleted(tx, caller.workspaceId, input.apiId, nowMs))) {
      throw new Failure("api_not_found");
    }
    audit("api.delete", input.apiId);
    evict(input.apiId);
    return {};
  },
});
