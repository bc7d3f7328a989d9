import { z } from "zod";
import { may } from "../../domain/caller.ts";
import { findOverride } from "../../domain/overrides.ts";
import { Failure } from "../../errors.ts";
import { operation } from "../../operation.ts";
import { workspaceKey } from "../../storage/cache.ts";
import {
  namespaceRef,
  override,
  overrideAnswer,
  overrideExample,
  patternedIdentifier,
} from "../namespaces.ts";

export const getOverride = operation({
  name: "ratelimit.getOverride",
  summary: "Read the override that applies to an identifier",
  description:
    "The one for just this identifier, else the pattern with the longest literal part that covers it.",
  permission: "ratelimit.<id>.read_override",
  input: z.strictObject({ namespace: namespaceRef, identifier: patternedIdentifier }),
  output: override,
  errors: ["ratelimit_namespace_not_found", "ratelimit_override_not_found"],
  example: { input: { namespace: "email.send", identifier: "user_123" }, output: overrideExample },

  async run(input, { caller, namespaceCache }) {
    const namespace = await namespaceCache.find(workspaceKey(caller.workspaceId, input.namespace));
    if (namespace === undefined || !may(caller, "ratelimit", namespace.id, "read_override")) {
      throw new Failure("ratelimit_namespace_not_found");
    }
    const found = findOverride(namespace.overrides, input.identifier);
    if (found === undefined) throw new Failure("ratelimit_override_not_found");
    return overrideAnswer(found);
  },
});
