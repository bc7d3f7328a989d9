import { createReadStream } from "node:fs";
import type { Header } from "../moving/format.ts";
import {
  emptyReport,
  type ImportOptions,
  type ImportTarget,
  importRecords,
  type Report,
} from "../moving/importRecords.ts";
import { DocumentError } from "../moving/parseRecord.ts";
import { type OpenDocument, readDocument } from "../moving/readDocument.ts";
import type { Recovery } from "../services.ts";
import { type Engine, StorageError } from "../storage/engine.ts";
import { insertWorkspace, listWorkspaces, setWorkspaceTimeZone } from "../storage/queries/workspaces.ts";
import { CommandError, exitCodes, UsageError } from "./commandError.ts";
import { parseFlags } from "./flags.ts";
import { checkForeign, type Product, productOf } from "./importForeign.ts";
import { workspaceOf } from "./manage.ts";
import { progress } from "./progress.ts";

export type ImportFlags = {
  /** the path of the file to read, or `-` for the standard input */
  file: string;
  workspace: string | undefined;
  /** the product whose keys are imported; undefined: the file is an export document */
  from: Product | undefined;
  /** the api that gets the imported keys of another product */
  api: string | undefined;
  /** the workspace of Unkey whose records are imported */
  fromWorkspace: string | undefined;
  oldRecoveryKey: string | undefined;
  dropSealed: boolean;
} & Pick<ImportOptions, "dryRun" | "replace" | "rootKeys">;

/** Parses the flags. Errors: `UsageError` if they are wrong, or if there is more than one file. */
export function importFlags(words: readonly string[]): ImportFlags {
  const { flags, set, others } = parseFlags(words, {
    values: ["workspace", "old-recovery-key", "from", "api", "from-workspace"],
    switches: ["dry-run", "replace", "drop-sealed", "root-keys"],
  });
  const [file = "-", ...more] = others;
  if (more.length > 0) {
    throw new UsageError(
      `Unexpected argument ${JSON.stringify(more[0])}: latchkey import takes only one file.`,
    );
  }
  const from = productOf(flags["from"]);
  checkForeign(from, { file, api: flags["api"], fromWorkspace: flags["from-workspace"] });
  const oldRecoveryKey = flags["old-recovery-key"];
  if (oldRecoveryKey !== undefined && set.has("drop-sealed")) {
    throw new UsageError("--old-recovery-key and --drop-sealed contradict each other. Use only one of them.");
  }
  return {
    file,
    workspace: flags["workspace"],
    from,
    api: flags["api"],
    fromWorkspace: flags["from-workspace"],
    oldRecoveryKey,
    dropSealed: set.has("drop-sealed"),
    dryRun: set.has("dry-run"),
    replace: set.has("replace"),
    rootKeys: set.has("root-keys"),
  };
}

/**
 * How this server encrypts recoverable keys, which are keys that it can show again: under its recovery key.
 * `fingerprint` identifies the recovery key. Without a recovery key, `fingerprint` and `recovery` are undefined.
 */
export type Sealing = {
  recovery: Recovery | undefined;
  fingerprint: string | undefined;
  /** Reads the recovery key of another server from a file. Errors: `ConfigError` if the file has no recovery key. */
  oldRecovery(file: string): Recovery;
};

/**
 * Opens an export document. A file is read twice: first only to check it, so that a damaged file changes nothing. The
 * standard input can be read only once, so it is not checked first. Errors: `CommandError` if the document cannot be
 * read or is damaged.
 */
export async function openImport(file: string): Promise<OpenDocument> {
  if (file === "-") return withCommandErrors(() => readDocument(process.stdin));
  return withCommandErrors(async () => {
    const { entries } = await readDocument(createReadStream(file));
    const shown = progress();
    for await (const { line } of entries) shown.show(() => `checked ${line.toLocaleString("en")} lines`);
    shown.end();
    return readDocument(createReadStream(file));
  });
}

/**
 * Returns a function that takes an encrypted recoverable key from a document and encrypts it for this server. With
 * `--drop-sealed`, the function returns null: the key is imported as not recoverable. It returns `undefined` if the key
 * cannot be decrypted. Errors: `CommandError` if neither flag is given and RECOVERY_KEY is not the document's recovery
 * key, or if `--old-recovery-key` is given and RECOVERY_KEY is not set; `ConfigError` if the file in
 * `--old-recovery-key` has no recovery key.
 */
export function resealingFor(header: Header, flags: ImportFlags, sealing: Sealing): ImportOptions["reseal"] {
  const { recovery, fingerprint } = sealing;
  if (flags.dropSealed) return () => null;
  if (flags.oldRecoveryKey !== undefined) {
    if (recovery === undefined)
      throw new CommandError(
        "RECOVERY_KEY is not set, so the recoverable keys of the document cannot be encrypted. Set RECOVERY_KEY to the recovery key of the server that you import into.",
      );
    const old = sealing.oldRecovery(flags.oldRecoveryKey);
    return (sealed) => {
      const key = old.open(sealed);
      return key === undefined ? undefined : recovery.seal(key);
    };
  }
  if (header.recoveryKey !== null && header.recoveryKey !== fingerprint) {
    throw new CommandError(
      `The document has recoverable keys, and ${fingerprint === undefined ? "RECOVERY_KEY is not set: set it" : "another recovery key encrypted them: use --old-recovery-key <file>"}, or use --drop-sealed to import them as not recoverable.`,
    );
  }
  return (sealed) => (recovery?.open(sealed) === undefined ? undefined : sealed);
}

/**
 * Returns the id of the workspace to import into: the one that the flag names, otherwise the document's workspace if
 * it exists here, otherwise the only workspace. In an empty database, creates the document's workspace. Errors: like
 * `workspaceOf`.
 */
export async function workspaceFor(
  engine: Engine,
  { workspace }: Header,
  flags: ImportFlags,
): Promise<string> {
  const all = await listWorkspaces(engine.db);
  if (flags.workspace === undefined && all.length === 0) {
    if (!flags.dryRun) await createWorkspace(engine, workspace);
    return workspace.id;
  }
  const isHere = all.some(({ id }) => id === workspace.id);
  return workspaceOf(engine, flags.workspace ?? (isHere ? workspace.id : undefined));
}

async function createWorkspace(engine: Engine, { id, name, timeZone }: Header["workspace"]): Promise<void> {
  await engine.transaction(async (tx) => {
    if ((await listWorkspaces(tx)).length > 0) return; // a server was started meanwhile, and has created a workspace
    await insertWorkspace(tx, { id, name, nowMs: Date.now() });
    await setWorkspaceTimeZone(tx, id, timeZone);
  });
}

type Unit = "line" | "record";

/** Where to import to. `hasHmacSecret`: whether IMPORTED_HMAC_SECRET is set for this command. */
export type CommandTarget = ImportTarget & { hasHmacSecret: boolean };

/**
 * Imports the records and prints a report. Returns the exit code. `unit` says what the `line` of an entry counts: lines
 * of a document, or records from another source.
 */
export async function runImport(
  target: CommandTarget,
  entries: OpenDocument["entries"],
  options: Omit<ImportOptions, "onProgress"> & { unit: Unit },
): Promise<number> {
  const shown = progress();
  const report = emptyReport();
  const { unit, ...rules } = options;
  const onProgress = (line: number) => shown.show(() => `${line.toLocaleString("en")} ${unit}s`);
  let failure: CommandError | undefined;
  try {
    await importRecords(target, entries, { ...rules, onProgress }, report);
  } catch (error) {
    failure = failureOf(error);
    if (failure === undefined) throw error;
  } finally {
    shown.end();
  }
  console.log(textOf(report, options, target));
  if (failure === undefined) return refusedIn(report) > 0 ? exitCodes.error : exitCodes.ok;
  const done = options.dryRun ? "" : ` The ${unit}s up to ${report.lastLine} are imported.`;
  shown.tell(`The import stopped. ${failure.message}${done} Run the import again to complete it.`);
  return exitCodes.error;
}

function failureOf(error: unknown): CommandError | undefined {
  if (error instanceof DocumentError) return new CommandError(error.message);
  if (!(error instanceof StorageError)) return undefined;
  const fix = error.reason === "full" ? " Free some space." : "";
  return new CommandError(`${error.message}${fix}`);
}

/** Runs `work`, and turns its errors about a damaged document or an unreadable file into a `CommandError`. */
export async function withCommandErrors<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof DocumentError) throw new CommandError(`Nothing was imported. ${error.message}`);
    const { code, message } = error as { code?: string; message?: string };
    if (code === "ENOENT" || code === "EISDIR" || code === "EACCES") {
      throw new CommandError(`The file cannot be read: ${message}.`);
    }
    throw error;
  }
}

const columns = ["created", "changed", "unchanged", "kept", "refused", "omitted"] as const;

function refusedIn({ counts }: Report): number {
  return Object.values(counts).reduce((sum, { refused }) => sum + refused, 0);
}

function textOf(
  { counts, refusals, hmacs }: Report,
  { dryRun, unit }: { dryRun: boolean; unit: Unit },
  { workspaceId, hasHmacSecret }: CommandTarget,
): string {
  const rows = Object.entries(counts).map(([type, count]) => [
    type,
    ...columns.map((name) => String(count[name])),
  ]);
  const used = columns.filter((_, index) => rows.some((row) => row[index + 1] !== "0"));
  const shown = [
    ["", ...used],
    ...rows.map((row) => [row[0], ...used.map((name) => row[columns.indexOf(name) + 1])]),
  ];
  const table = shown.map(
    ([type = "", ...cells]) => type.padEnd(12) + cells.map((cell = "") => cell.padStart(11)).join(""),
  );
  const place = unit === "line" ? "Line" : "Record";
  const reasons = refusals.map(({ line, type, id, reason }) => `${place} ${line}: ${type} ${id}: ${reason}.`);
  const head = dryRun ? `Dry run: nothing was changed in ${workspaceId}.` : `Imported into ${workspaceId}.`;
  const needsSecret = hmacs > 0 && !hasHmacSecret;
  return [
    head,
    ...(rows.length > 0 ? table : ["There are no records to import."]),
    ...reasons,
    ...(needsSecret
      ? [
          `${hmacs === 1 ? "1 key has" : `${hmacs} keys have`} an HMAC, and IMPORTED_HMAC_SECRET is not set here. Make sure that it is set for the server, which cannot recognize these keys without it.`,
        ]
      : []),
  ].join("\n");
}
