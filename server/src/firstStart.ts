import type { MakeId } from "./domain/ids.ts";
import { looksLikeRootKey, rootKeyParts, rootKeySecret } from "./domain/secrets.ts";
import type { Engine } from "./storage/engine.ts";
import {
  findRevokedRootKey,
  findRootKeyByHash,
  insertRootKey,
  type RootKeyRecord,
} from "./storage/queries/rootKeys.ts";
import { insertWorkspace, listWorkspaces } from "./storage/queries/workspaces.ts";
import type { Tx } from "./storage/schema.ts";

type Tools = {
  nowMs(): number;
  newId: MakeId;
  randomBytes(count: number): Uint8Array;
  hashKey(key: string): string;
};

/** The root key from the settings, if it is set, and the name of the setting for messages. */
export type ConfiguredRootKey = { rootKey: string | undefined; setting: string };

/** The server cannot start with the configured root key, or cannot keep a new one. The message says why. */
export class FirstStartError extends Error {}

/**
 * If the database has no workspace yet, creates a workspace, and a root key with all permissions: the configured root
 * key, or else a random one. `keep` gets a random root key before its hash is stored, so that the root key is never
 * lost. Returns a warning if the configured root key is revoked, expired or disabled, or its workspace is disabled: the
 * server starts, but refuses requests with this root key. Errors: `FirstStartError` if the configured root key is
 * mistyped, or if the database has workspaces but not this root key.
 */
export async function firstStart(
  engine: Engine,
  tools: Tools,
  { rootKey: configured, setting }: ConfiguredRootKey,
  keep: (rootKey: string) => void,
): Promise<string | undefined> {
  const warning = (flaw: string | undefined) => flaw && warningOf(setting, flaw);
  if (configured !== undefined && looksLikeRootKey(configured) === "mistyped") {
    throw new FirstStartError(
      `The root key in ${setting} is mistyped: its checksum is wrong. Copy the root key again.`,
    );
  }
  if ((await listWorkspaces(engine.db)).length === 0) await makeFirst(engine, tools, configured, keep);
  if (configured === undefined) return undefined;
  const hash = tools.hashKey(configured);
  const known = await findRootKeyByHash(engine.db, hash);
  if (known !== undefined) return warning(flawOf(known, tools.nowMs()));
  if ((await findRevokedRootKey(engine.db, "hash", hash)) !== undefined) return warning("is revoked");
  throw new FirstStartError(
    `The root key in ${setting} is not in this database, which already has other root keys: unset ${setting}, and create a root key with \`latchkey root-key create\`.`,
  );
}

function warningOf(setting: string, flaw: string): string {
  return `The root key in ${setting} ${flaw}, so the server refuses requests with it: unset ${setting}, or set it to a root key that works.`;
}

function flawOf(
  { enabled, workspaceEnabled, expiresAtMs }: RootKeyRecord,
  nowMs: number,
): string | undefined {
  if (!workspaceEnabled) return "belongs to a disabled workspace";
  if (!enabled) return "is disabled";
  return expiresAtMs !== undefined && nowMs > expiresAtMs ? "has expired" : undefined;
}

/**
 * Creates the first workspace and root key. If several nodes start at the same time, only one of them creates these.
 */
async function makeFirst(
  engine: Engine,
  tools: Tools,
  configured: string | undefined,
  keep: (rootKey: string) => void,
): Promise<void> {
  const nowMs = tools.nowMs();
  const make = async (tx: Tx) => {
    if ((await listWorkspaces(tx)).length > 0) return; // another node was first
    const workspaceId = tools.newId("ws", nowMs);
    const rootKey = configured ?? rootKeySecret(tools.randomBytes(24));
    await insertWorkspace(tx, { id: workspaceId, name: "default", nowMs });
    await insertRootKey(tx, {
      id: tools.newId("root", nowMs),
      workspaceId,
      hash: tools.hashKey(rootKey),
      ...rootKeyParts(rootKey),
      name: "first",
      permissions: ["*"],
      expiresAtMs: undefined,
      nowMs,
    });
    if (configured === undefined) keep(rootKey);
  };
  await engine.transaction(make, { alone: "first start" });
}
