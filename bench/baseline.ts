/**
 * The baseline: Bun's HTTP server without Latchkey. Its one route reads the body as JSON, computes a SHA-256 and
 * returns a fixed response. The first argument is the path of the route, the second is the response.
 */
import { hash } from "node:crypto";

const [path = "/", reply = "{}"] = process.argv.slice(2);
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
        return digest === "" ? new Response(null, { status: 500 }) : new Response(reply, { headers });
      },
    },
  },
});
console.log(`listens on ${server.url.origin}`);
