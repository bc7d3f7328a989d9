import { z } from "zod";
import { idsWith, mayAll } from "../../domain/caller.ts";
import { operation } from "../../operation.ts";
import { pageOf } from "../../storage/jsonPage.ts";
import { listRootKeys, type StoredRootKey } from "../../storage/queries/rootKeys.ts";
import { idsOf } from "../shared/changes.ts";
import { cursor, pageLimit, pageStart } from "../shared/paging.ts";
import { instant } from "../shared/values.ts";

const rootKey = z.strictObject({
  keyId: z.string().min(1).max(255).describe("The root key's id."),
  name: z.string().max(255).nullable().describe("The root key's name. null if it has none."),
  start: z
    .string()
    .max(255)
    .describe("The first characters of the root key, by which a person can recognize it. May be empty."),
  end: z
    .string()
    .max(255)
    .describe(
      "The last four characters of the root key. Empty for a root key that an older version created.",
    ),
  enabled: z.boolean().describe("false: requests with the root key are refused."),
  createdAt: instant.describe("When the root key was created. Unix time in milliseconds."),
  lastUsedAt: instant.describe(
    "When a request with the root key was last accepted, to within a few seconds. Unix time in milliseconds. 0 if the root key was never used.",
  ),
  expires: instant.nullable().describe("When the root key expires. Unix time in milliseconds. null: never."),
  permissions: z
    .array(z.string().min(1).max(512))
    .describe(
      "What the root key may do. Each permission is `<resource>.<id or *>.<action>`, or `*` for everything.",
    ),
});

export const listKeys = operation({
  name: "rootKeys.listKeys",
  summary: "List root keys",
  description:
    "The root keys of the workspace that the calling root key may read, oldest first. Deleted root keys are not listed.",
  permission: "root_key.<id>.read_root_key",
  input: z.strictObject({ limit: pageLimit.default(100), cursor: cursor.optional() }),
  page: rootKey,
  errors: [],
  example: {
    input: { limit: 50 },
    output: [
      {
        keyId: "root_0Ck3vDbnXhq2Tn6Yp1Zs4a",
        name: "Dashboard",
        start: "latchkey_root_2cGK",
        end: "jz8q",
        enabled: true,
        createdAt: 1_767_225_600_000,
        lastUsedAt: 0,
        expires: null,
        permissions: ["api.*.read_api", "api.*.read_key"],
      },
    ],
  },

  async run(input, { caller, slow, usage }) {
    const rows = await listRootKeys(slow, caller.workspaceId, {
      ...pageStart(input),
      onlyIds: mayAll(caller, "root_key", "read_root_key")
        ? undefined
        : idsWith(caller, "root_key", "read_root_key"),
    });
    const lastUses = await usage.lastUses(caller.workspaceId, idsOf(rows));
    return pageOf(rows, input.limit, (row) => rootKeyResponse(row, lastUses.get(row.id)));
  },
});

function rootKeyResponse(key: StoredRootKey, lastUsedAtMs = 0): z.input<typeof rootKey> {
  return {
    keyId: key.id,
    name: key.name ?? null,
    start: key.start,
    end: key.end,
    enabled: key.enabled,
    createdAt: key.createdAtMs,
    lastUsedAt: lastUsedAtMs,
    expires: key.expiresAtMs ?? null,
    permissions: [...key.permissions],
  };
}
