import { type ServerStatus, useServerStatus } from "../../data/serverStatus.ts";
import { serverPermission } from "../../data/session.ts";
import { number } from "../../data/time.ts";
import { AsCode } from "../../parts/AsCode.tsx";
import { Badge } from "../../parts/Outcome.tsx";
import { Card, Fact, Facts, Loading, Page } from "../../parts/Page.tsx";
import { Problem } from "../../parts/Problem.tsx";
import { ServerWarnings } from "../../parts/ServerWarnings.tsx";
import { Time } from "../../parts/Time.tsx";
import { Settings } from "./Settings.tsx";

/** The screen that shows an operator the state of the node that serves this page. */
export function Server() {
  const { mayRead, data, error } = useServerStatus();
  return (
    <Page title="Server" lead="The node that serves this page.">
      <Links status={data?.data} />
      {mayRead ? null : <NotAllowed />}
      <Problem error={error} />
      {mayRead && data === undefined && error === null ? <Loading what="the state of the server" /> : null}
      {data === undefined ? null : <Status status={data.data} />}
      <AsCode operation="server.getStatus" input={{}} />
    </Page>
  );
}

/** Links to pages of the server outside the console, and to its metrics if METRICS_ADDRESS is set. */
function Links({ status }: { status: ServerStatus | undefined }) {
  const metrics = status?.settings.find(({ name }) => name === "METRICS_ADDRESS")?.value ?? "";
  return (
    <p className="row">
      <a href="/">This server</a>
      <a href="/docs">Documentation</a>
      <a href="/openapi.json">openapi.json</a>
      <a href="/errors/">Errors</a>
      {metrics === "" ? null : <a href={`http://${metrics}/metrics`}>Metrics</a>}
    </p>
  );
}

function NotAllowed() {
  return (
    <div className="note">
      <strong>This session may not read the state of the server</strong>
      <p>
        The server has all workspaces, so the permission <code>*</code> of this workspace is not enough. Sign
        in with the link that the server prints when it starts on a terminal, or with a root key that has{" "}
        <code>{serverPermission}</code>. Only the command line creates such a root key:
      </p>
      <pre className="code">latchkey root-key create --permissions '*,{serverPermission}'</pre>
    </div>
  );
}

function Status({ status }: { status: ServerStatus }) {
  return (
    <>
      <ServerWarnings status={status} />
      <div className="columns">
        <NodeCard status={status} />
        <CacheCard status={status} />
      </div>
      <Settings settings={status.settings} />
    </>
  );
}

const redisStates = {
  up: <Badge tone="good">Up</Badge>,
  down: <Badge tone="bad">Down</Badge>,
  not_configured: <span className="soft">not configured: this process counts rate limits itself</span>,
} as const;

function NodeCard({ status: { version, startedAt, database, nodes, redis } }: { status: ServerStatus }) {
  return (
    <Card title="Node">
      <Facts>
        <Fact name="Version">{version}</Fact>
        <Fact name="Started">
          <Time at={startedAt} />
        </Fact>
        <Fact name="Database">{database.engine === "sqlite" ? "SQLite" : "PostgreSQL"}</Fact>
        <Fact name="Schema">
          <code className="clip small">{database.migrations.at(-1)}</code>
        </Fact>
        <Fact name="Nodes">{number(nodes)}</Fact>
        <Fact name="Redis">{redisStates[redis]}</Fact>
      </Facts>
    </Card>
  );
}

function CacheCard({ status: { keyCache, usage } }: { status: ServerStatus }) {
  const { hits, misses, bytes, maxBytes } = keyCache;
  const lookUps = hits + misses;
  return (
    <Card title="Memory and usage">
      <Facts>
        <Fact name="Key cache">
          {mebibytes(bytes)} of {mebibytes(maxBytes)} MiB
        </Fact>
        <Fact name="Hit rate">
          {lookUps === 0 ? (
            <span className="soft">no look-ups yet</span>
          ) : (
            `${((100 * hits) / lookUps).toFixed(1)} % of ${number(lookUps)}`
          )}
        </Fact>
        <Fact name="Lost events">{number(usage.droppedEvents)}</Fact>
        <Fact name="Lost counts">{number(usage.droppedCounts)}</Fact>
        <Fact name="Lost tags">{number(usage.droppedTags)}</Fact>
        <Fact name="Evicted events">{number(usage.evictedEvents)}</Fact>
      </Facts>
    </Card>
  );
}

function mebibytes(bytes: number): string {
  return (bytes / 1024 / 1024).toFixed(1);
}
