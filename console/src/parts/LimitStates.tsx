import type { Data } from "../data/api.ts";
import { number, span } from "../data/time.ts";
import { Meter } from "./Meter.tsx";
import { Badge } from "./Outcome.tsx";
import { Time } from "./Time.tsx";

type Limit = Data<"keys.getState">["ratelimits"][number];

/** The current state of rate limits. */
export function LimitStates({ limits, none }: { limits: readonly Limit[]; none: string }) {
  if (limits.length === 0) return <p className="soft">{none}</p>;
  return (
    <ul className="stack">
      {limits.map((limit) => (
        <LimitState key={limit.id} limit={limit} />
      ))}
    </ul>
  );
}

function LimitState({
  limit: { name, limit, duration, used, remaining, reset, owner, autoApply },
}: {
  limit: Limit;
}) {
  const isFull = remaining === 0;
  return (
    <li className="limit">
      <div className="card-head">
        <span className="row">
          <strong dir="auto">{name}</strong>
          {isFull ? <Badge tone="bad">full</Badge> : null}
        </span>
        <span>
          {number(used)}{" "}
          <span className="soft">
            of {number(limit)} per {span(duration)}
          </span>
        </span>
      </div>
      <Meter used={used} limit={limit} isFull={isFull} />
      <span className="small soft">
        {owner === "identity" ? "Shared by the identity's keys" : "This key's own"}
        {autoApply ? "" : ", only when a verification names it"}
        {used > 0 ? (
          <>
            , unused again <Time at={reset} />
          </>
        ) : null}
      </span>
    </li>
  );
}
