type Row = Readonly<Record<string, string>>;

/** A button that downloads the rows on this page as a CSV file. */
export function CsvButton({ name, rows }: { name: string; rows: readonly Row[] }) {
  return (
    <a
      className="button"
      download={`${name}.csv`}
      href={`data:text/csv;charset=utf-8,${encodeURIComponent(csvOf(rows))}`}
    >
      Export this page as CSV
    </a>
  );
}

export function csvOf(rows: readonly Row[]): string {
  const names = Object.keys(rows[0] ?? {});
  const lines = [names, ...rows.map((row) => names.map((name) => row[name] ?? ""))];
  return lines.map((cells) => cells.map(cell).join(",")).join("\r\n");
}

/**
 * Formats a cell. If the text begins like a formula, a quote is put before it. Otherwise a spreadsheet would run the
 * formula.
 */
function cell(text: string): string {
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return `"${safe.replaceAll('"', '""')}"`;
}
