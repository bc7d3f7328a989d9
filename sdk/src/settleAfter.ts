import { ConnectionError, LatchkeyError } from "./errors.ts";
import { logLine } from "./guardLog.ts";
import type { VerifiedKey } from "./guardOptions.ts";
import type { CreditsOperations } from "./operations.gen.ts";

type Credits = { credits: Pick<CreditsOperations, "settle" | "release"> };
type SettleOptions = {
  /** How long settling may take in milliseconds, including retries. @default 5000 */
  timeoutMs?: number;
  /** Called if the reservation cannot be settled. @default `console.error` with the message */
  log?: (message: string, error: LatchkeyError) => void;
};

/**
 * Runs `work`, then settles the key's reservation, also if `work` throws. `work` reports the units it has used by
 * calling `use`, and the sum is charged. If it reports none, the reservation is released. If the key has no
 * reservation, only `work` runs. If settling fails, the failure is logged, the result of `work` is still returned, and
 * the reservation ends after its `ttl`. Errors: those of `work`.
 */
export async function settleAfter<Returned>(
  latchkey: Credits,
  key: Pick<VerifiedKey, "reservation"> | undefined,
  work: (use: (amount: number) => void) => Returned | Promise<Returned>,
  options: SettleOptions = {},
): Promise<Returned> {
  const { reservation } = key ?? {};
  let used = 0;
  let isOver = false;
  const use = (amount: number) => {
    if (isOver) {
      throw new LatchkeyError(
        "The reservation is already settled, so `use` cannot report more units. Within `work`, await everything that calls `use`.",
      );
    }
    if (!Number.isSafeInteger(amount) || amount < 0) {
      throw new LatchkeyError("`use` takes a number of units, which must be a whole number of 0 or more.");
    }
    used += amount;
  };
  try {
    return await work(use);
  } finally {
    isOver = true;
    if (reservation !== undefined) await settle(latchkey, reservation.id, used, options);
  }
}

async function settle(
  { credits }: Credits,
  reservationId: string,
  amount: number,
  { timeoutMs = 5000, log = logLine }: SettleOptions,
): Promise<void> {
  const attempt = (timeoutMs: number) =>
    amount === 0
      ? credits.release({ reservationId }, { timeoutMs })
      : credits.settle({ reservationId, amount }, { timeoutMs });
  try {
    await repeating(attempt, timeoutMs);
  } catch (error) {
    if (!(error instanceof LatchkeyError)) throw error;
    log(
      `latchkey: the reservation ${reservationId} could not be settled with ${amount} units: ${error.message} When its \`ttl\` is over, the server releases or charges all of it, as its \`onExpiry\` says.`,
      error,
    );
  }
}

/**
 * Repeats a call at most twice if its response was lost. This is safe: if the server has already settled the
 * reservation, it changes nothing and returns the same outcome again.
 */
async function repeating(attempt: (timeoutMs: number) => Promise<unknown>, timeoutMs: number): Promise<void> {
  const endsAt = performance.now() + timeoutMs;
  for (let count = 1; ; count += 1) {
    const leftMs = endsAt - performance.now();
    try {
      await attempt(Math.max(1, leftMs));
      return;
    } catch (error) {
      if (!(error instanceof ConnectionError) || error.refused || count === 3) throw error;
    }
  }
}
