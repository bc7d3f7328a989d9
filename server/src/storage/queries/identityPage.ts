import { identityResponse } from "../../domain/identityResponse.ts";
import { pageOf } from "../jsonPage.ts";
import type { Db } from "../schema.ts";
import { listIdentities } from "./identities.ts";
import type { SearchFilter } from "./searchedList.ts";

/** A page of identities. `json` is a JSON array of the identities as a response shows them, without their accounts. */
export type IdentityPage = {
  json: string;
  nextAfterId: string | undefined;
  /** the ids of the identities of the page that have an account */
  withAccount: string[];
};

/** Reads a page of at most `limit` identities. `filter.limit` is `limit` + 1, to see whether another page follows. */
export async function identityPage(
  db: Db,
  { workspaceId, limit, filter }: { workspaceId: string; limit: number; filter: SearchFilter },
): Promise<IdentityPage> {
  const { rows, readUntilId } = await listIdentities(db, workspaceId, filter);
  const { items, json, nextAfterId } = pageOf(rows, limit, identityResponse, readUntilId);
  const shown = rows.slice(0, items.length);
  return { json, nextAfterId, withAccount: shown.filter((row) => row.hasAccount).map(({ id }) => id) };
}
