import { z } from "zod";
import { may } from "../../domain/caller.ts";
import { findOverride } from "../../domain/overrides.ts";
import { Failure } from "../../errors/failure.ts";
import { operation } from "../../operation.ts";
import {
  identifierPattern,
  namespaceRef,
  override,
  overrideExample,
  overrideResponse,
} from "../shared/namespaces.ts";

export const getOverride = operation({
  name: "ratelimit.getOverride",
  summary: "Read the override that applies to an identifier",
  description:
    "Returns the override for exactly this identifier. If it is missing, returns the override whose pattern matches. If several patterns match, the pattern with the longest literal part wins.",
  permission: "ratelimit.<id>.read_override",
  input: z.strictObject({ namespace: namespaceRef, identifier: identifierPattern }),
  output: override,
  errors: ["ratelimit_namespace_not_found", "ratelimit_override_not_found"],
  example: { input: { namespace: "email.send", identifier: "user_123" }, output: overrideExample },

  async run(input, { caller, caches }) {
    const namespace = await caches.namespaces.find(caller.workspaceId, input.namespace);
    if (namespace === undefined || !may(caller, "ratelimit", namespace.id, "read_override")) {
      throw new Failure("ratelimit_namespace_not_found");
    }
    const found = findOverride(namespace.overrides, input.identifier);
    if (found === undefined) throw new Failure("ratelimit_override_not_found");
    return overrideResponse(found);
  },
});
