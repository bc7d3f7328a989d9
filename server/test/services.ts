import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { SQL } from "bun";
import { openStorage } from "../src/storage/open.ts";
import { databaseAt } from "./databaseAt.ts";

/** The servers that `scripts/services.sh` found or started. */
export type Services = {
  /** what the script printed: the addresses, and `TEST_POSTGRES_DATA` and the like if it started the servers */
  environment: Record<string, string>;
  stop(): Promise<void>;
};

const script = join(import.meta.dir, "../../scripts/services.sh");

/** Starts servers for the caller, which end with this process at the latest. `wanted`: one or more of `postgres`, `redis` and `mariadb`. */
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
  if (!text.endsWith("ready\n")) throw new Error(`scripts/services.sh started no ${wanted}`);
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

/** Databases of one cluster: each test has its own. */
export type Cluster = {
  /** the URL of a new database without rows */
  make(): Promise<string>;
  /** the URL of a new database without tables */
  makeBare(): Promise<string>;
  drop(url: string): Promise<void>;
};

let shared: Promise<Cluster> | undefined;

/** The cluster that all tests of this process share. The first call starts it. */
export function sharedCluster(): Promise<Cluster> {
  shared ??= startServices("postgres").then(({ environment }) =>
    clusterAt(environment["TEST_DATABASE_URL"] ?? ""),
  );
  return shared;
}

/** The cluster that has this database. New databases are copies of one that is migrated once. */
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
    // one after the other, since a template can be copied by one connection at a time
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
