// @ts-nocheck: Node, Bun and Deno run this file in a project that has installed the package; TypeScript never compiles
// it. It calls the stub server at argv[2], and argv[3], where nothing listens, and prints the outcomes.
import { Latchkey, LatchkeyError } from "@latchkey/sdk";
import { requireKey as forExpress } from "@latchkey/sdk/express";
import { requireKey as forFastify } from "@latchkey/sdk/fastify";
import { requireKey as forHono } from "@latchkey/sdk/hono";
import { withKey } from "@latchkey/sdk/next";

const [, , stub = "", nobody = ""] = process.argv;
const rootKey = "root_key";
const at = (behaviour) =>
  new Latchkey({
    rootKey,
    serverURL: `${stub}/${behaviour}`,
    retries: { strategy: "backoff", backoff: { initialInterval: 1, maxElapsedTime: 500 } },
  });
const nowhere = new Latchkey({ rootKey, serverURL: nobody, retries: { strategy: "none" } });
const aborting = new AbortController();

/** The outcome of a call, in words that are the same in every runtime. */
async function outcome(call) {
  try {
    return await call;
  } catch (error) {
    if (!(error instanceof LatchkeyError)) throw error;
    const { name, status, code, refused, cutOff } = error;
    return { name, status, code: name === "ConnectionError" ? undefined : code, refused, cutOff };
  }
}

const listed = [];
for await (const { externalId } of at("list").identities.listIdentities()) listed.push(externalId);

const silent = outcome(at("silence").apis.getApi({ apiId: "api_1" }, { signal: aborting.signal }));
setTimeout(() => aborting.abort(), 30);

console.log(
  JSON.stringify({
    read: (await at("ok").apis.getApi({ apiId: "api_1" })).data.name,
    listed,
    flaky: (await at("flaky").apis.getApi({ apiId: "api_1" })).data.name,
    refused: await outcome(nowhere.keys.verifyKey({ key: "a_key" })),
    lost: await outcome(at("close").keys.verifyKey({ key: "a_key" })),
    page: await outcome(at("page").apis.getApi({ apiId: "api_1" })),
    cut: await outcome(at("cut").keys.verifyKey({ key: "a_key" })),
    notFound: await outcome(at("missing").apis.getApi({ apiId: "api_1" })),
    late: await outcome(at("silence").apis.getApi({ apiId: "api_1" }, { timeoutMs: 30 })),
    aborted: await silent,
    guards: [forHono, forExpress, forFastify, withKey].map((guard) => typeof guard(at("ok"), {}, () => {})),
    shown: JSON.stringify(at("ok")),
  }),
);
