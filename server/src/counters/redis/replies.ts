import type { Window } from "../../domain/windows.ts";
import type { Hit, Peeked, WindowState } from "../counters.ts";

/** The reply of Redis to a hit, with what is needed to undo the hit. */
export type Taken = {
  windows: readonly Window[];
  /** the keys of the windows' counters, in the same order */
  keys: readonly string[];
  /** what `hitScript` returned for this hit */
  numbers: readonly number[];
};

const numbersPerWindow = 6;

/** Returns where in the reply to a hit the numbers of a window begin. `place` is the window's index in the call. */
function firstOf(place: number): number {
  return 1 + place * numbersPerWindow;
}

/** Appends the arguments of one hit for `hitScript`. */
export function pushHitArgs(
  args: string[],
  windows: readonly Pick<Window, "durationMs" | "limit" | "cost">[],
): void {
  args.push(`${windows.length}`);
  pushWindowArgs(args, windows);
}

/** Appends duration, limit and cost of each window. */
export function pushWindowArgs(
  args: string[],
  windows: readonly Pick<Window, "durationMs" | "limit" | "cost">[],
): void {
  for (const { durationMs, limit, cost } of windows) args.push(`${durationMs}`, `${limit}`, `${cost}`);
}

/** Returns how many numbers `hitScript` returns for a hit with this many windows. */
export function numbersFor(windows: number): number {
  return firstOf(windows);
}

export function readStates({ windows, numbers }: Taken): Omit<Hit, "receipt"> {
  const states: WindowState[] = [];
  for (let place = 0; place < windows.length; place += 1) {
    const at = firstOf(place);
    const [passed, remaining = 0, resetInMs = 0] = [numbers[at], numbers[at + 1], numbers[at + 2]];
    states.push({ passed: passed === 1, remaining, resetInMs });
  }
  return { passed: numbers[0] === 1, windows: states };
}

const numbersPerPeek = 4;

/** Reads the reply of `peekScript`. */
export function readPeeked(windows: readonly Window[], numbers: readonly number[]): Peeked[] {
  return windows.map(({ limit }, place) => {
    const at = place * numbersPerPeek;
    const [passed, used = 0, emptyInMs = 0, passes = -1] = numbers.slice(at, at + numbersPerPeek);
    return { passed: passed === 1, limit, used, emptyInMs, passesInMs: passes === -1 ? undefined : passes };
  });
}

/** Returns the milliseconds until the first cost in a window stops counting. The hit must have been refused. */
export function changesInMs({ numbers }: Taken, place: number): number {
  return numbers[firstOf(place) + 3] ?? 0;
}

/**
 * Returns the keys and arguments for `giveBackScript`, last window first. Windows with a cost of 0 are left out:
 * nothing was counted in them.
 */
export function giveBackCall(
  time: string,
  { windows, keys, numbers }: Taken,
): [keys: string[], args: string[]] {
  const counted: string[] = [];
  const args = [time];
  for (const [place, { durationMs, cost }] of [...windows.entries()].reverse()) {
    if (cost === 0) continue;
    const at = firstOf(place);
    counted.push(keys[place] ?? "");
    args.push(...[durationMs, cost, ...numbers.slice(at + 3, at + numbersPerWindow)].map(String));
  }
  return [counted, args];
}
