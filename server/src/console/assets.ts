import { readdirSync, readFileSync } from "node:fs";
import { extname, join } from "node:path";

/** Returns the file at this path below `/console/`, or `undefined` if it does not exist. */
export type Assets = (path: string, acceptEncoding: string) => Response | undefined;

const types: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
};

/** the encodings of compressed files and the endings of their names, in order of preference */
const encodings = [
  ["br", ".br"],
  ["gzip", ".gz"],
] as const;

/** Reads the built console into memory. Errors: those of the file system. */
export function readAssets(folder: string): Assets {
  const names = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((one) => one.isFile());
  const files = new Map(
    names.map((one) => {
      const path = join(one.parentPath, one.name);
      return [path.slice(folder.length + 1).replaceAll("\\", "/"), readFileSync(path)] as const;
    }),
  );
  return (path, acceptEncoding) => {
    const type = types[extname(path)];
    if (type === undefined || !files.has(path)) return undefined;
    const accepted = acceptEncoding.split(",").map((one) => one.trim().toLowerCase());
    const [encoding, ending] = encodings.find(
      ([name, end]) => accepted.includes(name) && files.has(path + end),
    ) ?? [undefined, ""];
    const headers = new Headers({
      "Content-Type": type,
      "Cache-Control": cachingOf(path),
      Vary: "Accept-Encoding",
    });
    if (encoding !== undefined) headers.set("Content-Encoding", encoding);
    return new Response(files.get(path + ending), { headers });
  };
}

/** Returns the Cache-Control header. Files in `assets/` never change: their names contain a hash of their content. */
function cachingOf(path: string): string {
  return path.startsWith("assets/") ? "public, max-age=31536000, immutable" : "no-cache";
}
