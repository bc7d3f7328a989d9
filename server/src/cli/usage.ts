import type { Db } from "../storage/schema.ts";
import { CommandError, flags } from "./manage.ts";

const exportPage = 1_000;

/**
 * `latchkey usage export`: prints the single verifications and decisions that are still kept, a line of JSON each,
 * in the order in which they came. Errors: `CommandError`.
 */
export async function exportUsage(db: Db, words: string[]): Promise<void> {
  const [verb, ...rest] = words;
  if (verb !== "export")
    throw new CommandError("latchkey usage has one command: export [--since <ISO time>].");
  const { since } = flags(rest, ["since"]);
  const sinceMs = since === undefined ? 0 : Date.parse(since);
  if (Number.isNaN(sinceMs)) throw new CommandError("--since is no time: give an ISO time, as 2026-01-31.");
  let afterId = "";
  for (;;) {
    const rows = await db
      .selectFrom("usageEvents")
      .select(["id", "event"])
      .where("atMs", ">=", sinceMs)
      .where("id", ">", afterId)
      .orderBy("id")
      .limit(exportPage)
      .execute();
    for (const { event } of rows) console.log(event);
    if (rows.length < exportPage) return;
    afterId = rows.at(-1)?.id ?? "";
  }
}
