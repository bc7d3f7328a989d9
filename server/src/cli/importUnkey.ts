import { readFileSync } from "node:fs";
import type { RecordType } from "../moving/format.ts";
import { type Entry, ended } from "../moving/parseRecord.ts";
import { readUnkey } from "../moving/unkey/read.ts";
import { upstreamClient } from "../upstream/client.ts";
import { CommandError, exitCodes, UsageError } from "./commandError.ts";
import { parseOnlyFlags } from "./flags.ts";
import { type CommandTarget, runImport } from "./import.ts";

export type UnkeyFlags = {
  apiIds: readonly string[];
  namespaces: readonly string[];
  url: string | undefined;
  rootKeyFile: string | undefined;
  workspace: string | undefined;
  dryRun: boolean;
  replace: boolean;
};

export type UnkeyServer = { url: string; rootKey: string };

/** Parses the flags. Errors: `UsageError` if a flag is wrong or missing. */
export function unkeyFlags(words: readonly string[]): UnkeyFlags {
  const { flags, set } = parseOnlyFlags(words, {
    values: ["api", "namespaces", "url", "root-key-file", "workspace"],
    switches: ["dry-run", "replace"],
  });
  const apiIds = listOf(flags["api"]);
  if (apiIds.length === 0) {
    throw new UsageError(
      "--api is missing. Unkey's API cannot list your apis, so write their ids after --api, separated by commas.",
    );
  }
  return {
    apiIds,
    namespaces: listOf(flags["namespaces"]),
    url: flags["url"],
    rootKeyFile: flags["root-key-file"],
    workspace: flags["workspace"],
    dryRun: set.has("dry-run"),
    replace: set.has("replace"),
  };
}

/**
 * Returns the server to import from. Uses the `UPSTREAM_VERIFY_…` settings for flags that are missing. Errors:
 * `UsageError` if neither flags nor settings have an address and a root key, `CommandError` if the file with the root
 * key cannot be read.
 */
export function serverOf(
  { url, rootKeyFile }: UnkeyFlags,
  settings: { url: string | undefined; rootKey: string | undefined },
): UnkeyServer {
  const address = url ?? settings.url;
  const rootKey = rootKeyFile === undefined ? settings.rootKey : rootKeyIn(rootKeyFile);
  if (address === undefined || !/^https?:\/\//.test(address) || !URL.canParse(address)) {
    throw new UsageError(
      "Set --url or UPSTREAM_VERIFY_URL to the address of the server that the keys come from, such as https://api.unkey.com.",
    );
  }
  if (rootKey === undefined) {
    throw new UsageError(
      "--root-key-file, UPSTREAM_VERIFY_ROOT_KEY_FILE or UPSTREAM_VERIFY_ROOT_KEY must have a root key of the other server. The key itself cannot be an argument, because other users of this machine could read it.",
    );
  }
  return { url: address, rootKey };
}

function rootKeyIn(file: string): string {
  let text: string;
  try {
    text = readFileSync(file, "utf8").trim();
  } catch (error) {
    const { code } = error as { code?: string };
    throw new CommandError(`--root-key-file (${JSON.stringify(file)}): the file cannot be read (${code}).`);
  }
  if (!/^[!-~]+$/.test(text)) {
    throw new CommandError(
      `--root-key-file (${JSON.stringify(file)}): the file does not contain a root key. Write the root key of the other server to it.`,
    );
  }
  return text;
}

function listOf(text = ""): string[] {
  return [...new Set(text.split(",").map((one) => one.trim()))].filter((one) => one !== "");
}

/** the maximum duration of a call to the API of Unkey, long enough for a page of keys */
const callWithinMs = 30_000;
/** at most this many failures are printed */
const mostListed = 100;

/**
 * `latchkey import unkey`: imports all records of a workspace that the API of Unkey returns. The API does not return
 * the hashes of keys, so the imported keys are waiting keys. Prints a report, and returns the exit code.
 */
export async function importUnkey(
  target: CommandTarget,
  { apiIds, namespaces, dryRun, replace }: UnkeyFlags,
  server: UnkeyServer,
): Promise<number> {
  const flaws: string[] = [];
  const entries: AsyncGenerator<Entry> = readUnkey({
    source: {
      client: upstreamClient({ ...server, withinMs: callWithinMs }),
      pause: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    },
    target: { db: target.engine.slow, workspaceId: target.workspaceId },
    apiIds,
    namespaces,
    nowMs: target.now(),
    onFlaw(type: RecordType, id: string, reason: string) {
      flaws.push(`${type} ${id}: ${ended(reason)}`);
    },
  });
  const options = { dryRun, replace, rootKeys: false, reseal: () => undefined, unit: "record" } as const;
  const code = await runImport(target, entries, options);
  if (flaws.length === 0) return code;
  const shown = flaws.length > mostListed ? ` (the first ${mostListed} follow)` : "";
  console.log(`Records that could not be imported: ${flaws.length}${shown}`);
  for (const flaw of flaws.slice(0, mostListed)) console.log(flaw);
  return exitCodes.error;
}
