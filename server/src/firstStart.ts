import type { MakeId } from "./domain/ids.ts";
import { looksLikeRootKey, rootKeySecret } from "./domain/secrets.ts";
import type { Engine } from "./storage/engine.ts";
import { findRootKeyByHash, insertRootKey } from "./storage/queries/rootKeys.ts";
import { insertWorkspace, listWorkspaces } from "./storage/queries/workspaces.ts";
import type { Tx } from "./storage/schema.ts";

type Tools = {
  nowMs(): number;
  newId: MakeId;
  randomBytes(count: number): Uint8Array;
  hashKey(key: string): string;
};

/** Why the server may not start with the root key that it was given. */
export class FirstStartError extends Error {}

/**
 * Makes a workspace and a root key that may do everything, where the database has no workspace yet. `given` is the
 * root key to use instead of a new one. `keep` gets a new root key before it counts, so that it is never lost.
 * Errors: `FirstStartError` where `given` is mistyped, and where the database has workspaces and none of them knows `given`.
 */
export async function firstStart(
  engine: Engine,
  tools: Tools,
  given: string | undefined,
  keep: (rootKey: string) => void,
): Promise<void> {
  if (given !== undefined && looksLikeRootKey(given) === "mistyped") {
    throw new FirstStartError("LATCHKEY_ROOT_KEY has a typing error: its checksum is wrong.");
  }
  if ((await listWorkspaces(engine.db)).length === 0) await makeFirst(engine, tools, given, keep);
  if (given === undefined) return;
  if ((await findRootKeyByHash(engine.db, tools.hashKey(given))) !== undefined) return;
  throw new FirstStartError(
    "LATCHKEY_ROOT_KEY is unknown to this database, which has root keys already: unset it, and make a root key with `latchkey root-key create`.",
  );
}

/** Alone, since of several nodes that start together one alone may make them. */
async function makeFirst(
  engine: Engine,
  tools: Tools,
  given: string | undefined,
  keep: (rootKey: string) => void,
): Promise<void> {
  const nowMs = tools.nowMs();
  const make = async (tx: Tx) => {
    if ((await listWorkspaces(tx)).length > 0) return; // another node was first
    const workspaceId = tools.newId("ws", nowMs);
    const rootKey = given ?? rootKeySecret(tools.randomBytes(24));
    await insertWorkspace(tx, { id: workspaceId, name: "default", nowMs });
    await insertRootKey(tx, {
      id: tools.newId("root", nowMs),
      workspaceId,
      hash: tools.hashKey(rootKey),
      start: rootKeyStart(rootKey),
      name: "first",
      permissions: ["*"],
      expiresAtMs: undefined,
      nowMs,
    });
    if (given === undefined) keep(rootKey);
  };
  await engine.transaction(make, { alone: "first start" });
}

/** What of a root key may be shown and stored: enough to recognise it. */
export function rootKeyStart(rootKey: string): string {
  return rootKey.startsWith("latchkey_root_") ? rootKey.slice(0, "latchkey_root_".length + 4) : "";
}
