import { expect, test } from "bun:test";
import { UsageError } from "./commandError.ts";
import { exportFlags } from "./export.ts";
import { importFlags } from "./import.ts";
import { statusFlags } from "./importStatus.ts";
import { unkeyFlags } from "./importUnkey.ts";

test.each([
  [
    "export",
    exportFlags,
    ["dump.jsonl"],
    'Unexpected argument "dump.jsonl"; allowed: --workspace, --output, ',
  ],
  ["import status", statusFlags, ["30"], 'Unexpected argument "30"; allowed: --workspace, --not-seen-days.'],
  ["import unkey", unkeyFlags, ["--api", "api_1", "api_2"], 'Unexpected argument "api_2"; allowed: --api, '],
  [
    "import",
    importFlags,
    ["a.jsonl", "b.jsonl"],
    'Unexpected argument "b.jsonl": latchkey import takes only one file.',
  ],
  [
    "import status",
    statusFlags,
    ["--days", "30"],
    "Unknown option '--days'; allowed: --workspace, --not-seen-days.",
  ],
])(
  "latchkey %s names the argument that it does not take, and what it takes instead",
  (_, parse, words, said) => {
    expect(() => parse(words)).toThrow(UsageError);
    expect(() => parse(words)).toThrow(said);
  },
);
