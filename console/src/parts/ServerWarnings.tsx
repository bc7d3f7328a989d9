import type { ServerStatus } from "../data/serverStatus.ts";
import { number } from "../data/time.ts";

/** Warnings for the operator about the node that serves this page. Shows nothing if all is well. */
export function ServerWarnings({ status: { redis, usage } }: { status: ServerStatus }) {
  const lost = usage.droppedEvents + usage.droppedCounts;
  return (
    <>
      {redis === "down" ? (
        <div className="note warn" role="status">
          <strong>Redis cannot be reached</strong>
          <p>
            Each node now decides rate limits alone, and grants its share of each limit. When Redis is back,
            the nodes report to Redis what they granted.
          </p>
        </div>
      ) : null}
      {lost > 0 ? (
        <div className="note warn" role="status">
          <strong>Usage is incomplete</strong>
          <p>
            This node has lost {number(usage.droppedEvents)} events and {number(usage.droppedCounts)} counts
            since it was started, so usage reports are too low. The disk may be full or too slow: the log of
            the server says why.
          </p>
        </div>
      ) : null}
    </>
  );
}
