import { z } from "zod";
import { Failure } from "../../errors/failure.ts";
import { operation } from "../../operation.ts";
import { findNamespaceRow } from "../../storage/queries/namespaces.ts";
import {
  namespace,
  namespaceExample,
  namespaceRef,
  namespaceResponse,
  requireNamespace,
} from "../shared/namespaces.ts";

export const getNamespace = operation({
  name: "ratelimit.getNamespace",
  summary: "Read one rate limit namespace",
  permission: "ratelimit.<id>.read_namespace",
  input: z.strictObject({ namespace: namespaceRef }),
  output: namespace,
  errors: ["ratelimit_namespace_not_found"],
  example: { input: { namespace: "email.send" }, output: namespaceExample },

  async run(input, { caller, db }) {
    const id = await requireNamespace(db, caller, input.namespace, "read_namespace");
    const found = await findNamespaceRow(db, caller.workspaceId, id);
    if (found === undefined) throw new Failure("ratelimit_namespace_not_found");
    return namespaceResponse(found);
  },
});
