/**
 * Finds out how many credits of a key are left at the upstream. Verdicts on a key may arrive in another order than the
 * upstream decided them. The number in a verdict was right at some moment of its call. If calls overlap, nobody knows
 * which moment was the last, so the lowest number counts.
 */
export type CreditOrder = {
  /** Registers a call about this key. The caller must call `end` with the returned number. */
  begin(key: string): number;
  /** Registers that the call returned this many credits. */
  arrive(call: number, key: string, credits: number): void;
  /**
   * Whether no other call about the key of this call has been in progress since this call began. Otherwise the upstream
   * and this server may have counted the calls in different orders.
   */
  isAlone(call: number): boolean;
  /**
   * Returns the key's credits by the latest calls of this process, or `undefined` if no
   * recent call has returned them.
   */
  latest(key: string): number | undefined;
  end(call: number): void;
};

type Arrival = { at: number; key: string; credits: number };

export function creditOrder(): CreditOrder {
  let time = 0;
  /** calls in progress, by number, in the order of their beginning */
  const underWay = new Map<number, { readonly key: string; isAlone: boolean }>();
  /** the credits that have arrived since the oldest call in progress began */
  let arrivals: Arrival[] = [];

  return {
    begin(key) {
      time += 1;
      const others = [...underWay.values()].filter((one) => one.key === key);
      for (const one of others) one.isAlone = false;
      underWay.set(time, { key, isAlone: others.length === 0 });
      return time;
    },
    arrive(call, key, credits) {
      const overlapping = arrivals.filter((one) => one.key === key && one.at > call);
      const lowest = Math.min(credits, ...overlapping.map((one) => one.credits));
      time += 1;
      arrivals.push({ at: time, key, credits: lowest });
    },
    isAlone: (call) => underWay.get(call)?.isAlone === true,
    latest: (key) => arrivals.findLast((one) => one.key === key)?.credits,
    end(call) {
      underWay.delete(call);
      const [oldest = Number.POSITIVE_INFINITY] = underWay.keys();
      arrivals = arrivals.filter(({ at }) => at > oldest);
    },
  };
}
