/**
 * Verdicts on one key may arrive in another order than the upstream decided them. What each says about credits is true at
 * some moment of its call, so of calls that overlap the lowest number is kept.
 */
export type CreditOrder = {
  /** A call about this key begins. `end` must follow. */
  begin(key: string): number;
  /** The call returned this many credits. */
  arrive(call: number, key: string, credits: number): void;
  /** Whether no other call about the key has been under way since this one began. */
  isAlone(call: number, key: string): boolean;
  /** the credits that the key has, as far as the calls of this process say; undefined: none has said it lately */
  latest(key: string): number | undefined;
  end(call: number): void;
};

type Arrival = { at: number; key: string; credits: number };

export function creditOrder(): CreditOrder {
  let time = 0;
  /** calls under way, in the order of their beginning */
  const underWay = new Map<number, string>();
  /** what arrived since the oldest call under way began */
  let arrivals: Arrival[] = [];

  const overlapping = (call: number, key: string) =>
    arrivals.filter((one) => one.key === key && one.at > call);

  return {
    begin(key) {
      time += 1;
      underWay.set(time, key);
      return time;
    },
    arrive(call, key, credits) {
      const lowest = Math.min(credits, ...overlapping(call, key).map((one) => one.credits));
      time += 1;
      arrivals.push({ at: time, key, credits: lowest });
    },
    isAlone: (call, key) =>
      overlapping(call, key).length === 0 &&
      [...underWay].every(([other, ofKey]) => other === call || ofKey !== key),
    latest: (key) => arrivals.findLast((one) => one.key === key)?.credits,
    end(call) {
      underWay.delete(call);
      const [oldest = Number.POSITIVE_INFINITY] = underWay.keys();
      arrivals = arrivals.filter(({ at }) => at > oldest);
    },
  };
}
