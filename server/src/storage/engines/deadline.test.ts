import { expect, test } from "bun:test";
import { within } from "./deadline.ts";

test("an error after the deadline says what is wrong, because messages to the operator quote it", async () => {
  const late = within(1, new Promise(() => undefined));
  expect(await late.catch((error: Error) => error.message)).toBe("no response in time");
});
