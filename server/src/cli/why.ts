import type { Operation } from "../operation.ts";
import { callOperation, type Target } from "./call.ts";

/** The part of an explanation that the command prints. */
type Explanation = {
  verdict: { valid: boolean; code: string };
  keyId?: string;
  request?: { requestId: string; time: number; outcome: string };
  at: number;
  checks: Check[];
  passesAt?: number;
};

type Check = {
  check: string;
  passed: boolean;
  why: string;
  fix?: string;
  name?: string;
  parts?: { depth: number; kind: "all" | "any" | "permission"; permission?: string; passed: boolean }[];
  granted?: { slug: string; via: string }[];
};

/**
 * `latchkey keys why`: prints why a key is valid or refused. The flags are the fields of the operation `keys.explain`.
 * Before the flags, there may be one word without a flag: the key, its id, or the id of a request.
 */
export async function why(
  operations: readonly Operation[],
  words: readonly string[],
  target: Target,
): Promise<number> {
  const explain = operations.find(({ name }) => name === "keys.explain");
  if (explain === undefined) throw new Error("keys.explain is not an operation");
  return callOperation(explain, whyFlags(words), target, whyText);
}

function whyFlags([first, ...rest]: readonly string[]): string[] {
  if (first === undefined) return [];
  const flags = first.startsWith("--") ? [first, ...rest] : [flagFor(first), first, ...rest];
  return flags.map((word) => (word === "--request" ? "--requestId" : word));
}

function flagFor(word: string): string {
  const [, kind] = /^(key|req)_[0-9A-Za-z]{22}$/.exec(word) ?? [];
  if (kind === undefined) return "--key";
  return kind === "key" ? "--keyId" : "--requestId";
}

/** Formats an explanation as text for people. */
export function whyText(data: unknown): string {
  const { verdict, keyId, request, at, checks, passesAt } = data as Explanation;
  const key = keyId === undefined ? "The key" : `The key ${keyId}`;
  const outcome = verdict.valid ? "is valid" : `is refused: ${verdict.code}`;
  const asked =
    request === undefined
      ? ""
      : `The request ${request.requestId} got ${request.outcome} at ${timeText(request.time)}. Decided again:\n`;
  const verdictLine = `${asked}${key} ${outcome}, at ${timeText(at)}.`;
  const lines = checks.flatMap(checkLines);
  if (verdict.valid) return [verdictLine, "", ...lines].join("\n");
  const last =
    passesAt === undefined
      ? "Waiting does not help: each check marked FAIL says what to change."
      : `If nothing else changes, the key passes at ${timeText(passesAt)}.`;
  return [verdictLine, "", ...lines, "", last].join("\n");
}

const margin = " ".repeat(20);

function checkLines({ check, passed, why, fix, name, parts = [], granted = [] }: Check): string[] {
  const subject = name === undefined ? "" : `${name}: `;
  const head = `  ${passed ? "ok  " : "FAIL"}  ${check.padEnd(12)}${subject}${why}`;
  const tree = passed ? [] : partLines(parts);
  const held = granted.map(({ slug, via }) => `${margin}The key has ${slug}, ${viaText(via)}.`);
  return [head, ...tree, ...held, ...(fix === undefined ? [] : [`${margin}Fix: ${fix}`])];
}

function partLines(parts: NonNullable<Check["parts"]>): string[] {
  return parts.map(({ depth, kind, permission, passed }) => {
    const text = kind === "permission" ? permission : `${kind === "all" ? "all" : "any"} of:`;
    return `${margin}${"  ".repeat(depth)}${passed ? "+" : "-"} ${text}`;
  });
}

function viaText(via: string): string {
  return via.startsWith("role:") ? `through the role ${via.slice("role:".length)}` : "directly";
}

function timeText(ms: number): string {
  return new Date(ms).toISOString();
}
