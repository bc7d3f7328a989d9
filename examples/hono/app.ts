import { serve } from "@hono/node-server";
import { Latchkey } from "@latchkey/sdk";
import { requireKey } from "@latchkey/sdk/hono";
import { Hono } from "hono";

const latchkey = new Latchkey(); // reads LATCHKEY_ROOT_KEY and LATCHKEY_URL
const app = new Hono();

app.get("/", (context) => context.json({ open: "to everyone" }));
app.get("/documents", requireKey(latchkey), (context) => {
  return context.json({ hello: context.var.verifiedKey.identity?.externalId });
});

serve({ fetch: app.fetch, port: Number(process.env.PORT ?? 3000) });
