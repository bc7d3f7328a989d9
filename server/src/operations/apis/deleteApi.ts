import { z } from "zod";
import { may } from "../../domain/caller.ts";
import { Failure } from "../../errors/failure.ts";
import { operation } from "../../operation.ts";
import { findApi, setApiDeleted } from "../../storage/queries/apis.ts";
import { apiId } from "../shared/keys.ts";

export const deleteApi = operation({
  name: "apis.deleteApi",
  summary: "Delete an api",
  description:
    "This is permanent. All keys of the api are invalid at once, however many there are. An api with `deleteProtection` is not deleted.",
  permission: "api.<id>.delete_api",
  input: z.strictObject({ apiId: apiId.min(8) }),
  output: z.strictObject({}),
  errors: ["api_not_found", "protected_resource"],
  example: { input: { apiId: "api_0Ck3vDbnXhq2Tn6Yp1Zs4a" }, output: {} },

  async transact(input, { caller, tx, audit, evict, now }) {
    const { workspaceId } = caller;
    if (!may(caller, "api", input.apiId, "delete_api")) throw new Failure("api_not_found");
    if (!(await setApiDeleted(tx, workspaceId, input.apiId, now()))) {
      const isProtected = (await findApi(tx, workspaceId, input.apiId)) !== undefined;
      if (!isProtected) throw new Failure("api_not_found");
      throw new Failure("protected_resource", {
        detail: "The api is protected from deletion. Remove the protection with `apis.updateApi` first.",
      });
    }
    audit("api.delete", input.apiId);
    evict(input.apiId);
    return {};
  },
});
