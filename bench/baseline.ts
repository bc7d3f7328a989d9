/**
 * The bare runtime, which the product is compared to: one route that reads the body as JSON, takes a SHA-256 and
 * answers a fixed JSON. The first argument is the path, the second the answer.
 */
import { hash } from "node:crypto";

const [path = "/", answer = "{}"] = process.argv.slice(2);
const headers = { "Content-Type": "application/json" };

const server = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  development: false,
  routes: {
    [path]: {
      POST: async (request: Request) => {
        const body = (await request.json()) as Record<string, unknown>;
        const digest = hash("sha256", String(Object.values(body)[0]), "base64url");
        return digest === "" ? new Response(null, { status: 500 }) : new Response(answer, { headers });
      },
    },
  },
});
console.log(`listens on ${server.url.origin}`);
