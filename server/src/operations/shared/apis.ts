import { z } from "zod";
import { type ApiRecord, keyspaceIdOf } from "../../storage/queries/apis.ts";
import { parseIpAllowList } from "../../storage/queries/ipAllowLists.ts";
import { storedIpAllowList } from "./ipAllowLists.ts";
import { byteLength, keyPrefix, keyspaceId } from "./keys.ts";
import { instant, storedId, text } from "./values.ts";

export const apiName = text(3, 256).describe("A name for people, such as `payments`. It need not be unique.");

/**
 * An api as every operation returns it. Fields that are not set are omitted. Fields that older servers do not send are
 * optional in this schema, so that the clients that are generated from it accept responses of older servers.
 */
export const api = z.strictObject({
  id: storedId.describe("The api's id."),
  name: text(3, 256).describe("The api's name."),
  keyspaceId,
  createdAt: instant.optional().describe("When the api was created. Unix time in milliseconds."),
  deleteProtection: z.boolean().optional().describe("Whether `apis.deleteApi` refuses to delete the api."),
  defaultPrefix: keyPrefix
    .optional()
    .describe("The prefix of keys that are created without `prefix`. Omitted if there is no default."),
  defaultByteLength: byteLength
    .optional()
    .describe(
      "The number of random bytes in keys that are created without `byteLength`. Omitted if it is the server's default, 16.",
    ),
  ipAllowList: storedIpAllowList,
});

export const apiExample = {
  id: "api_0Ck3vDbnXhq2Tn6Yp1Zs4a",
  name: "payments",
  keyspaceId: "ks_0Ck3vDbnXhq2Tn6Yp1Zs4a",
  createdAt: 1_767_225_600_000,
  deleteProtection: false,
};

export function apiResponse(record: ApiRecord): z.input<typeof api> {
  return {
    id: record.id,
    name: record.name,
    keyspaceId: keyspaceIdOf(record),
    createdAt: record.createdAtMs,
    deleteProtection: record.deleteProtection === 1,
    defaultPrefix: record.defaultPrefix ?? undefined,
    defaultByteLength: record.defaultByteLength ?? undefined,
    ipAllowList: parseIpAllowList(record.ipAllowList),
  };
}
