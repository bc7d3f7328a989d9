import { z } from "zod";
import type { Certain } from "../../domain/certain.ts";
import { nextTurn } from "../../domain/nextTurn.ts";

/** Text of `min` to `max` code points, as JSON Schema counts them. `plainInput.ts` accepts most texts without Zod. */
export function text(min: number, max: number) {
  // a code point is one or two UTF-16 units, so a text with such a `length` is within the bounds, uncounted
  const isCertain = (input: string) => input.length >= 2 * min && input.length <= max;
  const check = ({ value: input, issues }: z.core.ParsePayload<string>) => {
    if (isCertain(input)) return;
    const length = input.length > 2 * max ? input.length : Array.from(input).length;
    const issue = { origin: "string", inclusive: true, continue: true, input } as const;
    if (length < min) issues.push({ ...issue, code: "too_small", minimum: min });
    if (length > max) issues.push({ ...issue, code: "too_big", maximum: max });
  };
  return z
    .string()
    .check(checkWith(check, isCertain))
    .meta(min === 0 ? { maxLength: max } : { minLength: min, maxLength: max });
}

/**
 * A Zod check with a fast function for `plainInput.ts`: if `isCertain` returns true, the value passes the check.
 */
export function checkWith<T>(
  check: (payload: z.core.ParsePayload<T>) => void,
  isCertain: (value: T) => boolean,
) {
  return Object.assign(check, { isCertain: isCertain as Certain });
}

/** Validation of a list stops after this many violations, because no response lists more. */
const maxViolations = 100;

const List = z.core.$constructor("List", (list: z.ZodArray, def: z.core.$ZodArrayDef) => {
  z.ZodArray.init(list, def);
  const { parse } = list._zod;
  const maxItems = Math.min(...z.core.util.sizeCaps(def.checks).map(([most]) => most));
  list._zod.parse = (payload, context) => {
    const items: unknown = payload.value;
    const isRefusedWhole = !Array.isArray(items) || items.length > maxItems;
    if (isRefusedWhole) return parse(payload, context);
    const slices = parseSlices(items, def.element, payload, { ...context, async: false });
    if (context.async === true) return inTurns(slices);
    for (;;) {
      const { done, value } = slices.next();
      if (done === true) return value;
    }
  };
});

const itemsPerSlice = 200;

/**
 * Validates the items in slices, and yields between two slices, so that the caller can let other requests run. Returns
 * `payload` with the parsed items, or with the issues.
 */
function* parseSlices(
  items: readonly unknown[],
  element: z.core.SomeType,
  payload: z.core.ParsePayload,
  context: z.core.ParseContextInternal,
) {
  const parsed: unknown[] = [];
  let violations = 0;
  for (const [index, item] of items.entries()) {
    if (index > 0 && index % itemsPerSlice === 0) yield;
    const result = element._zod.run({ value: item, issues: [] }, context);
    if (result instanceof Promise) throw new z.core.$ZodAsyncError();
    violations += result.issues.reduce((sum, issue) => sum + violationsIn(issue), 0);
    payload.issues.push(...z.core.util.prefixIssues(index, result.issues));
    if (violations >= maxViolations) return Object.assign(payload, { aborted: true });
    parsed.push(result.value);
  }
  return Object.assign(payload, { value: parsed });
}

/** Lets the event loop handle other requests between two slices. */
async function inTurns<T>(slices: Generator<undefined, T>): Promise<T> {
  for (;;) {
    const { done, value } = slices.next();
    if (done === true) return value;
    await nextTurn();
  }
}

function violationsIn(issue: z.core.$ZodRawIssue): number {
  return issue.code === "unrecognized_keys" ? issue.keys.length : 1;
}

/**
 * Like `z.array`, for long lists. Validation stops after `maxViolations` violations. If it is asynchronous, other
 * requests get a turn between slices.
 */
export function list<T extends z.ZodType>(element: T): z.ZodArray<T> {
  return new List({ type: "array", element }) as unknown as z.ZodArray<T>;
}

/** The start of the year 2100: no later time is stored. */
export const lastInstantMs = 4_102_444_800_000;

/** Unix time in milliseconds, up to the start of the year 2100. */
export const instant = z.int().min(0).max(lastInstantMs).describe("Unix time in milliseconds.");

/** An id in a response. Its description says what it identifies. */
export const storedId = z.string().min(1).max(255);

/** A count, a cost, or a number of milliseconds. */
export const amount = z.int().min(0);

/** The description of a permission or a role. */
export const description = text(0, 512).describe(
  "What it allows, as text for people. Empty text: no description.",
);

const wordCharacters = /^[a-zA-Z0-9_]+$/;

/** ASCII letters, digits and underscores: ids and prefixes. */
export function word(min: number, max: number) {
  return z.string().min(min).max(max).regex(wordCharacters, "use only letters, digits and _");
}
