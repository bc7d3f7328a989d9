import { z } from "zod";
import { invalid } from "../../errors/failure.ts";
import { operation } from "../../operation.ts";
import {
  createRootKey,
  lockRootKeys,
  newRootKey,
  newRootKeyExample,
  requireGrantable,
  rootKeyName,
  rootKeyPermissions,
} from "../shared/rootKeys.ts";
import { instant } from "../shared/values.ts";

export const createKey = operation({
  name: "rootKeys.createKey",
  summary: "Create a root key",
  description:
    "This response is the only one that shows the root key. The new root key cannot have a permission that the calling root key lacks, and cannot expire later than the calling root key.",
  permission: "root_key.*.create_root_key",
  input: z.strictObject({
    permissions: rootKeyPermissions.min(1),
    name: rootKeyName.optional(),
    expires: instant
      .nullable()
      .optional()
      .describe(
        "When the root key expires. Unix time in milliseconds, in the future. null or omitted: never. If the calling root key expires, the new root key must expire too, and not later.",
      ),
  }),
  output: newRootKey,
  errors: [],
  example: {
    input: { permissions: ["api.*.read_api", "api.*.read_key"], name: "Dashboard" },
    output: newRootKeyExample,
  },

  async transact(input, context) {
    const { audit, now } = context;
    const own = await lockRootKeys(context);
    const plainPermissions = await requireGrantable(context, own, input.permissions, []);
    const expiresAtMs = input.expires ?? undefined;
    if (expiresAtMs !== undefined && expiresAtMs <= now()) throw notInFuture();
    const isBeyondOwn =
      own.expiresAtMs !== undefined && (expiresAtMs ?? Number.POSITIVE_INFINITY) > own.expiresAtMs;
    if (isBeyondOwn) throw beyondOwn(own.expiresAtMs);
    const { name, permissions } = input;
    const created = await createRootKey(context, { name, permissions, plainPermissions, expiresAtMs });
    audit("rootkey.create", created.keyId);
    return created;
  },
});

function notInFuture() {
  return invalid(
    "body.expires",
    "is not in the future",
    "send a later time, as Unix time in milliseconds, or omit it",
  );
}

function beyondOwn(ownMs: number | undefined) {
  return invalid(
    "body.expires",
    "is missing, null or later than the expiry of the calling root key",
    `send a time of at most ${ownMs}, as Unix time in milliseconds`,
  );
}
