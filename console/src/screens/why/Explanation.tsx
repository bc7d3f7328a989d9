import { Link } from "@tanstack/react-router";
import type { Data } from "../../data/api.ts";
import { clockTime, exactly, fromNow, number, span } from "../../data/time.ts";
import { Badge, Outcome } from "../../parts/Outcome.tsx";
import { Time } from "../../parts/Time.tsx";

type Explained = Data<"keys.explain">;
type Check = Explained["checks"][number];

const labels: Record<Check["check"], string> = {
  found: "The key exists",
  workspace: "Its workspace is enabled",
  enabled: "It is enabled",
  expiry: "It has not expired",
  ipAllowList: "The address is allowed",
  permissions: "It has the permissions",
  ratelimit: "A rate limit has room",
  credits: "It has credits left",
  quota: "A quota has units left",
};

export function Explanation({
  explanation: { verdict, keyId, checks, passesAt, request },
}: {
  explanation: Explained;
}) {
  const firstFailed = checks.findIndex(({ passed }) => !passed);
  return (
    <section className="stack" aria-label="Explanation">
      {request === undefined ? null : <Recorded request={request} />}
      <div className="state" role="status">
        <Outcome code={verdict.code} />
        <p className="verdict">
          {verdict.valid
            ? "The request passes now."
            : (checks[firstFailed]?.why ?? "The request is refused now.")}
        </p>
        {passesAt === undefined ? null : (
          <p>
            The request passes at {clockTime(passesAt)}, {fromNow(passesAt)}, if nothing else changes.
          </p>
        )}
        {keyId === undefined ? null : (
          <Link to="/keys/$keyId" params={{ keyId }}>
            Open the key
          </Link>
        )}
      </div>
      <ol className="checks">
        {checks.map((check, index) => (
          <CheckItem key={keyOf(check)} check={check} isOpen={index === firstFailed} />
        ))}
      </ol>
    </section>
  );
}

/**
 * The outcome of the recorded request. The checks below it are those that the same request would pass or fail now, so
 * they may lead to another outcome.
 */
function Recorded({ request: { time, outcome } }: { request: NonNullable<Explained["request"]> }) {
  return (
    <p className="row">
      The request of {exactly(time)} got <Outcome code={outcome} /> The same request now:
    </p>
  );
}

function nameOf(check: Check): string {
  return check.check === "ratelimit" || check.check === "quota" ? check.name : "";
}

/** Returns a key for React. No two checks of an explanation have the same key. */
function keyOf(check: Check): string {
  return [check.check, nameOf(check), "owner" in check ? check.owner : ""].join(" ");
}

function titleOf(check: Check): string {
  if (check.check === "ratelimit") return `The limit ${check.name} has room`;
  return check.check === "quota" ? `The quota ${check.name} has units left` : labels[check.check];
}

function CheckItem({ check, isOpen }: { check: Check; isOpen: boolean }) {
  return (
    <li>
      <details open={isOpen}>
        <summary>
          <Badge tone={check.passed ? "good" : "bad"}>{check.passed ? "passed" : "failed"}</Badge>
          <span dir="auto">{titleOf(check)}</span>
        </summary>
        <div className="detail">
          <p dir="auto">{check.why}</p>
          {check.fix === undefined ? null : (
            <p className="note good">
              <strong>How to fix it:</strong> {check.fix}
            </p>
          )}
          <CheckFacts check={check} />
        </div>
      </details>
    </li>
  );
}

function CheckFacts({ check }: { check: Check }) {
  if (check.check === "permissions") return <PermissionTree check={check} />;
  if (check.check === "ratelimit") return <LimitFacts check={check} />;
  if (check.check === "found" && check.deletedAt !== undefined) {
    return (
      <p>
        Deleted <Time at={check.deletedAt} />.
      </p>
    );
  }
  return null;
}

function LimitFacts({
  check: { owner, limit, duration, used, cost, hides },
}: {
  check: Check & { check: "ratelimit" };
}) {
  if (limit === undefined || duration === undefined) return null;
  return (
    <p className="soft">
      {number(used ?? 0)} of {number(limit)} used in {span(duration)}; the request costs {number(cost)}. The
      limit belongs to the {owner}
      {hides === undefined ? "" : `, and replaces the ${hides}'s limit of the same name`}.
    </p>
  );
}

const kinds = { all: "all of", any: "any of" } as const;

/** The permission query as a tree. Below it, each permission of the key that matters, and whether it is from a role. */
function PermissionTree({ check: { parts, granted } }: { check: Check & { check: "permissions" } }) {
  return (
    <ul className="tree">
      {parts.map(({ depth, kind, permission, passed }, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the parts of a query never move, and nothing else tells them apart
        <li key={index} className={`depth-${Math.min(depth, 8)}`}>
          <Badge tone={passed ? "good" : "bad"}>{passed ? "yes" : "no"}</Badge>{" "}
          {kind === "permission" ? <code>{permission}</code> : kinds[kind]}
        </li>
      ))}
      {granted.map(({ slug, via }) => (
        <li key={slug + via} className="soft">
          has <code>{slug}</code> {via === "direct" ? "directly" : `by the ${via.replace(":", " ")}`}
        </li>
      ))}
    </ul>
  );
}
