import { z } from "zod";
import { Failure } from "../../errors/failure.ts";
import { operation } from "../../operation.ts";
import { countOverrides, lockNamespace, setOverrideRow } from "../../storage/queries/namespaces.ts";
import { bounds, refuseAbove } from "../shared/bounds.ts";
import { identifierPattern, namespaceRef, requireNamespace } from "../shared/namespaces.ts";
import { refuseLongDurations, windowFields } from "../shared/ratelimits.ts";
import { storedId } from "../shared/values.ts";

export const setOverride = operation({
  name: "ratelimit.setOverride",
  summary: "Override the limit of an identifier, or of all identifiers that match a pattern",
  description:
    "The override replaces the `limit` and `duration` that requests for these identifiers send. An existing override with the same identifier or pattern is replaced.",
  permission: "ratelimit.<id>.set_override",
  input: z.strictObject({
    namespace: namespaceRef,
    identifier: identifierPattern,
    limit: z
      .int()
      .min(0)
      .describe("The highest total cost within any span of `duration`. 0 refuses every request."),
    duration: windowFields.duration,
  }),
  output: z.strictObject({ overrideId: storedId.describe("The override's id.") }),
  errors: ["ratelimit_namespace_not_found", "bound_exceeded"],
  example: {
    input: { namespace: "email.send", identifier: "user_123", limit: 10_000, duration: 60_000 },
    output: { overrideId: "rlor_0Ck3vDbnXhq2Tn6Yp1Zs4a" },
  },

  async transact(input, { caller, tx, audit, evict, newId, now, limits }) {
    refuseLongDurations([input], limits, () => "body");
    const namespaceId = await requireNamespace(tx, caller, input.namespace, "set_override");
    if (!(await lockNamespace(tx, caller.workspaceId, namespaceId))) {
      throw new Failure("ratelimit_namespace_not_found");
    }
    const wanted = newId("rlor");
    const id = await setOverrideRow(tx, {
      id: wanted,
      workspaceId: caller.workspaceId,
      namespaceId,
      identifier: input.identifier,
      limit: input.limit,
      durationMs: input.duration,
      nowMs: now(),
    });
    if (id === wanted) {
      const count = await countOverrides(tx, caller.workspaceId, namespaceId);
      refuseAbove(bounds.overridesPerNamespace, "overrides in a namespace", count, 1);
    }
    audit("ratelimit.set_override", id, ["limit", "duration"]);
    evict(namespaceId);
    return { overrideId: id };
  },
});
