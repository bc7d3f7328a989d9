import { z } from "zod";
import { operation } from "../../operation.ts";
import { insertApi } from "../../storage/queries/apis.ts";
import { text } from "../fields.ts";

export const createApi = operation({
  name: "apis.createApi",
  summary: "Create an api",
  description: "An api is a set of keys that are managed and verified under the same permissions.",
  permission: "api.*.create_api",
  input: z.strictObject({ name: text(3, 256) }),
  output: z.strictObject({ apiId: z.string() }),
  errors: [],
  example: { input: { name: "payments" }, output: { apiId: "api_0Ck3vDbnXhq2Tn6Yp1Zs4a" } },

  async transact(input, { caller, tx, audit, newId, nowMs }) {
    const id = newId("api");
    await insertApi(tx, { id, workspaceId: caller.workspaceId, name: input.name, nowMs });
    audit("api.create", id);
    return { apiId: id };
  },
});
