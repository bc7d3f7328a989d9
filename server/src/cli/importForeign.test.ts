import { expect, test } from "bun:test";
import { UsageError } from "./commandError.ts";
import { importFlags } from "./import.ts";

test.each([
  [
    "a MySQL database",
    ["mysql://root@db/unkey", "--from", "unkey-dump"],
    "does not connect to MySQL. Write a dump",
  ],
  [
    "a dump for another api",
    ["a.sql", "--from", "unkey-dump", "--api", "api_1"],
    "its keys stay in their apis",
  ],
  ["a workspace of CSV", ["a.csv", "--from", "csv", "--from-workspace", "ws_1"], "needs --from unkey-dump"],
  ["a dump on the standard input", ["--from", "unkey-dump"], "needs a file that mysqldump wrote"],
  ["an unknown product", ["a.sql", "--from", "auth0"], "write a CSV file with the hash of each key"],
])("latchkey import refuses %s, and says what to do", (_, words, message) => {
  expect(() => importFlags(words)).toThrow(UsageError);
  expect(() => importFlags(words)).toThrow(message);
});
