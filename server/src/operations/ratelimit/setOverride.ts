import { z } from "zod";
import { operation } from "../../operation.ts";
import { setOverrideRow } from "../../storage/queries/namespaces.ts";
import { checkDuration, namespaceRef, patternedIdentifier, requireNamespace } from "../namespaces.ts";

export const setOverride = operation({
  name: "ratelimit.setOverride",
  summary: "Give one identifier, or a pattern of them, a limit of its own",
  description: "Replaces limit and duration of every call for them. A limit of 0 refuses all.",
  permission: "ratelimit.<id>.set_override",
  input: z.strictObject({
    namespace: namespaceRef,
    identifier: patternedIdentifier,
    limit: z.int().min(0),
    duration: z.int().min(1000),
  }),
  output: z.strictObject({ overrideId: z.string() }),
  errors: ["ratelimit_namespace_not_found"],
  example: {
    input: { namespace: "email.send", identifier: "user_123", limit: 10_000, duration: 60_000 },
    output: { overrideId: "rlor_0Ck3vDbnXhq2Tn6Yp1Zs4a" },
  },

  async transact(input, { caller, tx, audit, evict, newId, nowMs, limits }) {
    checkDuration(input.duration, limits, "body.duration");
    const namespaceId = await requireNamespace(tx, caller, input.namespace, "set_override");
    const id = await setOverrideRow(tx, {
      id: newId("rlor"),
      workspaceId: caller.workspaceId,
      namespaceId,
      identifier: input.identifier,
      limit: input.limit,
      durationMs: input.duration,
      nowMs,
    });
    audit("ratelimit.set_override", id, ["limit", "duration"]);
    evict(namespaceId);
    return { overrideId: id };
  },
});
