import { jsonSchema } from "../jsonSchema.ts";
import type { Operation } from "../operation.ts";
import { exitCodes, UsageError } from "./commandError.ts";
import { type Flags, isList, type Schema } from "./fields.ts";
import { type Table, tableOf } from "./table.ts";

/** A page of a list, as the server returns it. */
export type ListReply = { data?: unknown; pagination?: { cursor?: string } };

type Printing = {
  operation: Operation;
  flags: Flags;
  /** the width of the terminal in characters; undefined: the output does not go to a terminal */
  terminalWidth: number | undefined;
  /** Calls the operation with these fields added to the body. */
  ask(more: object): Promise<{ ok: boolean; reply: ListReply }>;
};

/** Whether to print rows: a table, or the items of all pages. Otherwise the response is printed unchanged. */
export function printsRows({ operation, flags, terminalWidth }: Omit<Printing, "ask">): boolean {
  if (!isList(operation)) return false;
  return formOf(flags.further.output, terminalWidth) === "table" || flags.further.all !== undefined;
}

/**
 * Prints the items of a list page by page, as a table or as one line of JSON each. Returns the exit code. Errors:
 * `CommandError`.
 */
export async function printRows(printing: Printing): Promise<number> {
  const { operation, flags, terminalWidth, ask } = printing;
  const print = printer(itemSchema(operation), flags.further.output, terminalWidth);
  let more = {};
  for (;;) {
    const { ok, reply } = await ask(more);
    if (!ok) {
      console.error(JSON.stringify(reply, null, 2));
      return exitCodes.error;
    }
    print(reply.data as object[]);
    const { cursor } = reply.pagination ?? {};
    if (cursor === undefined) return exitCodes.ok;
    if (flags.further.all === undefined) {
      console.error(`There are more items: use --all, or --cursor ${cursor}`);
      return exitCodes.ok;
    }
    more = { cursor };
  }
}

/**
 * Returns a function that prints the rows of a page. The rows of the first page decide the columns. Errors:
 * `UsageError` if `--output` has an unknown value.
 */
export function printer(
  item: Schema,
  output: string | undefined,
  terminalWidth: number | undefined,
): (rows: readonly object[]) => void {
  const isTable = formOf(output, terminalWidth) === "table";
  let table: Table | undefined;
  const lineOf = (row: object) => table?.line(row) ?? JSON.stringify(row);
  return (rows) => {
    if (isTable && table === undefined && rows.length > 0) {
      table = tableOf(item, rows, terminalWidth ?? Number.POSITIVE_INFINITY);
      console.log(table.head);
    }
    for (const row of rows) console.log(lineOf(row));
  };
}

/**
 * Returns how to print a list. Default: as a table on a terminal, else as JSON. Errors: `UsageError` if `output` is
 * another text.
 */
function formOf(output: string | undefined, terminalWidth: number | undefined): "table" | "json" {
  if (output === undefined) return terminalWidth === undefined ? "json" : "table";
  if (output === "table" || output === "json") return output;
  throw new UsageError(`--output must be table or json, and ${JSON.stringify(output)} is not.`);
}

function itemSchema({ page }: Operation): Schema {
  return page === undefined ? {} : (jsonSchema(page, "output") as Schema);
}
