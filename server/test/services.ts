import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { SQL } from "bun";
import { openStorage } from "../src/storage/open.ts";
import { databaseAt } from "./databaseAt.ts";

/** The servers that `scripts/services.sh` has found or started. */
export type Services = {
  /**
   * the variables that the script has printed: the addresses of the servers and, for a server that it has started, its
   * data folder or process id, such as `TEST_POSTGRES_DATA`
   */
  environment: Record<string, string>;
  stop(): Promise<void>;
};

const script = join(import.meta.dir, "../../scripts/services.sh");

/**
 * Starts servers for the caller. The servers end with this process, unless `stop` ends them before. `wanted`: one or
 * more of `postgres`, `redis` and `mariadb`.
 */
export async function startServices(
  wanted: string,
  environment: Record<string, string | undefined> = process.env,
): Promise<Services> {
  const child = Bun.spawn([script], {
    env: { ...environment, SERVICES: wanted },
    stdin: "pipe",
    stdout: "pipe",
    stderr: "inherit",
  });
  child.unref();
  let text = "";
  for await (const chunk of child.stdout) {
    text += new TextDecoder().decode(chunk);
    if (text.endsWith("ready\n")) break;
  }
  if (!text.endsWith("ready\n"))
    throw new Error(`scripts/services.sh could not start ${wanted}; its stderr says why`);
  return {
    environment: Object.fromEntries(
      text
        .split("\n")
        .filter((line) => line.includes("="))
        .map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]),
    ),
    async stop() {
      await child.stdin.end();
      await child.exited;
    },
  };
}

/** A PostgreSQL server on which each test gets a database of its own. */
export type Cluster = {
  /** Creates a database with all tables and without rows, and returns its URL. */
  make(): Promise<string>;
  /** Creates a database without tables, and returns its URL. */
  makeBare(): Promise<string>;
  drop(url: string): Promise<void>;
};

let shared: Promise<Cluster> | undefined;

/** Returns the PostgreSQL server that all tests of this process share. The first call starts it. */
export function sharedCluster(): Promise<Cluster> {
  shared ??= startServices("postgres").then(({ environment }) =>
    clusterAt(environment["TEST_DATABASE_URL"] ?? ""),
  );
  return shared;
}

/** Returns the server that has this database. Its `make` copies a database that is migrated only once. */
async function clusterAt(url: string): Promise<Cluster> {
  const admin = new SQL(url, { max: 2 });
  const named = (name: string) => {
    const other = new URL(url);
    other.pathname = `/${name}`;
    return other.href;
  };
  const newName = () => `latchkey_test_${randomBytes(6).toString("hex")}`;
  const template = newName();
  await admin.unsafe(`create database ${template} encoding 'UTF8' template template0`);
  const engine = await openStorage(databaseAt(named(template)), {
    serving: false,
    connections: 4,
    monotonicMs: performance.now.bind(performance),
  });
  await engine.close();
  let last: Promise<unknown> = Promise.resolve();
  const copyOf = (source: string) => {
    const name = newName();
    // one after the other, because only one connection at a time can copy a template
    const made = last.then(async () => {
      await admin.unsafe(`create database ${name} encoding 'UTF8' template ${source}`);
      return named(name);
    });
    last = made.catch(() => undefined);
    return made;
  };
  return {
    make: () => copyOf(template),
    makeBare: () => copyOf("template0"),
    drop: async (one) =>
      void (await admin.unsafe(`drop database ${new URL(one).pathname.slice(1)} with (force)`)),
  };
}
