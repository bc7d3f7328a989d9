import { Latchkey } from "@latchkey/sdk";
import { requireKey } from "@latchkey/sdk/elysia";
import { Elysia } from "elysia";

const latchkey = new Latchkey(); // reads LATCHKEY_ROOT_KEY and LATCHKEY_URL
const key = requireKey(latchkey);

new Elysia()
  .get("/", () => ({ open: "to everyone" }))
  .get("/documents", ({ request }) => ({ hello: key.keyOf(request).identity?.externalId }), {
    beforeHandle: key,
  })
  .listen(Number(process.env.PORT ?? 3000));
