import { configuredUpstreamRootKey } from "../config/secrets.ts";
import { type Config, ConfigError } from "../config/settings.ts";
import type { Log } from "../log.ts";
import type { Metrics } from "../metrics.ts";
import type { Engine } from "../storage/engine.ts";
import { addDifferences } from "../storage/queries/upstreamDifferences.ts";
import { listWorkspaces } from "../storage/queries/workspaces.ts";
import { upstreamClient } from "../upstream/client.ts";
import { type DifferenceLog, differenceLog } from "../upstream/differences.ts";
import { differenceKinds, openUpstream, type Upstream, upstreamResults } from "../upstream/upstream.ts";

type Parts = { engine: Engine; metrics: Metrics; log: Log; monotonicMs(): number };

/**
 * Opens the upstream: the server that verified keys before this one. Returns `undefined` if
 * `UPSTREAM_VERIFY_MODE` is off. Errors: `ConfigError` if a required setting is missing, if the workspace in
 * `UPSTREAM_VERIFY_WORKSPACE` does not exist, or if the database has several workspaces and this setting is missing.
 */
export async function upstreamWith(
  config: Config,
  { engine, metrics, log, monotonicMs }: Parts,
): Promise<{ upstream: Upstream; differences: DifferenceLog } | undefined> {
  const mode = config.UPSTREAM_VERIFY_MODE;
  if (mode === "off") return undefined;
  const { UPSTREAM_VERIFY_URL: url } = config;
  const rootKey = configuredUpstreamRootKey(config);
  if (url === undefined) throw missing("UPSTREAM_VERIFY_URL", mode);
  if (rootKey === undefined) throw missing("UPSTREAM_VERIFY_ROOT_KEY or UPSTREAM_VERIFY_ROOT_KEY_FILE", mode);
  const workspaceId = await workspaceOf(config, engine);
  const differences = differenceLog((kind, added) =>
    engine.transaction((tx) => addDifferences(tx, workspaceId, kind, added)),
  );
  const upstream = openUpstream({
    mode,
    workspaceId,
    noteDifference: differences.note,
    call: upstreamClient({ url, rootKey, withinMs: config.UPSTREAM_VERIFY_TIMEOUT_MS }),
    callsPerSecond: config.UPSTREAM_VERIFY_CALLS_PER_SECOND,
    monotonicMs,
    onUnavailable: (reason) => log("warn", "upstream_unavailable", { reason }),
  });
  measure(metrics, upstream, differences);
  return { upstream, differences };
}

async function workspaceOf({ UPSTREAM_VERIFY_WORKSPACE: id }: Config, engine: Engine): Promise<string> {
  const all = await listWorkspaces(engine.db);
  const found = id === undefined ? all : all.filter((workspace) => workspace.id === id);
  const [only] = found;
  if (only !== undefined && found.length === 1) return only.id;
  throw new ConfigError(
    id === undefined
      ? `The database has ${all.length} workspaces: set UPSTREAM_VERIFY_WORKSPACE to the id of one of them.`
      : `UPSTREAM_VERIFY_WORKSPACE (${JSON.stringify(id)}) is not a workspace of this database: \`latchkey workspace list\` shows their ids.`,
  );
}

function missing(setting: string, mode: string): ConfigError {
  return new ConfigError(
    `UPSTREAM_VERIFY_MODE is ${mode}, which needs ${setting}: set it, or set UPSTREAM_VERIFY_MODE to off.`,
  );
}

function measure(metrics: Metrics, upstream: Upstream, differences: DifferenceLog): void {
  metrics.counter(
    "latchkey_upstream_calls_total",
    "Verifications that needed the verdict of the upstream, by what it did: verdict, refused, unavailable, or not_asked.",
    () => upstreamResults.map((one) => ({ labels: `result="${one}"`, value: upstream.results()[one] })),
  );
  metrics.counter(
    "latchkey_upstream_differences_total",
    "Differences between the upstream's verdicts and this server's.",
    () => differenceKinds.map((kind) => ({ labels: `kind="${kind}"`, value: differences.counts()[kind] })),
  );
}
