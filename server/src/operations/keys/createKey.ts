import { z } from "zod";
import { may } from "../../domain/caller.ts";
import { Failure } from "../../errors/failure.ts";
import { operation } from "../../operation.ts";
import { findApi } from "../../storage/queries/apis.ts";
import { findOrCreateIdentity } from "../shared/identities.ts";
import { apiId, byteLength, keyPrefix, newKeySecret, requireEncryption, warnings } from "../shared/keys.ts";
import { completeNewKey, insertOwnKey, newKeyFields, parseNewKey } from "../shared/newKeys.ts";
import { storedId } from "../shared/values.ts";
import { keyWarnings } from "../shared/warnings.ts";

/** for keys whose request has no `byteLength` and whose api has no `defaultByteLength` */
const defaultByteLength = 16;

const input = z.strictObject({
  apiId,
  prefix: keyPrefix
    .optional()
    .describe(`${keyPrefix.description} If omitted, the api's \`defaultPrefix\` applies, or none.`),
  byteLength: byteLength
    .optional()
    .describe(`${byteLength.description} If omitted, the api's \`defaultByteLength\` applies, or 16.`),
  ...newKeyFields,
  recoverable: z
    .boolean()
    .default(false)
    .describe(
      "true: stores the key encrypted, so that `keys.getKey` and `apis.listKeys` can show it again with `decrypt`. Needs the permission `encrypt_key` in the api, and a server with a recovery key. false: the server stores only a hash of the key.",
    ),
});

export const createKey = operation({
  name: "keys.createKey",
  summary: "Create a key",
  description:
    "This response is the only one that shows the key, unless it is recoverable. `externalId` links the key to an identity, which is created if it does not exist. An `expires` in the past is accepted, with a warning.",
  permission: "api.<id>.create_key",
  input,
  output: z.strictObject({
    keyId: storedId.describe("The new key's id, for all other calls."),
    key: newKeySecret,
    warnings,
  }),
  errors: ["api_not_found", "role_not_found", "precondition_failed", "bound_exceeded"],
  example: {
    input: { apiId: "api_0Ck3vDbnXhq2Tn6Yp1Zs4a", externalId: "user_123", prefix: "prod" },
    output: { keyId: "key_0Ck3vDbnXhq2Tn6Yp1Zs4a", key: "prod_2cGKbMxRyIzhCxo1Idjz8q" },
  },

  async transact(input, context) {
    const { caller, tx, newId, now } = context;
    const { workspaceId } = caller;
    const { externalId, expires } = input;
    const parsed = parseNewKey(input, context);
    const api = await findApi(tx, workspaceId, input.apiId);
    if (api === undefined || !may(caller, "api", api.id, "create_key")) throw new Failure("api_not_found");
    if (input.recoverable) requireEncryption(context, api.id, "omit `recoverable`");
    const prefix = input.prefix ?? api.defaultPrefix ?? undefined;
    const bytes = input.byteLength ?? api.defaultByteLength ?? defaultByteLength;

    const id = newId("key");
    const identityId = externalId && (await findOrCreateIdentity(context, externalId));
    const owner = { workspaceId, apiId: api.id, identityId, subjectId: id };
    const row = { id, ...owner, ...parsed.columns, prefix, byteLength: bytes, nowMs: now() };
    const key = await insertOwnKey(context, row, input.recoverable);
    const ratelimits = await completeNewKey(context, id, parsed);
    return { keyId: id, key, ...(await keyWarnings(context, { expires, ratelimits, identityId })) };
  },
});
