import { isPermission } from "../domain/caller.ts";
import { idMaker } from "../domain/ids.ts";
import { timeZoneNamed } from "../domain/periods.ts";
import { isUrn, keyspacesIn, parsePermission } from "../domain/permissionUrns.ts";
import { rootKeyParts, rootKeySecret } from "../domain/secrets.ts";
import { hashKey, randomBytes } from "../runtime.ts";
import type { Engine } from "../storage/engine.ts";
import { findApisByKeyspace } from "../storage/queries/apis.ts";
import { listAuditEvents } from "../storage/queries/audit.ts";
import { algorithms, insertMigration } from "../storage/queries/keys/migrations.ts";
import {
  findRevokedRootKey,
  insertRootKey,
  listRootKeys,
  revokeRootKey,
} from "../storage/queries/rootKeys.ts";

import {
  insertWorkspace,
  listWorkspaces,
  setWorkspaceEnabled,
  setWorkspaceTimeZone,
} from "../storage/queries/workspaces.ts";
import { CommandError, UsageError } from "./commandError.ts";
import { parseOnlyFlags } from "./flags.ts";
import { printer } from "./lists.ts";
import { parseTime } from "./times.ts";

type Command = (engine: Engine, words: string[], terminalWidth?: number) => Promise<string>;

/** The management commands, by the words after `latchkey`. They work on the database directly, without a server. */
const managed: Record<string, Command> = {
  "workspace create": createWorkspace,
  "workspace list": listAllWorkspaces,
  "workspace disable": (engine, words) => switchWorkspace(engine, words, false),
  "workspace enable": (engine, words) => switchWorkspace(engine, words, true),
  "workspace set": setWorkspace,
  "audit export": exportAudit,
  "migration create": createMigration,
  "root-key create": createRootKey,
  "root-key list": listRootKeysOf,
  "root-key revoke": revokeRootKeyById,
};

/** Whether these words begin with the name of a management command. */
export function isManagement([group = "", verb = ""]: readonly string[]): boolean {
  return Object.hasOwn(managed, `${group} ${verb}`);
}

/**
 * Runs a management command, and returns the text to print. A running server notices the change within a second.
 * `terminalWidth` is undefined if the output does not go to a terminal.
 * Errors: `CommandError`.
 */
export async function manage(
  engine: Engine,
  words: readonly string[],
  terminalWidth?: number,
): Promise<string> {
  const [group = "", verb = "", ...rest] = words;
  const command = managed[`${group} ${verb}`];
  if (command === undefined) throw new UsageError(`latchkey ${group} ${verb} is not a command.`);
  return command(engine, rest, terminalWidth);
}

const newId = idMaker(randomBytes);

const time = { description: "Unix time in milliseconds." };
/** the columns of a table of workspaces, from left to right */
const workspaceColumns = { properties: { id: {}, name: {}, enabled: {}, timeZone: {}, createdAtMs: time } };
const rootKeyColumns = {
  properties: {
    id: {},
    name: {},
    enabled: {},
    start: {},
    end: {},
    expiresAtMs: time,
    createdAtMs: time,
    permissions: {},
  },
};

async function createWorkspace(engine: Engine, words: string[]): Promise<string> {
  const name = only(words, "workspace create <name>");
  const nowMs = Date.now();
  const id = newId("ws", nowMs);
  await engine.transaction((tx) => insertWorkspace(tx, { id, name, nowMs }));
  return id;
}

async function listAllWorkspaces(engine: Engine, words: string[], terminalWidth?: number): Promise<string> {
  const print = printer(workspaceColumns, flags(words, ["output"])["output"], terminalWidth);
  const rows = await listWorkspaces(engine.db);
  print(rows.map((row) => ({ ...row, enabled: row.enabled === 1 })));
  return "";
}

async function switchWorkspace(engine: Engine, words: string[], enabled: boolean): Promise<string> {
  const id = only(words, `workspace ${enabled ? "enable" : "disable"} <id>`);
  const found = await engine.transaction(async (tx) => {
    await engine.recordChanges(tx, new Set([id]));
    return setWorkspaceEnabled(tx, id, enabled);
  });
  if (!found) throw new CommandError(`Unknown workspace ${JSON.stringify(id)}. See latchkey workspace list.`);
  return `${id} is ${enabled ? "enabled" : "disabled"}`;
}

/** Sets the time zone of a workspace, which is the time zone of new quotas that are created without one. */
async function setWorkspace(engine: Engine, words: string[]): Promise<string> {
  const options = flags(words, ["workspace", "time-zone"]);
  const given = options["time-zone"] ?? "";
  const timeZone = timeZoneNamed(given);
  if (timeZone === undefined) {
    throw new UsageError(
      `--time-zone ${given === "" ? "is missing" : `has ${JSON.stringify(given)}, which is not the IANA name of a time zone`}. Use a name such as Europe/Berlin or UTC.`,
    );
  }
  const id = await workspaceOf(engine, options["workspace"]);
  await engine.transaction((tx) => setWorkspaceTimeZone(tx, id, timeZone));
  return `${id} has the time zone ${timeZone}`;
}

async function createRootKey(engine: Engine, words: string[]): Promise<string> {
  const options = flags(words, ["workspace", "permissions", "expires", "name"]);
  const permissions = (options["permissions"] ?? "").split(",").filter((one) => one !== "");
  const wrong = permissions.find((one) => !isUrn(one) && !isPermission(one));
  if (wrong !== undefined || permissions.length === 0) {
    throw new UsageError(
      `--permissions ${wrong === undefined ? "is missing" : `has ${JSON.stringify(wrong)}, which is not a permission`}. Separate permissions with commas, as in identity.*.create_identity, or use '*' for all.`,
    );
  }
  const nowMs = Date.now();
  const rootKey = rootKeySecret(randomBytes(24));
  const workspaceId = await workspaceOf(engine, options["workspace"]);
  const apis = await findApisByKeyspace(engine.db, workspaceId, keyspacesIn(permissions));
  const plainPermissions = permissions.flatMap((one) => {
    const parsed = parsePermission(one, workspaceId, apis);
    if ("flaw" in parsed)
      throw new UsageError(`--permissions: ${one} ${parsed.flaw.message}: ${parsed.flaw.fix}.`);
    return parsed.permissions;
  });
  const expiresAtMs = expiry(options["expires"], nowMs);
  const id = newId("root", nowMs);
  await engine.transaction((tx) =>
    insertRootKey(tx, {
      id,
      workspaceId,
      hash: hashKey(rootKey),
      ...rootKeyParts(rootKey),
      name: options["name"],
      permissions,
      plainPermissions,
      expiresAtMs,
      nowMs,
    }),
  );
  return `${id}\n${rootKey}`;
}

const exportPage = 1_000;

/** Prints every audit event of the workspace as a line of JSON, oldest first. */
async function exportAudit(engine: Engine, words: string[]): Promise<string> {
  const options = flags(words, ["workspace", "since"]);
  const workspaceId = await workspaceOf(engine, options["workspace"]);
  const startMs = options["since"] === undefined ? undefined : Date.parse(options["since"]);
  if (Number.isNaN(startMs))
    throw new UsageError("--since is not a valid time. Use an ISO time such as 2026-01-31.");
  let afterId: string | undefined;
  let count = 0;
  for (;;) {
    const events = await listAuditEvents(engine.slow, workspaceId, { afterId, limit: exportPage, startMs });
    for (const event of events) console.log(JSON.stringify(event));
    count += events.length;
    afterId = events.at(-1)?.id;
    if (events.length < exportPage) break;
  }
  console.error(`${count} events`);
  return "";
}

async function createMigration(engine: Engine, words: string[]): Promise<string> {
  const options = flags(words, ["workspace", "algorithm"]);
  const wanted = options["algorithm"] ?? "";
  const algorithm = algorithms.find((one) => one === wanted || one.endsWith(`/${wanted}`));
  if (algorithm === undefined) {
    throw new UsageError("--algorithm must be sha256 or prefixed-api-key.");
  }
  const nowMs = Date.now();
  const id = newId("mig", nowMs);
  const workspaceId = await workspaceOf(engine, options["workspace"]);
  await engine.transaction((tx) => insertMigration(tx, { id, workspaceId, algorithm, nowMs }));
  return id;
}

async function listRootKeysOf(engine: Engine, words: string[], terminalWidth?: number): Promise<string> {
  const { workspace, output } = flags(words, ["workspace", "output"]);
  const print = printer(rootKeyColumns, output, terminalWidth);
  const workspaceId = await workspaceOf(engine, workspace);
  const everything = { afterId: undefined, limit: Number.MAX_SAFE_INTEGER, onlyIds: undefined };
  print(await listRootKeys(engine.db, workspaceId, everything));
  return "";
}

async function revokeRootKeyById(engine: Engine, words: string[]): Promise<string> {
  const id = only(words, "root-key revoke <id>");
  const revoked = await engine.transaction(async (tx) => {
    await engine.recordChanges(tx, new Set([id]));
    return revokeRootKey(tx, id, Date.now());
  });
  if (!revoked) throw new CommandError(await whyNotRevoked(engine, id));
  return `${id} is revoked`;
}

async function whyNotRevoked(engine: Engine, id: string): Promise<string> {
  const revoked = await findRevokedRootKey(engine.db, "id", id);
  return revoked === undefined
    ? `Unknown root key ${JSON.stringify(id)}. See latchkey root-key list.`
    : `${id} was already revoked at ${new Date(revoked.revokedAtMs).toISOString()}.`;
}

/**
 * Returns `id` if there is such a workspace, or the id of the only workspace if `id` is undefined. Errors: like
 * `findWorkspace`.
 */
export async function workspaceOf(engine: Engine, id: string | undefined): Promise<string> {
  return (await findWorkspace(engine, id)).id;
}

/**
 * Finds the workspace with this id, or the only workspace if `id` is undefined. Errors: `CommandError` if there is no
 * such workspace, or if `id` is undefined and there are several workspaces.
 */
export async function findWorkspace(engine: Engine, id: string | undefined) {
  const all = await listWorkspaces(engine.db);
  if (id === undefined && all.length > 1) {
    throw new UsageError(`There are ${all.length} workspaces. Choose one with --workspace.`);
  }
  const found = id === undefined ? all[0] : all.find((workspace) => workspace.id === id);
  if (found === undefined) {
    throw new CommandError(
      id === undefined
        ? "There is no workspace yet. Create one with latchkey workspace create <name>."
        : `Unknown workspace ${JSON.stringify(id)}. See latchkey workspace list.`,
    );
  }
  return found;
}

function expiry(text: string | undefined, nowMs: number): number | undefined {
  if (text === undefined) return undefined;
  const at = parseTime(text, nowMs);
  if (at === undefined || at <= nowMs) {
    throw new UsageError(
      `--expires is ${JSON.stringify(text)}, which is not a time in the future. Use 90m, 12h or 30d from now, or an ISO time.`,
    );
  }
  return at;
}

/** Returns the only argument of a command. Errors: `UsageError` if it is missing or there are more. */
function only(words: readonly string[], usage: string): string {
  const [word = "", ...rest] = words;
  if (word.trim() === "" || rest.length > 0) throw new UsageError(`Usage: latchkey ${usage}.`);
  return word;
}

/** Parses the words of a command that takes only flags with values. Errors: `UsageError` for any other word. */
function flags(words: readonly string[], values: readonly string[]): Record<string, string | undefined> {
  return parseOnlyFlags(words, { values }).flags;
}
