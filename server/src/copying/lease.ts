import type { BulkDatabase } from "../storage/engines/bulk.ts";
import { CopyError, leaseLost } from "./copyError.ts";
import { type Role, renewLease } from "./marker.ts";

const renewEveryMs = 5_000;

export type Lease = {
  /** To be called before each batch. Errors: `CopyError` if the lease has ended, or the operator wants to stop. */
  keep(): Promise<void>;
  /** Renews it now. */
  renew(): Promise<void>;
};

/** Keeps the markers of a copy in force. */
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
