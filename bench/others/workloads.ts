import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cores } from "../cores.ts";
import { scenarios } from "../scenarios.ts";
import { startProduct, startProgram, startRedis } from "../servers.ts";
import { type Prepared, requestsTo, type Workload } from "../sides.ts";

/**
 * The packages to install, in exact versions: the alternatives, and their peer dependencies, which npm skips with
 * --legacy-peer-deps.
 */
const packages = {
  "better-auth": "1.7.5",
  "@better-auth/api-key": "1.7.5",
  "@better-auth/core": "1.7.5",
  "@better-auth/utils": "0.4.2",
  "better-call": "1.4.0",
  "rate-limiter-flexible": "11.4.0",
  ioredis: "6.0.0",
};

/** Workloads that compare Latchkey with a library that makes the same decision. */
export const otherWorkloads: Record<string, Workload> = {
  "other-keys": {
    title: "keys.verifyKey with one limit, and the API-key plugin of better-auth on SQLite",
    prepare: () => against("verify", "better-auth"),
  },
  "other-limit": {
    title: "ratelimit.limit, and rate-limiter-flexible, both in memory",
    prepare: () => against("limit", "limiter-memory"),
  },
  "other-redis": {
    title: "ratelimit.limit, and rate-limiter-flexible, both with Redis on the generator's core",
    prepare: () => againstWithRedis(),
  },
};

async function againstWithRedis(): Promise<Prepared> {
  const redis = await startRedis(cores.generator);
  const prepared = await against("limit", "limiter-redis", redis.url);
  return {
    ...prepared,
    async stop() {
      await prepared.stop();
      await redis.stop();
    },
  };
}

async function against(scenario: string, name: string, redisUrl?: string): Promise<Prepared> {
  const folder = installed();
  const product = await startProduct(redisUrl === undefined ? {} : { environment: { REDIS_URL: redisUrl } });
  const prepared = await scenarios[scenario]?.prepare(product.call);
  if (prepared === undefined) throw new Error(`There is no scenario "${scenario}" in bench/scenarios.ts.`);
  const script = new URL("./server.ts", import.meta.url).pathname;
  const other = await startProgram([script, folder, name, redisUrl ?? ""]);
  const body = { key: other.words[0] };
  const requests = { bodies: [body], expected: name === "better-auth" ? '"valid":true' : '"success":true' };
  return {
    sides: [
      { label: "product", load: requestsTo(product, prepared) },
      {
        label: "other",
        load: { ...requestsTo({ ...other, rootKey: "" }, { operation: "", ...requests }), path: "/decide" },
      },
    ],
    comparisons: [{ of: "product", to: "other", by: "perSecond" }],
    notes: [],
    check: async () => undefined,
    async stop() {
      await Promise.all([product.stop(), other.stop()]);
    },
  };
}

/**
 * Installs the packages in a temporary folder, unless an earlier run did. Returns the folder. Errors: `Error` with
 * npm's output.
 */
function installed(): string {
  const folder = join(tmpdir(), `latchkey-bench-${Bun.hash(JSON.stringify(packages)).toString(36)}`);
  if (existsSync(folder)) return folder;
  const unfinished = `${folder}.new`;
  rmSync(unfinished, { recursive: true, force: true });
  mkdirSync(unfinished);
  const manifest = { private: true, type: "module", dependencies: packages };
  writeFileSync(join(unfinished, "package.json"), JSON.stringify(manifest));
  const options = ["--ignore-scripts", "--legacy-peer-deps", "--no-audit", "--no-fund"];
  const { exitCode, stderr } = Bun.spawnSync(["npm", "install", ...options], { cwd: unfinished });
  if (exitCode !== 0) throw new Error(`npm could not install the other packages: ${stderr.toString()}`);
  renameSync(unfinished, folder);
  return folder;
}
