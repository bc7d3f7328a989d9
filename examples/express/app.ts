import { Latchkey } from "@latchkey/sdk";
import { requireKey } from "@latchkey/sdk/express";
import express from "express";

const latchkey = new Latchkey(); // reads LATCHKEY_ROOT_KEY and LATCHKEY_URL
const key = requireKey(latchkey);
const app = express();

app.get("/", (_request, response) => {
  response.json({ open: "to everyone" });
});
app.get("/documents", key, (request, response) => {
  response.json({ hello: key.keyOf(request).identity?.externalId });
});

app.listen(Number(process.env.PORT ?? 3000));
