import type { BulkDatabase } from "../storage/engines/bulk.ts";
import { CopyError, leaseLost } from "./copyError.ts";
import { type Role, renewLease } from "./marker.ts";

const renewEveryMs = 5_000;

/**
 * The lease of a running copy. While the lease is valid, the source is read-only. If the copy is killed, the lease ends
 * within 30 seconds, because nothing renews it.
 */
export type Lease = {
  /**
   * Renews the lease if the last renewal is more than 5 seconds old. Call it before each batch of rows. Errors:
   * `CopyError` if the lease has ended, or if the operator has asked to stop the copy.
   */
  keep(): Promise<void>;
  /** Renews the lease now. Errors: as for `keep`. */
  renew(): Promise<void>;
};

/** Creates the lease of a copy. The lease is stored in `markers` (see `marker.ts`). */
export function leaseOf(
  { id, isStopRequested }: { id: string; isStopRequested(): boolean },
  markers: readonly { db: BulkDatabase; role: Role }[],
): Lease {
  let renewedAtMs = performance.now();

  async function renew(): Promise<void> {
    if (isStopRequested())
      throw new CopyError("The copy was stopped. Run the copy again: it starts from the beginning.");
    for (const { db, role } of markers) {
      if (!(await renewLease(db, role, id))) throw leaseLost();
    }
    renewedAtMs = performance.now();
  }

  return {
    renew,
    async keep() {
      if (isStopRequested() || performance.now() - renewedAtMs > renewEveryMs) await renew();
    },
  };
}
