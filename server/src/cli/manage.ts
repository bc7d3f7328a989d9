import { parseArgs } from "node:util";
import { isPermission } from "../domain/caller.ts";
import { idMaker } from "../domain/ids.ts";
import { rootKeySecret } from "../domain/secrets.ts";
import { rootKeyStart } from "../firstStart.ts";
import type { Operation } from "../operation.ts";
import { hashKey, randomBytes } from "../runtime.ts";
import type { Engine } from "../storage/engine.ts";
import { listAuditEvents } from "../storage/queries/audit.ts";
import { algorithms, insertMigration } from "../storage/queries/keyMigrations.ts";
import { deleteRootKey, insertRootKey, listRootKeys } from "../storage/queries/rootKeys.ts";
import { insertWorkspace, listWorkspaces, setWorkspaceEnabled } from "../storage/queries/workspaces.ts";

/** The command cannot be run as it was given: one sentence. */
export class CommandError extends Error {}

/** Words after `latchkey`, by what they do with the database. */
const commands: Record<string, (engine: Engine, words: string[]) => Promise<string>> = {
  "workspace create": createWorkspace,
  "workspace list": listAllWorkspaces,
  "workspace disable": (engine, words) => switchWorkspace(engine, words, false),
  "workspace enable": (engine, words) => switchWorkspace(engine, words, true),
  "audit export": exportAudit,
  "migration create": createMigration,
  "root-key create": createRootKey,
  "root-key list": listKeys,
  "root-key revoke": revokeRootKey,
};

/** Whether these words are for `manage`: a command of it, or one of its groups where no operation is meant. */
export function isManagement([group = "", verb = ""]: readonly string[], operations: readonly Operation[]) {
  if (`${group} ${verb}` in commands) return true;
  if (operations.some(({ name }) => name === `${group}.${verb}`)) return false;
  return Object.keys(commands).some((name) => name.startsWith(`${group} `));
}

/**
 * Runs a command that works on the database itself; a serving process notices the change within a second.
 * Errors: `CommandError`.
 */
export async function manage(engine: Engine, group: string, words: string[]): Promise<string> {
  const [verb = "", ...rest] = words;
  const command = commands[`${group} ${verb}`];
  if (command === undefined) {
    const known = Object.keys(commands).filter((name) => name.startsWith(`${group} `));
    throw new CommandError(
      `latchkey ${`${group} ${verb}`.trim()} is no command; there is ${known.join(", ")}.`,
    );
  }
  return command(engine, rest);
}

export function help(operations: readonly Operation[]): string {
  return `latchkey serve                 answer requests
latchkey config                show the settings in force
latchkey health [live | ready] whether the server of the same settings runs, or takes requests
latchkey backup <folder>       copy the SQLite files, while the server goes on
latchkey workspace create <name> | list | disable <id> | enable <id>
latchkey root-key create [--workspace <id>] --permissions <a,b | *> [--name <name>] [--expires <ISO time | 30d>]
latchkey audit export [--workspace <id>] [--since <ISO time>]
latchkey usage export [--since <ISO time>]
latchkey migration create [--workspace <id>] --algorithm <sha256 | prefixed-api-key>
latchkey root-key list [--workspace <id>] | revoke <id>
latchkey <group> <operation> [--<field> <value>] [--json <body>]
                               call a running server (LATCHKEY_URL, LATCHKEY_ROOT_KEY)

Operations:
${operations.map((operation) => `  ${operation.name.replace(".", " ").padEnd(36)}${operation.summary}`).join("\n")}`;
}

const newId = idMaker(randomBytes);

async function createWorkspace(engine: Engine, words: string[]): Promise<string> {
  const name = only(words, "workspace create <name>");
  const nowMs = Date.now();
  const id = newId("ws", nowMs);
  await engine.transaction((tx) => insertWorkspace(tx, { id, name, nowMs }));
  return id;
}

async function listAllWorkspaces(engine: Engine, words: string[]): Promise<string> {
  flags(words, []);
  const rows = await listWorkspaces(engine.db);
  return table(rows.map((row) => ({ ...row, enabled: row.enabled === 1 })));
}

async function switchWorkspace(engine: Engine, words: string[], enabled: boolean): Promise<string> {
  const id = only(words, `workspace ${enabled ? "enable" : "disable"} <id>`);
  const found = await engine.transaction(async (tx) => {
    await engine.recordChanges(tx, new Set([id]));
    return setWorkspaceEnabled(tx, id, enabled);
  });
  if (!found)
    throw new CommandError(`There is no workspace ${JSON.stringify(id)}; see latchkey workspace list.`);
  return `${id} is ${enabled ? "enabled" : "disabled"}`;
}

async function createRootKey(engine: Engine, words: string[]): Promise<string> {
  const options = flags(words, ["workspace", "permissions", "expires", "name"]);
  const permissions = (options["permissions"] ?? "").split(",").filter((one) => one !== "");
  const wrong = permissions.find((one) => !isPermission(one));
  if (wrong !== undefined || permissions.length === 0) {
    throw new CommandError(
      `--permissions ${wrong === undefined ? "is missing" : `has ${JSON.stringify(wrong)}, which is no permission`}: list them with commas, as identity.*.create_identity, or use '*' for all.`,
    );
  }
  const nowMs = Date.now();
  const rootKey = rootKeySecret(randomBytes(24));
  const workspaceId = await workspaceOf(engine, options["workspace"]);
  const expiresAtMs = expiry(options["expires"], nowMs);
  const id = newId("root", nowMs);
  await engine.transaction((tx) =>
    insertRootKey(tx, {
      id,
      workspaceId,
      hash: hashKey(rootKey),
      start: rootKeyStart(rootKey),
      name: options["name"],
      permissions: [...new Set(permissions)],
      expiresAtMs,
      nowMs,
    }),
  );
  return `${id}\n${rootKey}`;
}

const exportPage = 1_000;

/** Prints every event of the workspace as a line of JSON, in the order in which they were made. */
async function exportAudit(engine: Engine, words: string[]): Promise<string> {
  const options = flags(words, ["workspace", "since"]);
  const workspaceId = await workspaceOf(engine, options["workspace"]);
  const startMs = options["since"] === undefined ? undefined : Date.parse(options["since"]);
  if (Number.isNaN(startMs)) throw new CommandError("--since is no time: give an ISO time, as 2026-01-31.");
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
    throw new CommandError("--algorithm must be sha256 or prefixed-api-key.");
  }
  const nowMs = Date.now();
  const id = newId("mig", nowMs);
  const workspaceId = await workspaceOf(engine, options["workspace"]);
  await engine.transaction((tx) => insertMigration(tx, { id, workspaceId, algorithm, nowMs }));
  return id;
}

async function listKeys(engine: Engine, words: string[]): Promise<string> {
  const workspaceId = await workspaceOf(engine, flags(words, ["workspace"])["workspace"]);
  const rows = await listRootKeys(engine.db, workspaceId);
  return table(
    rows.map((row) => ({ ...row, permissions: JSON.parse(row.permissions), enabled: row.enabled === 1 })),
  );
}

async function revokeRootKey(engine: Engine, words: string[]): Promise<string> {
  const id = only(words, "root-key revoke <id>");
  const deleted = await engine.transaction(async (tx) => {
    await engine.recordChanges(tx, new Set([id]));
    return deleteRootKey(tx, id);
  });
  if (!deleted)
    throw new CommandError(`There is no root key ${JSON.stringify(id)}; see latchkey root-key list.`);
  return `${id} is revoked`;
}

/** The named workspace, or the only one there is. */
async function workspaceOf(engine: Engine, id: string | undefined): Promise<string> {
  const all = await listWorkspaces(engine.db);
  if (id === undefined && all.length > 1) {
    throw new CommandError(`There are ${all.length} workspaces: name one with --workspace.`);
  }
  const found = id === undefined ? all[0] : all.find((workspace) => workspace.id === id);
  if (found === undefined) {
    throw new CommandError(
      id === undefined
        ? "There is no workspace yet: make one with latchkey workspace create <name>."
        : `There is no workspace ${JSON.stringify(id)}; see latchkey workspace list.`,
    );
  }
  return found.id;
}

const unitMs: Record<string, number> = { m: 60_000, h: 3_600_000, d: 86_400_000 };

function expiry(text: string | undefined, nowMs: number): number | undefined {
  if (text === undefined) return undefined;
  const [, count, unit = ""] = /^(\d{1,6})([mhd])$/.exec(text) ?? [];
  const at = count === undefined ? Date.parse(text) : nowMs + Number(count) * (unitMs[unit] ?? 0);
  if (Number.isNaN(at) || at <= nowMs) {
    throw new CommandError(
      `--expires ${JSON.stringify(text)} is no time to come: give 90m, 12h, 30d or an ISO time.`,
    );
  }
  return at;
}

/** The one word that a command takes. Errors: `CommandError` for none and for more. */
function only(words: readonly string[], usage: string): string {
  const [word = "", ...rest] = words;
  if (word.trim() === "" || rest.length > 0) throw new CommandError(`It is latchkey ${usage}.`);
  return word;
}

/** Errors: `CommandError` for a flag that is not among `names`. */
export function flags(words: string[], names: readonly string[]): Record<string, string | undefined> {
  try {
    const options = Object.fromEntries(names.map((name) => [name, { type: "string" as const }]));
    return parseArgs({ args: words, options, strict: true, allowPositionals: false }).values;
  } catch (error) {
    throw new CommandError(
      `${(error as Error).message.split(/\.?(\n| To specify)/)[0]}; ${names.length === 0 ? "it takes none" : `known: ${names.map((name) => `--${name}`).join(", ")}`}.`,
    );
  }
}

function table(rows: readonly Record<string, unknown>[]): string {
  return rows.map((row) => JSON.stringify(row)).join("\n");
}
