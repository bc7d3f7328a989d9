import { z } from "zod";
import { may } from "../../domain/caller.ts";
import { Failure } from "../../errors/failure.ts";
import { operation } from "../../operation.ts";
import { lockApi, setApi } from "../../storage/queries/apis.ts";
import { api, apiExample, apiName, apiResponse } from "../shared/apis.ts";
import { changedFields } from "../shared/changes.ts";
import { ipAllowList, parseIpAllowList } from "../shared/ipAllowLists.ts";
import { apiId, byteLength, keyPrefix } from "../shared/keys.ts";

export const updateApi = operation({
  name: "apis.updateApi",
  summary: "Update an api",
  description: "An omitted field stays unchanged. The defaults apply to keys that are created later.",
  permission: "api.<id>.update_api",
  input: z.strictObject({
    apiId: apiId.min(8),
    name: apiName.optional(),
    deleteProtection: z
      .boolean()
      .optional()
      .describe("true: `apis.deleteApi` refuses to delete the api until the protection is removed."),
    defaultPrefix: keyPrefix
      .nullable()
      .optional()
      .describe("The prefix of keys that are created without `prefix`. null removes the default."),
    defaultByteLength: byteLength
      .nullable()
      .optional()
      .describe(
        "The number of random bytes in keys that are created without `byteLength`. null restores the server's default, 16.",
      ),
    ipAllowList: ipAllowList
      .nullable()
      .optional()
      .describe(`${ipAllowList.description} It replaces the api's list. null: every address is allowed.`),
  }),
  output: api,
  errors: ["api_not_found"],
  example: {
    input: { apiId: "api_0Ck3vDbnXhq2Tn6Yp1Zs4a", defaultPrefix: "prod", deleteProtection: true },
    output: { ...apiExample, defaultPrefix: "prod", deleteProtection: true },
  },

  async transact(input, { caller, tx, audit, evict }) {
    const { workspaceId } = caller;
    const { apiId, name, deleteProtection, defaultPrefix, defaultByteLength } = input;
    const addresses = input.ipAllowList && parseIpAllowList(input.ipAllowList);
    const current = await lockApi(tx, workspaceId, apiId);
    if (current === undefined || !may(caller, "api", current.id, "update_api")) {
      throw new Failure("api_not_found");
    }
    const fields = changedFields(input, "apiId");
    if (fields.length === 0) return apiResponse(current);
    const isProtected = deleteProtection === undefined ? undefined : deleteProtection ? 1 : 0;
    const change = {
      name,
      deleteProtection: isProtected,
      defaultPrefix,
      defaultByteLength,
      ipAllowList: addresses,
    } as const;
    const changed = await setApi(tx, workspaceId, current.id, change);
    audit("api.update", current.id, fields);
    if (addresses !== undefined) evict(current.id);
    return apiResponse(changed);
  },
});
