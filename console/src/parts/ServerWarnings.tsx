import type { ServerStatus } from "../data/serverStatus.ts";
import { number } from "../data/time.ts";

/** What an operator should know about the node that responds. Nothing if all is well. */
export function ServerWarnings({ status: { redis, usage } }: { status: ServerStatus }) {
  const lost = usage.droppedEvents + usage.droppedCounts;
  return (
    <>
      {redis === "down" ? (
        <div className="note warn" role="status">
          <strong>Redis cannot be reached</strong>
          <p>
            Until it can, each node lets pass its own share of every rate limit. What it lets pass is added to
            Redis afterwards.
          </p>
        </div>
      ) : null}
      {lost > 0 ? (
        <div className="note warn" role="status">
          <strong>Usage is incomplete</strong>
          <p>
            This node has lost {number(usage.droppedEvents)} events and {number(usage.droppedCounts)} counts
            since it started. The disk may be full or too slow: the log says why.
          </p>
        </div>
      ) : null}
    </>
  );
}
