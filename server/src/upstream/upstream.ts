import type { DifferenceExample } from "../storage/queries/upstreamDifferences.ts";
import { circuitBreaker } from "./breaker.ts";
import { type CallBudget, callBudget } from "./callBudget.ts";
import type { CallReply, UpstreamClient } from "./client.ts";
import { type CreditOrder, creditOrder } from "./creditOrder.ts";
import { type UnknownKeys, unknownKeys } from "./unknownKeys.ts";
import { parseRefusal, parseVerdict, type requestRefusals, type Verdict } from "./verdict.ts";

/** What differed between the upstream's verdict and ours. */
export const differenceKinds = [
  "code",
  "key",
  "credits",
  "expires",
  "enabled",
  "name",
  "meta",
  "permissions",
  "roles",
  "identity",
  "ratelimits",
  "not_imported",
  "error",
] as const;

export type DifferenceKind = (typeof differenceKinds)[number];

export const upstreamResults = ["verdict", "refused", "unavailable", "not_asked"] as const;

export type UpstreamResult = (typeof upstreamResults)[number];

/** The server that verified the keys of one workspace before this one. */
export type Upstream = {
  /** who decides: the upstream (`shadow`), or this server, which asks the upstream about keys that it does not know */
  mode: "shadow" | "fallback";
  workspaceId: string;
  /** Verifies a key there. */
  verify(body: object): Promise<UpstreamResponse>;
  /** keys that the upstream does not know */
  unknown: UnknownKeys;
  /** the calls that keys with this start may cause */
  mayAsk: CallBudget;
  credits: CreditOrder;
  /** Does the work, or waits for the same work that is already under way. */
  once(name: string, work: () => Promise<void>): Promise<void>;
  noteDifference(kind: DifferenceKind, example: DifferenceExample): void;
  /** how often the upstream was asked since the start, by what came of it */
  results(): Readonly<Record<UpstreamResult, number>>;
};

/** `refused`: the upstream does not judge this request. `retryAfterMs`: when it may work again. */
export type UpstreamResponse =
  | { verdict: Verdict }
  | { refused: (typeof requestRefusals)[number] }
  | { unavailable: string; retryAfterMs: number };

/** More would only wait for a server that is slower than what it is asked. */
const mostAtOnce = 256;

type Options = Pick<Upstream, "mode" | "workspaceId" | "noteDifference"> & {
  call: UpstreamClient;
  callsPerSecond: number;
  monotonicMs(): number;
  /** a call failed, for this reason */
  onUnavailable(reason: string): void;
};

export function openUpstream(options: Options): Upstream {
  const { mode, workspaceId, noteDifference, call, callsPerSecond, monotonicMs, onUnavailable } = options;
  const breaker = circuitBreaker(monotonicMs);
  const results = { verdict: 0, refused: 0, unavailable: 0, not_asked: 0 };
  let atOnce = 0;

  async function ask(body: object): Promise<UpstreamResponse> {
    atOnce += 1;
    const response = responseOf(await call("keys.verifyKey", body));
    atOnce -= 1;
    if ("fault" in response) {
      results.unavailable += 1;
      breaker.failed();
      onUnavailable(response.fault);
      return { unavailable: response.fault, retryAfterMs: breaker.openForMs() };
    }
    results["verdict" in response ? "verdict" : "refused"] += 1;
    breaker.succeeded();
    return response;
  }

  return {
    mode,
    workspaceId,
    noteDifference,
    unknown: unknownKeys(monotonicMs),
    mayAsk: callBudget(callsPerSecond, monotonicMs),
    credits: creditOrder(),
    once: singleFlight(),
    results: () => results,
    async verify(body) {
      if (atOnce < mostAtOnce && breaker.admits()) return ask(body);
      results.not_asked += 1;
      return { unavailable: "not asked", retryAfterMs: breaker.openForMs() };
    },
  };
}

function singleFlight(): Upstream["once"] {
  const underWay = new Map<string, Promise<void>>();
  return (name, work) => {
    const known = underWay.get(name);
    if (known !== undefined) return known;
    const started = work().finally(() => underWay.delete(name));
    underWay.set(name, started);
    return started;
  };
}

type Responded = Exclude<UpstreamResponse, { unavailable: string }> | { fault: string };

function responseOf(reply: CallReply): Responded {
  if ("fault" in reply) return reply;
  if (reply.status === 200) {
    const verdict = parseVerdict(reply.body);
    return verdict === undefined ? { fault: "invalid" } : { verdict };
  }
  const refused = reply.status < 500 ? parseRefusal(reply.body) : undefined;
  return refused === undefined ? { fault: `status ${reply.status}` } : { refused };
}
