import { z } from "zod";
import { operation } from "../../operation.ts";
import { insertApi } from "../../storage/queries/apis.ts";
import { apiName } from "../shared/apis.ts";
import { storedId } from "../shared/values.ts";

export const createApi = operation({
  name: "apis.createApi",
  summary: "Create an api",
  description: "An api is a set of keys that are managed and verified under the same permissions.",
  permission: "api.*.create_api",
  input: z.strictObject({ name: apiName }),
  output: z.strictObject({ apiId: storedId.describe("The new api's id.") }),
  errors: [],
  example: { input: { name: "payments" }, output: { apiId: "api_0Ck3vDbnXhq2Tn6Yp1Zs4a" } },

  async transact(input, { caller, tx, audit, newId, now }) {
    const id = newId("api");
    const { workspaceId } = caller;
    await insertApi(tx, { id, keyspaceId: newId("ks"), workspaceId, name: input.name, nowMs: now() });
    audit("api.create", id);
    return { apiId: id };
  },
});
