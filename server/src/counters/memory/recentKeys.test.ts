import { expect, test } from "bun:test";
import type { Window } from "../../domain/windows.ts";
import { counterKey } from "../counters.ts";
import { recentKeys } from "./recentKeys.ts";

test("each window gets its own key, however many windows are asked for and in whatever order", () => {
  const keyOf = recentKeys();
  const windows = Array.from(
    { length: 20 },
    (_, index): Window => ({
      space: "key",
      workspaceId: "ws_1",
      subject: `key_${index}`,
      name: "requests",
      durationMs: 60_000,
      limit: 1,
      cost: 1,
    }),
  );
  for (let step = 0; step < 400; step += 1) {
    for (const index of [step % 20, (step * 7) % 20, (step * step) % 20, 0]) {
      const window = windows[index] as Window;
      expect(keyOf(window)).toBe(counterKey(window));
    }
  }
});
