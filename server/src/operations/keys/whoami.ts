import { z } from "zod";
import { may } from "../../domain/caller.ts";
import { Failure, invalid } from "../../errors/failure.ts";
import { operation } from "../../operation.ts";
import { findKeyByHash } from "../../storage/queries/keys/read.ts";
import { key, keyExample, keyHash, keyResponse, wholeKey } from "../shared/keys.ts";
import { findThroughUpstream, upstreamOf } from "../shared/learning.ts";
import { findByOldHash } from "../shared/oldHashes.ts";

export const whoami = operation({
  name: "keys.whoami",
  summary: "Read one key by the key itself or by its hash",
  description: "Also finds disabled and expired keys. Does not count against a rate limit or spend credits.",
  permission: "api.<id>.read_key",
  input: z.strictObject({
    key: wholeKey.optional().describe(`${wholeKey.description} Send exactly one of \`key\` and \`keyHash\`.`),
    keyHash: keyHash.optional(),
  }),
  output: key,
  errors: ["key_not_found", "upstream_unavailable", "hashing_busy"],
  example: { input: { key: "prod_2cGKbMxRyIzhCxo1Idjz8q" }, output: keyExample },

  async run({ key, keyHash }, context) {
    const { caller, db, nowMs, hashKey, usage } = context;
    const hash = key === undefined ? keyHash : hashKey(key);
    if (hash === undefined || (key !== undefined && keyHash !== undefined)) throw notOneKey();
    const find = () => findKeyByHash(db, caller.workspaceId, hash, nowMs);
    let found = await find();
    if (found === undefined && key !== undefined && (await findByOldHash(context, key, "read_key"))) {
      found = await find();
    }
    const upstream = upstreamOf(context);
    if (found === undefined && key !== undefined && upstream !== undefined) {
      await findThroughUpstream(context, upstream, { key });
      found = await find();
    }
    if (found === undefined || !may(caller, "api", found.apiId, "read_key"))
      throw new Failure("key_not_found");
    const lastUses = await usage.lastUses(caller.workspaceId, [found.id]);
    return keyResponse(found, lastUses.get(found.id));
  },
});

function notOneKey() {
  return invalid("body", "does not name exactly one key", "send either key or keyHash");
}
