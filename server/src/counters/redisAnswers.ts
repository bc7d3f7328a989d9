import type { Hit, Window, WindowState } from "./counters.ts";

/** What giving a hit back in Redis needs. */
export type Taken = {
  windows: readonly Window[];
  /** of the windows' counters */
  keys: readonly string[];
  /** what `hitScript` answered to this hit */
  numbers: readonly number[];
};

const numbersPerWindow = 6;

/** Where the numbers of a window begin in the answer to a hit. */
function firstOf(place: number): number {
  return 1 + place * numbersPerWindow;
}

/** Adds what `hitScript` is told of a hit. */
export function tellHit(
  args: string[],
  windows: readonly Pick<Window, "durationMs" | "limit" | "cost">[],
): void {
  args.push(`${windows.length}`);
  for (const { durationMs, limit, cost } of windows) args.push(`${durationMs}`, `${limit}`, `${cost}`);
}

/** How many numbers `hitScript` answers to a hit of so many windows. */
export function numbersFor(windows: number): number {
  return firstOf(windows);
}

export function readStates({ windows, numbers }: Taken): Omit<Hit, "receipt"> {
  const states: WindowState[] = [];
  for (let place = 0; place < windows.length; place += 1) {
    const at = firstOf(place);
    const [passed, remaining = 0, resetAtMs = 0] = [numbers[at], numbers[at + 1], numbers[at + 2]];
    states.push({ passed: passed === 1, remaining, resetAtMs });
  }
  return { passed: numbers[0] === 1, windows: states };
}

/** Of a refused call: how long after it the first cost stopped counting in the window at that place, ms. */
export function changesInMs({ numbers }: Taken, place: number): number {
  return numbers[firstOf(place) + 3] ?? 0;
}

/** The keys and arguments of `giveBackScript`: the last take first; what cost nothing took nothing. */
export function giveBackQuestion(
  time: string,
  { windows, keys, numbers }: Taken,
): [keys: string[], args: string[]] {
  const given: string[] = [];
  const args = [time];
  for (const [place, { durationMs, cost }] of [...windows.entries()].reverse()) {
    if (cost === 0) continue;
    const at = firstOf(place);
    given.push(keys[place] ?? "");
    args.push(...[durationMs, cost, ...numbers.slice(at + 3, at + numbersPerWindow)].map(String));
  }
  return [given, args];
}
