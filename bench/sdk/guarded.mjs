// A Hono application on Node with a guarded route and an open one. `/used` returns the process's processor time so far.
// argv: the URL of the Latchkey server.
import { serve } from "@hono/node-server";
import { Hono } from "hono";
import { requireKey } from "../../sdk/src/hono.ts";
import { Latchkey } from "../../sdk/src/node/index.ts";

const latchkey = new Latchkey({ rootKey: "root_key_0123456789", serverURL: process.argv[2] ?? "" });

const app = new Hono()
  .get("/used", (context) => {
    const { user, system } = process.cpuUsage();
    return context.json(user + system);
  })
  .get("/open", (context) => context.json({ hello: "user_123" }))
  .get("/guarded", requireKey(latchkey), (context) =>
    context.json({ hello: context.var.verifiedKey.identity?.externalId }),
  );

serve({ fetch: app.fetch, port: 0, hostname: "127.0.0.1" }, ({ port }) => console.log(port));
