import type { BulkDatabase } from "../storage/engines/bulk.ts";
import { CopyError, leaseLost } from "./copyError.ts";
import { type Role, renewLease } from "./marker.ts";

const renewEveryMs = 5_000;

/**
 * A lease keeps the source read-only while a copy runs. If the copy is killed, the lease
 * ends by itself after 30 seconds.
 */
export type Lease = {
  /**
   * Renews the lease if it is time. Call it before each batch. Errors: `CopyError` if the lease has ended, or
   * the operator has asked to stop.
   */
  keep(): Promise<void>;
  /** Renews the lease now. Errors: like `keep`. */
  renew(): Promise<void>;
};

/** Creates the lease of a copy, which is stored in these markers. */
export function leaseOf(
  { id, isStopped }: { id: string; isStopped(): boolean },
  markers: readonly { db: BulkDatabase; role: Role }[],
): Lease {
  let renewedAtMs = performance.now();

  async function renew(): Promise<void> {
    if (isStopped()) throw new CopyError("The copy was stopped. Run it again: it starts anew.");
    for (const { db, role } of markers) {
      if (!(await renewLease(db, role, id))) throw leaseLost();
    }
    renewedAtMs = performance.now();
  }

  return {
    renew,
    async keep() {
      if (isStopped() || performance.now() - renewedAtMs > renewEveryMs) await renew();
    },
  };
}
