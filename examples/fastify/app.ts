import { Latchkey } from "@latchkey/sdk";
import { requireKey } from "@latchkey/sdk/fastify";
import fastify from "fastify";

const latchkey = new Latchkey(); // reads LATCHKEY_ROOT_KEY and LATCHKEY_URL
const key = requireKey(latchkey);
const app = fastify();

app.get("/", async () => ({ open: "to everyone" }));
app.get("/documents", { onRequest: key }, async (request) => {
  return { hello: key.keyOf(request).identity?.externalId };
});

await app.listen({ port: Number(process.env.PORT ?? 3000) });
