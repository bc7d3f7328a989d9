import { type Requests, type Scenario, scenarios } from "./scenarios.ts";
import { callerOf, startProduct } from "./servers.ts";
import { type Prepared, requestsTo, type Workload } from "./sides.ts";

/** Another server with the same HTTP API, which the bench compares with Latchkey. */
export type Peer = {
  /** for example `http://127.0.0.1:8080` */
  url: string;
  rootKey: string;
  /** the server's process, to measure its processor time; undefined: only throughput and latency are measured */
  pid: number | undefined;
};

/** Every scenario, measured on Latchkey ("product") and on the other server ("other") with the same requests. */
export function workloadsAgainst(peer: Peer): Record<string, Workload> {
  return Object.fromEntries(
    Object.entries(scenarios).map(([name, scenario]) => [
      name,
      { title: scenario.title, prepare: () => against(peer, scenario) },
    ]),
  );
}

async function against(peer: Peer, scenario: Scenario): Promise<Prepared> {
  const product = await startProduct();
  const ours = await scenario.prepare(product.call);
  const theirs = await scenario.prepare(callerOf({ ...peer, url: new URL(peer.url).origin }));
  return {
    sides: [{ label: "product", load: requestsTo(product, ours) }, sideOfPeer(peer, theirs)],
    comparisons: [{ of: "product", to: "other", by: "perSecond" }],
    notes: [],
    check: async () => undefined,
    stop: () => product.stop(),
  };
}

function sideOfPeer({ url, rootKey, pid }: Peer, requests: Requests) {
  const { hostname, port, protocol } = new URL(url);
  if (protocol !== "http:") throw new Error(`--against is ${url}, but it must begin with http://.`);
  const server = { port: port === "" ? 80 : Number(port), pid, rootKey };
  return { label: "other", load: { ...requestsTo(server, requests), host: hostname } };
}
