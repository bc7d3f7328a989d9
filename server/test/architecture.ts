import { dirname, join } from "node:path/posix";

/** What the files of a room may import beside each other. */
type Rule = {
  rooms?: readonly string[];
  /** rooms of which only the types */
  types?: readonly string[];
  /** of npm */
  packages?: readonly string[];
  /** of npm, of which only the types */
  packageTypes?: readonly string[];
  /** the built-in modules of Node */
  node?: true;
  /** its files do not import each other */
  apart?: true;
  why?: string;
};

const stored = ["domain/", "storage/"];

/**
 * The import table. A room is a file or a folder of `server/src`, or `sdk/src/`; a file belongs to the room with the
 * longest name that fits, where `<group>` stands for any folder.
 */
export const rooms: Readonly<Record<string, Rule>> = {
  "errors.ts": {},
  "log.ts": { node: true },
  "metrics.ts": {},
  "config.ts": { packages: ["zod"], node: true },
  "jsonSchema.ts": { packages: ["zod"] },
  "runtime.ts": { node: true },
  "domain/": { why: "pure: neither runtime nor Zod" },
  "parse.ts": { rooms: ["errors.ts", "domain/"], packages: ["zod"] },
  "counters/": { rooms: ["domain/"], node: true },
  "storage/": { rooms: ["domain/"], packages: ["kysely"] },
  "storage/engines/": { rooms: stored, packages: ["kysely"], node: true },
  "storage/open.ts": { rooms: ["storage/", "storage/engines/"], why: "the only door to an engine" },
  "storage/engines/usage.ts": {
    rooms: [...stored, "storage/engines/"],
    node: true,
    why: "the door to the usage records, which have a database of their own",
  },
  "events/": {
    rooms: ["runtime.ts", "storage/engines/usage.ts", ...stored],
    why: "counts what happens, in a thread of its own",
  },
  "operation.ts": { types: ["errors.ts", "counters/", "events/", ...stored], packages: ["zod"] },
  "operations/": {
    rooms: ["operation.ts", "errors.ts", ...stored],
    types: ["counters/", "events/"],
    packages: ["zod"],
    why: "what operations share",
  },
  "operations/<group>/": {
    rooms: ["operations/", "operation.ts", "errors.ts", ...stored],
    types: ["counters/"],
    packages: ["zod"],
    apart: true,
    why: "no operation imports another",
  },
  "operations/index.ts": { rooms: ["operations/<group>/"], types: ["operation.ts"] },
  "run.ts": { rooms: ["operation.ts", "parse.ts", "errors.ts", ...stored], types: ["counters/", "events/"] },
  "sealing.ts": { rooms: ["config.ts"], types: ["operation.ts"], node: true },
  "firstStart.ts": { rooms: stored },
  "http/": {
    rooms: ["run.ts", "parse.ts", "jsonSchema.ts", "sealing.ts", "errors.ts", "log.ts", ...stored],
    types: ["operation.ts", "counters/", "metrics.ts"],
    packages: ["zod", "ipaddr.js"],
    node: true,
    why: "the only room that knows HTTP",
  },
  "cli/": {
    rooms: ["parse.ts", "jsonSchema.ts", "runtime.ts", "firstStart.ts", ...stored],
    types: ["operation.ts"],
    node: true,
  },
  "tracing/": {
    rooms: ["errors.ts", "metrics.ts"],
    types: ["http/", "run.ts", "log.ts", "counters/", ...stored],
    packages: [
      "@opentelemetry/api",
      "@opentelemetry/resources",
      "@opentelemetry/sdk-trace",
      "@opentelemetry/exporter-trace-otlp-http",
      "@opentelemetry/exporter-trace-otlp-proto",
      "kysely",
    ],
    node: true,
    why: "loaded only where traces are asked for",
  },
  "compose.ts": {
    rooms: [
      "tracing/",
      "config.ts",
      "runtime.ts",
      "metrics.ts",
      "firstStart.ts",
      "sealing.ts",
      "http/",
      "counters/",
      "events/",
      "storage/open.ts",
      "operations/index.ts",
      ...stored,
    ],
    types: ["log.ts", "operation.ts", "run.ts"],
    node: true,
    why: "puts the program together; only `main.ts` and the tests import it",
  },
  "main.ts": {
    rooms: [
      "compose.ts",
      "cli/",
      "config.ts",
      "log.ts",
      "runtime.ts",
      "firstStart.ts",
      "storage/open.ts",
      "operations/index.ts",
      "storage/engines/usage.ts",
      "storage/",
    ],
    node: true,
    why: "nobody imports it",
  },
  "sdk/src/": {
    packageTypes: ["express", "fastify", "hono", "next"],
    why: "ships without dependencies",
  },
};

/** Everywhere else the program does not know on what runtime it runs. */
const mayNameBun =
  /^server\/src\/(http\/serve\w*|storage\/engines\/\w+|counters\/redis\w*|compose|main)\.ts$|\.child\.ts$/;

/**
 * What the sources, by their path in the repository, do against the table: one sentence each. Test files may import
 * anything, and are imported by nothing.
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

/** The room of the file, undefined for test files too. */
export function roomOf(path: string): string | undefined {
  if (path.endsWith(".test.ts")) return undefined;
  const place = path.replace(/^server\/src\//, "");
  const fitting = Object.keys(rooms).filter((name) => {
    const start = name.replaceAll(".", "\\.").replace("<group>", "[^/]+");
    return new RegExp(`^${start}${name.endsWith("/") ? "" : "$"}`).test(place);
  });
  return fitting.sort((a, b) => b.length - a.length)[0];
}

type Import = { target: string; typesOnly: boolean };

function refusal(path: string, room: string, { target, typesOnly }: Import): string | undefined {
  const rule = rooms[room] ?? {};
  if (target.startsWith(".")) {
    const targetPath = join(dirname(path), target);
    if (mayImport(room, rule, roomOf(targetPath), typesOnly)) return undefined;
    return `${path} imports ${typesOnly ? "types of " : ""}${targetPath}`;
  }
  if (/^bun(:|$)/.test(target)) return undefined; // where it may be named is a rule of its own
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
  return packages.includes(target) || (typesOnly && packageTypes.includes(target));
}

/** Static, re-exporting, bare and dynamic imports, and files that are started by their address. */
function importsOf(code: string): Import[] {
  const statements = /^\s*(?:import|export)\s+(type\s)?(?:[^"';]*?\sfrom\s+)?["']([^"']+)["']/gm;
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

/** The table as ARCHITECTURE.md shows it. */
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
