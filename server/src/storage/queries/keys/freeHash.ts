import type { ExpressionBuilder, ExpressionWrapper, SqlBool } from "kysely";
import type { Schema } from "../../schema.ts";

/** Returns the condition that no key of the workspace has this hash. */
export function isHashFree(
  eb: ExpressionBuilder<Schema, "keys">,
  workspaceId: string,
  hash: string,
): ExpressionWrapper<Schema, "keys", SqlBool> {
  const taken = eb
    .selectFrom("keys as taken")
    .select("taken.id")
    .where("taken.workspaceId", "=", workspaceId)
    .where("taken.hash", "=", hash);
  return eb.not(eb.exists(taken));
}
