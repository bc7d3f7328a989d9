import { z } from "zod";
import { type Settled, settle } from "./domain/settled.ts";
import { Failure, type Flaw } from "./errors/failure.ts";
import { flawsOf, mostFlaws, type Wording } from "./flaws.ts";
import { parsePlain } from "./plainInput.ts";

/** A response lists at most 100 violations, in at most 48 KiB. */
const mostListed = mostFlaws;
const mostListedBytes = 48 * 1024;

const wording: Wording = {
  root: "body",
  verb: "send",
  defaultFix: "see the description of this field in /openapi.json",
};

/**
 * Validates a value by a schema, and returns the parsed input. Errors: `invalid_input` with the first violations in
 * the order of the schema, unknown fields last. Its detail says how many more there are.
 */
export function parseInput(schema: z.ZodType, value: unknown): unknown {
  return parsePlain(schema, value) ?? inputOf(schema.safeParse(value), schema, value);
}

/** Like `parseInput`. Validates a long list in slices, and yields to the event loop between them. */
export async function parseLargeInput(schema: z.ZodType, value: unknown): Promise<unknown> {
  return inputOf(await schema.safeParseAsync(value), schema, value);
}

/**
 * Parses each entry of a list by itself. Returns for each its input, or the error that it would get as a whole body.
 * Errors: `invalid_input` if the value is not a list, or has too few or too many entries.
 */
export function parseEntries(list: z.ZodType, value: unknown): Settled<unknown>[] {
  const { element } = list as z.ZodArray<z.ZodType>;
  const entries = parseInput(listOfAnything(list as z.ZodArray), value);
  return (entries as unknown[]).map((entry) => settle(parseInput, element, entry));
}

const listsOfAnything = new WeakMap<z.ZodArray, z.ZodArray>();

/** Returns a schema for lists of the same lengths whose entries may be anything. It is created once for each `list`. */
function listOfAnything(list: z.ZodArray): z.ZodArray {
  let made = listsOfAnything.get(list);
  if (made === undefined) {
    made = z.clone(list, { ...list._zod.def, element: z.unknown() }) as z.ZodArray;
    listsOfAnything.set(list, made);
  }
  return made;
}

function inputOf(result: z.ZodSafeParseResult<unknown>, schema: z.ZodType, value: unknown): unknown {
  if (result.success) return result.data;
  const { issues } = result.error;
  const flaws = firstFlaws(issues, schema, value);
  const [first] = flaws;
  const count = issues.reduce((sum, issue) => sum + violationsIn(issue), 0);
  throw new Failure("invalid_input", {
    detail:
      first === undefined
        ? "The body is not valid."
        : `${first.location} ${first.message}${howManyMore(count, flaws.length)}.`,
    flaws,
  });
}

/**
 * Says how many violations the detail leaves out. Validation of a list stops at `mostListed` violations, so if `count`
 * is that high, there may be more.
 */
function howManyMore(count: number, listed: number): string {
  if (count === 1) return "";
  if (count < mostListed && listed === count) return ` (and ${count - 1} more)`;
  return ` (and at least ${count - 1} more, of which ${listed - 1} are listed)`;
}

type Issue = z.core.$ZodIssue;

function violationsIn(issue: Issue): number {
  return issue.code === "unrecognized_keys" ? issue.keys.length : 1;
}

/** Returns the first flaws: at most `mostListed`, and at most `mostListedBytes` of JSON. */
function firstFlaws(issues: readonly Issue[], schema: z.ZodType, value: unknown): Flaw[] {
  const listed: Flaw[] = [];
  let bytes = 0;
  for (const issue of issues) {
    for (const flaw of flawsOf(issue, { schema, value, wording })) {
      bytes += new TextEncoder().encode(JSON.stringify(flaw)).byteLength;
      if (listed.length === mostListed || bytes > mostListedBytes) return listed;
      listed.push(flaw);
    }
  }
  return listed;
}
