/**
 * Compares docs/operating/metrics.md with the metrics of running nodes and the events in the code, in both directions.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { globSync } from "node:fs";
import { join } from "node:path";
import { type Node, newRootKey, startNode } from "../nodes/node.ts";
import { freePort, newFolder } from "../program.ts";
import { type Services, startServices } from "../services.ts";
import { readText } from "./dockerfile.ts";

const root = join(import.meta.dir, "../../..");
const page = readText(join(root, "docs/operating/metrics.md"));

/** Returns the cells, by row, of the page's table whose first column has this heading. */
function tableOf(heading: string): string[][] {
  const table = page.split("\n\n").find((block) => block.startsWith(`| ${heading} |`)) ?? "";
  const [, , ...rows] = table.split("\n").filter((line) => line.startsWith("|"));
  return rows.map((row) =>
    row
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

const wordsIn = (cell: string) => [...cell.matchAll(/`([a-z_]+)`/g)].map(([, word = ""]) => word);

type Family = { type: string; labels: string[] };

/** Returns the metrics that the page promises for a node, with or without Redis. */
function promised(withRedis: boolean): Record<string, Family> {
  const some = withRedis ? ["with Redis", "with an upstream"] : ["without Redis", "with `BACKUP_FOLDER`"];
  const places = ["every node", ...some];
  const rows = tableOf("metric").filter(([, , , where = ""]) => places.includes(where));
  return Object.fromEntries(
    rows.map(([name = "", type = "", labels = ""]) => [
      wordsIn(name).join(),
      { type, labels: wordsIn(labels).sort() },
    ]),
  );
}

async function served(address: string): Promise<Record<string, Family>> {
  const text = await (await fetch(`http://${address}/metrics`)).text();
  const families: Record<string, Family> = {};
  for (const [, name = "", type = ""] of text.matchAll(/^# TYPE (\S+) (\S+)$/gm)) {
    const suffix = type === "histogram" ? "(?:_bucket|_sum|_count)" : "";
    const samples = [...text.matchAll(new RegExp(`^${name}${suffix}(?:\\{(.*)\\})? \\S+$`, "gm"))];
    expect([name, samples.length > 0]).toEqual([name, true]);
    const labels = samples.flatMap(([, all = ""]) =>
      [...all.matchAll(/(\w+)="/g)].map(([, one = ""]) => one),
    );
    families[name] = { type, labels: [...new Set(labels)].filter((one) => one !== "le").sort() };
  }
  return families;
}

let services: Services;
beforeAll(async () => {
  const { TEST_DATABASE_URL: _, TEST_REDIS_URL: __, ...environment } = process.env;
  services = await startServices("postgres redis", environment);
}, 60_000);
afterAll(() => services.stop());

const nodes = [
  ["one node on SQLite", false],
  ["a node on PostgreSQL and Redis, with an upstream", true],
] as const;

describe.each(nodes)("%s", (_name, withRedis) => {
  let node: Node;
  let address: string;
  beforeAll(async () => {
    address = `127.0.0.1:${await freePort()}`;
    const { TEST_DATABASE_URL = "", TEST_REDIS_URL = "" } = services.environment;
    node = await startNode({
      databaseUrl: withRedis ? TEST_DATABASE_URL : `file:${join(newFolder(), "latchkey.db")}`,
      rootKey: newRootKey(),
      environment: {
        METRICS_ADDRESS: address,
        REDIS_URL: withRedis ? TEST_REDIS_URL : "",
        ALLOW_LOCAL_COUNTERS: "",
        ...(withRedis
          ? {
              UPSTREAM_VERIFY_MODE: "fallback",
              UPSTREAM_VERIFY_URL: "http://127.0.0.1:9",
              UPSTREAM_VERIFY_ROOT_KEY: "unused",
            }
          : { BACKUP_FOLDER: newFolder() }),
      },
    });
    await node.call("identities.createIdentity", { externalId: "user_1" });
  }, 60_000);
  afterAll(() => node.kill());

  test("serves exactly the metrics that the page lists, by name, type and labels", async () => {
    const page = promised(withRedis);
    expect(Object.keys(page).length).toBeGreaterThan(14);
    expect(await served(address)).toEqual(page);
  });
});

test("every row of the table belongs to some node, and none occurs twice", () => {
  const all = new Set([...Object.keys(promised(true)), ...Object.keys(promised(false))]);
  const rows = tableOf("metric").map(([name = ""]) => wordsIn(name).join());
  expect(rows.toSorted()).toEqual([...all].sort());
});

test("the page lists exactly the events that the server logs", () => {
  const sources = globSync("server/src/**/*.ts", { cwd: root }).filter(
    (path) => !/\.(test|child)\./.test(path),
  );
  const logged = sources.flatMap((path) =>
    [
      ...readText(join(root, path)).matchAll(
        /\((?:"(?:debug|info|warn|error)"|levelOf\(.*?\)), "([a-z_]+)"/g,
      ),
    ].map(([, event = ""]) => event),
  );
  expect(logged.length).toBeGreaterThan(6);
  const listed = tableOf("event").map(([event = ""]) => wordsIn(event).join());
  expect(listed.toSorted()).toEqual([...new Set(logged)].sort());
  const pages = globSync("docs/**/*.md", { cwd: root });
  const named = pages.flatMap((path) =>
    [...readText(join(root, path)).matchAll(/\bevents? `([a-z_]+)`/g)].map(([, event = ""]) => event),
  );
  expect(named.length).toBeGreaterThan(4);
  expect(named.filter((event) => !listed.includes(event))).toEqual([]);
});

test("no page names an unknown metric", () => {
  const known = [...Object.keys(promised(true)), ...Object.keys(promised(false))];
  const pages = globSync(["README.md", "docs/**/*.md", "bench/*.md"], { cwd: root });
  const named = pages.flatMap((path) =>
    [...readText(join(root, path)).matchAll(/\b((?:latchkey|http_server|process)_[a-z_]+)/g)].map(
      ([, name = ""]) => [path, name.replace(/_(bucket|sum|count)$/, "")] as const,
    ),
  );
  expect(named.length).toBeGreaterThan(20);
  const isNoMetric = /^(latchkey_root_?|latchkey_restored)$/;
  expect(named.filter(([, name]) => !known.includes(name) && !isNoMetric.test(name))).toEqual([]);
});
