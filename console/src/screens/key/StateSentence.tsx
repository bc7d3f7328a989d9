import { Link } from "@tanstack/react-router";
import type { Data } from "../../data/api.ts";
import { useOperation } from "../../data/queries.ts";
import { clockTime, fromNow } from "../../data/time.ts";
import { Outcome } from "../../parts/Outcome.tsx";
import { Problem } from "../../parts/Problem.tsx";

/** One sentence about the verdict that a verification would get now if it asks for no permissions. */
export function StateSentence({ keyId }: { keyId: string }) {
  const { data, error } = useOperation("keys.explain", { keyId }, { refetchInterval: 5_000 });
  if (data === undefined) return <Problem error={error} />;
  return (
    <div className="state">
      <Outcome code={data.data.verdict.code} />
      <p className="verdict">{sentenceOf(data.data)}</p>
      <Link to="/why" search={{ keyId }}>
        {data.data.verdict.valid ? "Try a request" : "Why, and how to fix it"}
      </Link>
    </div>
  );
}

function sentenceOf({ verdict, checks, passesAt }: Data<"keys.explain">): string {
  if (verdict.valid) return "A verification that asks for no permissions passes now.";
  const failed = checks.find(({ passed }) => !passed);
  const until =
    passesAt === undefined
      ? ""
      : ` A verification passes again at ${clockTime(passesAt)}, ${fromNow(passesAt)}.`;
  if (failed?.check === "ratelimit") return `The limit “${failed.name}” is full.${until}`;
  return `${failed?.why ?? "Refused."}${until}`;
}
