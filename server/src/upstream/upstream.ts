import type { DifferenceExample } from "../storage/queries/upstreamDifferences.ts";
import { circuitBreaker } from "./breaker.ts";
import { type CallBudget, callBudget } from "./callBudget.ts";
import type { CallReply, UpstreamClient } from "./client.ts";
import { type CreditOrder, creditOrder } from "./creditOrder.ts";
import { type SingleFlight, singleFlight } from "./singleFlight.ts";
import { type UnknownKeys, unknownKeys } from "./unknownKeys.ts";
import { parseRefusal, parseVerdict, type requestRefusals, type Verdict } from "./verdict.ts";

/** The kinds of differences between the upstream's verdict and ours. */
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

/** The upstream is the server that verified the keys of a workspace before this one, during a move. */
export type Upstream = {
  /**
   * `shadow`: the upstream decides, and this server compares. `fallback`: this server decides, and asks the upstream
   * only about keys that it does not know.
   */
  mode: "shadow" | "fallback";
  workspaceId: string;
  /** Asks the upstream to verify a key. */
  verify(body: object): Promise<UpstreamResponse>;
  /** the keys that the upstream is known not to have */
  unknown: UnknownKeys;
  /** limits the calls about keys that this server does not know */
  mayAsk: CallBudget;
  credits: CreditOrder;
  /** asks about each key only once at a time */
  singleFlight: SingleFlight<void>;
  noteDifference(kind: DifferenceKind, example: DifferenceExample): void;
  /** Returns the number of calls since the start, by result, including those that were not made (`not_asked`). */
  results(): Readonly<Record<UpstreamResult, number>>;
};

/**
 * `verdict`: the upstream has verified the key. `refused`: the upstream has rejected the request, for example as
 * invalid. `unavailable`: why the upstream has not responded usably or was not asked. The next call may succeed after
 * `retryAfterMs`.
 */
export type UpstreamResponse =
  | { verdict: Verdict }
  | { refused: (typeof requestRefusals)[number] }
  | { unavailable: string; retryAfterMs: number };

/** The maximum number of calls in progress. If the upstream is slow, more concurrent calls would only wait for it. */
const mostAtOnce = 256;

type Options = Pick<Upstream, "mode" | "workspaceId" | "noteDifference"> & {
  call: UpstreamClient;
  callsPerSecond: number;
  monotonicMs(): number;
  /** called when a call fails, with the reason */
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
    singleFlight: singleFlight(),
    results: () => results,
    async verify(body) {
      if (atOnce < mostAtOnce && breaker.admits()) return ask(body);
      results.not_asked += 1;
      const reason = "calls to it are paused, or too many are in progress";
      return { unavailable: reason, retryAfterMs: breaker.openForMs() };
    },
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
