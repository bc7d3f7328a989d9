import { useEffect, useState } from "react";
import { exactly, fromNow, minuteMs } from "../data/time.ts";

/** A time as `3 minutes ago` or `in 2 days`. The exact time is shown on hover, and screen readers read it. */
export function Time({ at, none = "never" }: { at: number | undefined | null; none?: string }) {
  const [, again] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => again((count) => count + 1), minuteMs / 2);
    return () => clearInterval(timer);
  }, []);
  if (at === undefined || at === null || at === 0) return <span className="soft">{none}</span>;
  return (
    <time dateTime={new Date(at).toISOString()} title={exactly(at)}>
      {fromNow(at)}
    </time>
  );
}
