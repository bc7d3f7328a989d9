/**
 * Prints a table of the operations of Unkey's official clients, with whether Latchkey has them. Exits with 1 if
 * Latchkey lacks an operation that `notOffered` in server/test/compat/offered.ts does not list.
 */

import { goClient } from "../server/test/compat/goClient.ts";
import { compareOperations, gapsOf, type Offered } from "../server/test/compat/offered.ts";
import type { OfficialClient } from "../server/test/compat/officialClient.ts";
import { pythonClient, pythonVersions } from "../server/test/compat/pythonClient.ts";
import { typescriptClient } from "../server/test/compat/typescriptClient.ts";

const clients = [
  typescriptClient(),
  ...(await Promise.all([...pythonVersions.map(pythonClient), goClient()])),
];
const offered = await compareOperations(clients);
for (const line of table(offered, clients)) console.log(line);
const gaps = gapsOf(offered);
for (const gap of gaps) console.error(`GAP ${gap}`);
const served = offered.filter(({ support }) => support.state === "served").length;
const refused = offered.filter(({ support }) => support.state === "not offered").length;
console.log(`${served} served, ${refused} not offered, ${gaps.length} gaps`);
await Promise.all(clients.map((client) => client.close()));
process.exitCode = gaps.length === 0 ? 0 : 1;

function table(rows: readonly Offered[], columns: readonly OfficialClient[]): string[] {
  const head = ["operation", ...columns.map(({ name }) => name), "Latchkey"];
  const cells = rows.map(({ operation, clients: having, support }) => [
    operation,
    ...columns.map(({ name }) => (having.includes(name) ? "yes" : "-")),
    support.state === "not offered" ? `not offered: ${support.reason}` : support.state,
  ]);
  const widths = head.map((_, column) =>
    Math.max(...[head, ...cells].map((row) => row[column]?.length ?? 0)),
  );
  return [head, ...cells].map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}
