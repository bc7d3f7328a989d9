import { dirname, join } from "node:path/posix";

/** What the files of a room (a file or folder of the table) may import in addition to each other. */
type Rule = {
  rooms?: readonly string[];
  /** rooms from which only types may be imported */
  types?: readonly string[];
  /** npm packages */
  packages?: readonly string[];
  /** npm packages from which only types may be imported */
  packageTypes?: readonly string[];
  /** the built-in modules of Node */
  node?: true;
  /** whether the files of the room must not import each other */
  apart?: true;
  why?: string;
};

const stored = ["domain/", "storage/"];

/**
 * The import table. A room is a file or a folder of `server/src`, or of the client (`sdk/src/…`). `<group>` stands for
 * any folder. If several rooms contain a file, the file belongs to the room with the longest name; `<group>` adds no
 * length.
 */
export const rooms: Readonly<Record<string, Rule>> = {
  "errors/": {},
  "log.ts": { node: true },
  "metrics.ts": {},
  "version.ts": {},
  "config/": { rooms: ["flaws.ts", "domain/"], packages: ["zod"], node: true },
  "jsonSchema.ts": { packages: ["zod"] },
  "runtime.ts": { node: true },
  "stopSignals.ts": { node: true },
  "domain/": { why: "pure: no runtime, no Zod" },
  "flaws.ts": { rooms: ["domain/"], types: ["errors/"], packageTypes: ["zod"] },
  "parse.ts": { rooms: ["plainInput.ts", "flaws.ts", "errors/", "domain/"], packages: ["zod"] },
  "plainInput.ts": { rooms: ["domain/"], packages: ["zod"] },
  "counters/": { rooms: ["domain/"], why: "the port" },
  "counters/memory/": { rooms: ["counters/", "domain/"], node: true, why: "the backend of one process" },
  "counters/redis/": {
    rooms: ["counters/", "counters/memory/", "domain/"],
    node: true,
    why: "the backend that nodes share; while Redis is down, each node counts its share in memory",
  },
  "storage/": { rooms: ["domain/"], packages: ["kysely"] },
  "storage/folder.ts": { node: true, why: "folders and files that survive a power cut" },
  "storage/engines/": { rooms: [...stored, "storage/folder.ts"], packages: ["kysely"], node: true },
  "storage/open.ts": {
    rooms: ["storage/", "storage/engines/"],
    types: ["domain/"],
    why: "the only door to an engine",
  },
  "storage/engines/bulk.ts": {
    rooms: [...stored, "storage/engines/", "storage/engines/usage.ts"],
    why: "the only door to whole tables",
  },
  "storage/engines/inspect.ts": {
    rooms: [...stored],
    node: true,
    why: "reads a backup",
  },
  "backups/": {
    rooms: ["storage/folder.ts", "storage/engines/inspect.ts", ...stored],
    node: true,
    why: "backups of a SQLite database",
  },
  "copying/": {
    rooms: [
      "counters/",
      "counters/memory/",
      "counters/redis/",
      "storage/engines/bulk.ts",
      "storage/folder.ts",
      "storage/open.ts",
      ...stored,
    ],
    node: true,
    why: "copies a database to another one",
  },
  "storage/engines/usage.ts": {
    rooms: [...stored, "storage/engines/"],
    node: true,
    why: "the only door to the usage database",
  },
  "usage/": {
    rooms: ["runtime.ts", "storage/engines/usage.ts", ...stored],
    node: true,
    why: "counts verifications and decisions, and stores them in a separate thread",
  },
  "upstream/": {
    rooms: stored,
    packages: ["zod"],
    node: true,
    why: "calls the server that verified keys before this one",
  },
  "oldHashes/": {
    rooms: ["upstream/", ...stored],
    node: true,
    why: "recognizes imported keys by the hashes of the systems they come from, in separate threads",
  },
  "services.ts": {
    types: ["counters/", "usage/", "upstream/", "oldHashes/", ...stored],
    why: "everything that operations run with",
  },
  "operation.ts": { types: ["errors/", "services.ts", ...stored], packages: ["zod"] },
  "operations/shared/": {
    rooms: ["operation.ts", "errors/", ...stored],
    types: ["counters/", "usage/", "upstream/"],
    packages: ["zod"],
    why: "what operations share",
  },
  "operations/<group>/": {
    rooms: ["operations/shared/", "operation.ts", "errors/", ...stored],
    types: ["counters/", "upstream/"],
    packages: ["zod"],
    apart: true,
    why: "no operation imports another",
  },
  "operations/index.ts": { rooms: ["operations/<group>/"], types: ["operation.ts"] },
  "write.ts": { rooms: stored, types: ["operation.ts", "services.ts"] },
  "run.ts": {
    rooms: ["write.ts", "operation.ts", "parse.ts", "errors/", ...stored],
    types: ["services.ts"],
  },
  "sealing.ts": { types: ["services.ts"], node: true },
  "moving/": {
    rooms: ["flaws.ts", "operations/shared/", "usage/", "upstream/", ...stored],
    types: ["services.ts", "storage/engines/usage.ts"],
    packages: ["zod", "kysely"],
    node: true,
    why: "writes and reads documents with all records of a workspace",
  },
  "firstStart.ts": { rooms: stored },
  "rootKeyFile.ts": { rooms: ["firstStart.ts"], types: ["domain/"], node: true },
  "http/": {
    rooms: [
      "version.ts",
      "run.ts",
      "parse.ts",
      "jsonSchema.ts",
      "sealing.ts",
      "errors/",
      "log.ts",
      ...stored,
    ],
    types: ["operation.ts", "services.ts", "counters/", "metrics.ts"],
    packages: ["zod", "ipaddr.js"],
    node: true,
    why: "the only room that knows HTTP",
  },
  "console/": {
    rooms: ["http/", "run.ts", "parse.ts", "errors/", ...stored],
    types: ["operation.ts", "services.ts"],
    packages: ["zod"],
    node: true,
    why: "serves the browser: files, sessions, and the operations for a session",
  },
  "docs/": {
    rooms: ["http/", "errors/"],
    node: true,
    why: "serves the pages of the repository's `docs/`; loaded when it is first opened",
  },
  "cli/": {
    rooms: [
      "parse.ts",
      "jsonSchema.ts",
      "runtime.ts",
      "version.ts",
      "firstStart.ts",
      "storage/folder.ts",
      "backups/",
      "copying/",
      "usage/",
      "upstream/",
      "moving/",
      ...stored,
    ],
    types: ["operation.ts", "services.ts", "storage/engines/usage.ts"],
    node: true,
  },
  "tracing/": {
    rooms: ["errors/", "metrics.ts"],
    types: ["http/", "run.ts", "services.ts", "log.ts", "counters/", ...stored],
    packages: [
      "@opentelemetry/api",
      "@opentelemetry/resources",
      "@opentelemetry/sdk-trace",
      "@opentelemetry/exporter-trace-otlp-http",
      "@opentelemetry/exporter-trace-otlp-proto",
      "kysely",
    ],
    node: true,
    why: "loaded only if traces are configured",
  },
  "compose/": {
    rooms: [
      "backups/",
      "config/",
      "version.ts",
      "console/",
      "errors/",
      "storage/engines/usage.ts",
      "storage/open.ts",
      "counters/",
      "counters/memory/",
      "counters/redis/",
      "upstream/",
      "oldHashes/",
      ...stored,
    ],
    types: ["log.ts", "metrics.ts", "http/", "operation.ts", "services.ts"],
    node: true,
    why: "parts of the program that take more than a few lines to put together",
  },
  "compose.ts": {
    rooms: [
      "tracing/",
      "config/",
      "runtime.ts",
      "metrics.ts",
      "firstStart.ts",
      "sealing.ts",
      "http/",
      "docs/",
      "compose/",
      "usage/",
      "storage/open.ts",
      "operations/index.ts",
      ...stored,
    ],
    types: ["log.ts", "services.ts"],
    node: true,
    why: "puts the program together; only `main.ts`, `embed.ts` and the tests import it",
  },
  "embed.ts": {
    rooms: ["compose.ts", "config/", "log.ts", "runtime.ts"],
    types: ["http/"],
    why: "the program inside an application's process; nobody imports it",
  },
  "main.ts": {
    rooms: [
      "compose.ts",
      "backups/",
      "cli/",
      "copying/",
      "config/",
      "log.ts",
      "runtime.ts",
      "firstStart.ts",
      "rootKeyFile.ts",
      "sealing.ts",
      "stopSignals.ts",
      "storage/open.ts",
      "operations/index.ts",
      "storage/engines/usage.ts",
      "domain/",
      "storage/",
    ],
    types: ["moving/"],
    node: true,
    why: "nobody imports it",
  },
  "sdk/src/": {
    packageTypes: ["elysia", "express", "fastify", "hono", "koa"],
    why: "ships without dependencies",
  },
  "sdk/src/nest.ts": {
    rooms: ["sdk/src/"],
    packages: ["@nestjs/common"],
    why: "the application brings NestJS",
  },
  "sdk/src/node/": { rooms: ["sdk/src/"], node: true, why: "loaded only on Node" },
};

/** The files that may use Bun by its name. All other files must run on any runtime. */
const mayNameBun =
  /^server\/src\/(http\/serve\w*|storage\/engines\/\w+|counters\/redis\/\w+|docs\/markdown|oldHashes\/hashWorker|compose|main|runtime)\.ts$|^sdk\/src\/runtimeChecks\.ts$/;

/**
 * Returns one sentence for each violation of the table. `sources` has the source of each file by its path in the
 * repository. Test files may import anything, but only test files may import them.
 */
export function violations(sources: Readonly<Record<string, string>>): string[] {
  return Object.entries(sources)
    .filter(([path]) => !path.endsWith(".test.ts"))
    .flatMap(([path, source]) => {
      const room = roomOf(path);
      if (room === undefined) return [`${path} is in no room of the table`];
      const code = withoutComments(source);
      const namesBun = /\bBun\b|["']bun(:[^"']*)?["']/.test(code) && !mayNameBun.test(path);
      return [
        ...(namesBun ? [`${path} names Bun`] : []),
        ...importsOf(code).flatMap((one) => refusal(path, room, one) ?? []),
      ];
    });
}

/** Returns the room of a file, or `undefined` for a test file, or if no room contains the file. */
export function roomOf(path: string): string | undefined {
  if (path.endsWith(".test.ts")) return undefined;
  const place = path.replace(/^server\/src\//, "");
  const fitting = Object.keys(rooms).filter((name) => {
    const start = name.replaceAll(".", "\\.").replace("<group>", "[^/]+");
    return new RegExp(`^${start}${name.endsWith("/") ? "" : "$"}`).test(place);
  });
  const length = (name: string) => name.replace("<group>", "").length;
  return fitting.sort((a, b) => length(b) - length(a))[0];
}

type Import = { target: string; typesOnly: boolean };

function refusal(path: string, room: string, { target, typesOnly }: Import): string | undefined {
  const rule = rooms[room] ?? {};
  if (target.startsWith(".")) {
    const targetPath = join(dirname(path), target);
    if (mayImport(room, rule, roomOf(targetPath), typesOnly)) return undefined;
    return `${path} imports ${typesOnly ? "types of " : ""}${targetPath}`;
  }
  if (/^bun(:|$)/.test(target)) return undefined; // `mayNameBun` decides which files may import Bun
  return mayUse(rule, target, typesOnly) ? undefined : `${path} imports ${target}`;
}

function mayImport(room: string, rule: Rule, other: string | undefined, typesOnly: boolean): boolean {
  if (other === undefined) return false;
  if (other === room) return rule.apart !== true;
  return rule.rooms?.includes(other) === true || (typesOnly && rule.types?.includes(other) === true);
}

function mayUse(
  { node, packages = [], packageTypes = [] }: Rule,
  target: string,
  typesOnly: boolean,
): boolean {
  if (target.startsWith("node:")) return node === true;
  const isOf = (name: string) => target === name || target.startsWith(`${name}/`);
  return packages.some(isOf) || (typesOnly && packageTypes.some(isOf));
}

/**
 * Finds static, bare and dynamic imports, re-exports, and files that are started by their URL. An `export` with a
 * parenthesis or backtick before `from` is not a re-export: it is a function, and the `from` is in its SQL.
 */
function importsOf(code: string): Import[] {
  const statements = /^\s*(?:import|export)\s+(type\s)?(?:[^"'`;()]*?\sfrom\s+)?["']([^"']+)["']/gm;
  const expressions = /\b(?:import|require)\s*\(\s*["'`]([^"'`]+)["'`]|new URL\(\s*["'](\.[^"']+)["']/g;
  return [
    ...[...code.matchAll(statements)].map(([, type, target = ""]) => ({
      target,
      typesOnly: type !== undefined,
    })),
    ...[...code.matchAll(expressions)].map(([, module, file]) => ({
      target: module ?? file ?? "",
      typesOnly: false,
    })),
  ];
}

function withoutComments(source: string): string {
  return source.replace(/\/\*[\s\S]*?\*\//g, "").replace(/(^|\s)\/\/.*$/gm, "");
}

/** Returns the table as Markdown, as ARCHITECTURE.md shows it. */
export function importTable(): string {
  const code = (names: readonly string[] = []) => names.map((name) => `\`${name}\``).join(" ");
  const rows = Object.entries(rooms).map(([name, rule]) => {
    const packages = [
      ...(rule.packages ?? []),
      ...(rule.packageTypes ?? []).map((one) => `types of ${one}`),
      ...(rule.node === true ? ["Node's modules"] : []),
    ];
    const cells = [code([name]), code(rule.rooms), code(rule.types), packages.join(", "), rule.why ?? ""];
    return `| ${cells.join(" | ")} |`;
  });
  return ["| room | may import | and types of | and packages | |", "|---|---|---|---|---|", ...rows].join(
    "\n",
  );
}
