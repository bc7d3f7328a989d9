/**
 * Finds out how many credits of a key are left at the upstream. Verdicts on a key may arrive in another order than that
 * in which the upstream decided. The credits in a verdict were right at some moment of its call. If calls overlap, it
 * is unknown which of them was decided last, so the lowest number of credits counts.
 */
export type CreditOrder = {
  /** Registers a call about this key. The caller must call `end` with the returned number. */
  begin(key: string): number;
  /** Registers how many credits the call has returned. */
  arrive(call: number, key: string, credits: number): void;
  /**
   * Returns whether this call has been the only call about its key since it began. If not, the upstream and this server
   * may have counted the overlapping calls in different orders.
   */
  isAlone(call: number): boolean;
  /**
   * Returns the key's credits according to the latest calls of this process, or `undefined` if no recent call has
   * returned them.
   */
  latest(key: string): number | undefined;
  end(call: number): void;
};

type Arrival = { at: number; key: string; credits: number };

export function creditOrder(): CreditOrder {
  let time = 0; // counts beginnings and arrivals, so that a larger number means later
  /** calls in progress, by number, in the order in which they began */
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
