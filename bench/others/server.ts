/**
 * A Bun server with one route, which calls an alternative to Latchkey: a library for API keys or rate limits. Its
 * arguments: the folder with the library's packages, the name of one of the `deciders`, and for `limiter-redis` the URL
 * of Redis. Prints `<key> listens on <address>`; requests must send this key.
 */
import { Database } from "bun:sqlite";
import { rmSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

type Decide = (body: { key: string }) => Promise<object>;

const [folder = "", name = "", redisUrl = ""] = process.argv.slice(2);
const resolve = createRequire(join(folder, "index.js")).resolve;
const load = async <T>(specifier: string) => (await import(resolve(specifier))) as T;

const headers = { "Content-Type": "application/json" };
const huge = 1_000_000_000_000;
const hourMs = 3_600_000;

const deciders: Record<string, () => Promise<{ decide: Decide; key: string }>> = {
  "better-auth": betterAuthPlugin,
  "limiter-memory": async () => ({ decide: await limiter("RateLimiterMemory"), key: "user" }),
  "limiter-redis": async () => ({ decide: await limiter("RateLimiterRedis"), key: "user" }),
};
const made = await deciders[name]?.();
if (made === undefined) {
  throw new Error(`There is no alternative "${name}". Use one of ${Object.keys(deciders).join(", ")}.`);
}
const { decide, key } = made;
const server = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  development: false,
  routes: {
    "/decide": {
      POST: async (request: Request) => {
        const decided = await decide((await request.json()) as { key: string });
        return new Response(JSON.stringify(decided), { headers });
      },
    },
  },
});
console.log(`${key} listens on ${server.url.origin}`);

type Auth = {
  options: unknown;
  api: {
    signUpEmail(options: { body: object }): Promise<{ user: { id: string } }>;
    createApiKey(options: { body: object }): Promise<{ key: string }>;
    verifyApiKey(options: { body: { key: string } }): Promise<object>;
  };
};

/**
 * better-auth's API-key plugin, which verifies a key with one rate limit, on a SQLite file with write-ahead logging.
 */
async function betterAuthPlugin(): Promise<{ decide: Decide; key: string }> {
  const { betterAuth } = await load<{ betterAuth(options: object): Auth }>("better-auth");
  const { apiKey } = await load<{ apiKey(options: object): object }>("@better-auth/api-key");
  const { getMigrations } = await load<{
    getMigrations(options: unknown): Promise<{ runMigrations(): Promise<void> }>;
  }>("better-auth/db/migration");
  const path = join(folder, "auth.db");
  for (const file of [path, `${path}-wal`, `${path}-shm`]) rmSync(file, { force: true });
  const database = new Database(path);
  database.run("pragma journal_mode = wal");
  const rateLimit = { enabled: true, timeWindow: hourMs, maxRequests: huge };
  const auth = betterAuth({
    database,
    secret: "used by this benchmark only",
    baseURL: "http://127.0.0.1",
    telemetry: { enabled: false },
    emailAndPassword: { enabled: true },
    plugins: [apiKey({ rateLimit })],
  });
  await (await getMigrations(auth.options)).runMigrations();
  const person = { name: "Alice", email: "alice@example.com", password: "correct horse battery" };
  const { user } = await auth.api.signUpEmail({ body: person });
  const { key } = await auth.api.createApiKey({ body: { name: "a key", userId: user.id } });
  return { key, decide: ({ key }) => auth.api.verifyApiKey({ body: { key } }) };
}

type Limiter = { consume(key: string): Promise<{ remainingPoints: number; msBeforeNext: number }> };

async function limiter(kind: "RateLimiterMemory" | "RateLimiterRedis"): Promise<Decide> {
  const { default: limiters } = await load<{
    default: Record<string, new (options: object) => Limiter>;
  }>("rate-limiter-flexible");
  const Limiters = limiters[kind];
  if (Limiters === undefined) throw new Error(`rate-limiter-flexible has no ${kind}`);
  const storeClient = kind === "RateLimiterRedis" ? await redisClient() : undefined;
  const made = new Limiters({ points: huge, duration: hourMs / 1000, storeClient });
  return async ({ key }) => {
    const { remainingPoints, msBeforeNext } = await made.consume(key);
    return { success: true, remaining: remainingPoints, reset: msBeforeNext };
  };
}

async function redisClient(): Promise<object> {
  const { Redis } = await load<{ Redis: new (url: string) => object }>("ioredis");
  return new Redis(redisUrl);
}
