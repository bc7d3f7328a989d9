/** The database that a setting or a flag names. */
export type DatabaseAddress =
  | { kind: "file"; path: string }
  | { kind: "memory" }
  | { kind: "postgres"; url: string };

const forms = "must be file:<path>, :memory: or postgres://<user>:<password>@<host>:<port>/<database>";
const memoryForm = "must be :memory:, without file:, for a database in memory";

/** Parses an address such as `DATABASE_URL`. If it is wrong or ambiguous, `flaw` says why and what to write instead. */
export function parseDatabaseUrl(text: string, isWindows = false): DatabaseAddress | { flaw: string } {
  if (text === ":memory:") return { kind: "memory" };
  if (/^postgres(ql)?:\/\/./.test(text) && URL.canParse(text)) return { kind: "postgres", url: text };
  if (!text.startsWith("file:") || text === "file:") return { flaw: forms };
  const path = withoutHost(text.slice("file:".length), isWindows);
  const flaw = flawOf(path);
  if (flaw !== undefined) return { flaw };
  const decoded = decode(path);
  if (decoded === undefined)
    return { flaw: "has a % that is not part of a percent-encoded character: write %25 for a percent sign" };
  const decodedFlaw = flawOfDecoded(decoded, isWindows);
  if (decodedFlaw !== undefined) return { flaw: decodedFlaw };
  return { kind: "file", path: decoded };
}

/** The text that names this database: `parseDatabaseUrl` parses it to the same address. */
export function databaseUrl(address: DatabaseAddress): string {
  switch (address.kind) {
    case "memory":
      return ":memory:";
    case "postgres":
      return address.url;
    case "file":
      return `file:${address.path.replace(/[%?#\s]|^~|^\/(?=\/)/g, escaped)}`;
  }
}

function escaped(character: string): string {
  const bytes = new TextEncoder().encode(character);
  return Array.from(bytes, (byte) => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`).join("");
}

/** Removes the host, so that `///x` and `//localhost/x` become `/x`. On Windows, `///C:/x` becomes `C:/x`. */
function withoutHost(path: string, isWindows: boolean): string {
  const local = path.replace(/^\/\/(localhost)?(?=\/)/, "");
  return isWindows && /^\/[A-Za-z]:[\\/]/.test(local) ? local.slice(1) : local;
}

/** What is wrong with the path, before its percent-encoding is decoded. */
function flawOf(path: string): string | undefined {
  if (path.startsWith("//")) {
    return "names a host after file://: write file:/<path> for a path from the root, or file:<path>";
  }
  if (path !== path.trim())
    return "has a space before or after its path: remove it, or write %20 if it is part of the path";
  if (/[?#]/.test(path)) {
    return "must be a path without parameters: write file:<path>, with %3F for a question mark and %23 for a #";
  }
  if (path.startsWith("~"))
    return "must not begin its path with ~, which is not expanded: write file:/home/<user>/<path>";
  return undefined;
}

/** What is wrong with the decoded path. */
function flawOfDecoded(path: string, isWindows: boolean): string | undefined {
  if (path.includes("\0")) return "must not have a NUL character in its path";
  if (path === ":memory:") return memoryForm;
  if (/[\\/]$/.test(path)) return "names a folder: write file:<path> with the name of the file at its end";
  if (!isWindows && /^\/*[A-Za-z]:[\\/]/.test(path))
    return "is a path of Windows, but this system is not Windows: write file:/<path>";
  return undefined;
}

function decode(path: string): string | undefined {
  try {
    return decodeURIComponent(path);
  } catch {
    return undefined;
  }
}
