/**
 * `npm run demo`: starts a server and creates one identity with two keys that share its rate limit. Prints each request
 * with its response. Exits with 1 if a response is not the expected one.
 */
import { startServer } from "../server/src/compose.ts";
import { readConfig } from "../server/src/config/read.ts";
import { monotonicMs } from "../server/src/runtime.ts";

type Reply = { status: number; data: Record<string, unknown> };

/** Sends `POST /v2/<operation>` and returns the response. */
export type Call = (operation: string, body: object) => Promise<Reply>;

type Known = { apiId: string; first: string; second: string };

type Step = {
  text: string;
  operation: string;
  body(known: Known): object;
  /** returns whether the response is the expected one, and stores in `known` what later steps need */
  holds(data: Record<string, unknown>, known: Known): boolean;
};

const limit = 2;

const verifyFirst: Omit<Step, "text"> = {
  operation: "keys.verifyKey",
  body: ({ first }) => ({ key: first }),
  holds: ({ valid, identity }) =>
    valid === true && JSON.stringify(identity).includes('"meta":{"plan":"pro"}'),
};

const steps: readonly Step[] = [
  {
    text: `An identity stands for one of your users. It has metadata, and a limit of ${limit} requests a minute that all its keys share.`,
    operation: "identities.createIdentity",
    body: () => ({
      externalId: "user_123",
      meta: { plan: "pro" },
      ratelimits: [{ name: "requests", limit, duration: 60_000, autoApply: true }],
    }),
    holds: ({ identityId }) => typeof identityId === "string",
  },
  {
    text: "An API is a set of keys.",
    operation: "apis.createApi",
    body: () => ({ name: "payments" }),
    holds: ({ apiId }, known) => store(known, "apiId", apiId),
  },
  {
    text: "The user gets a key. No later response shows it again.",
    operation: "keys.createKey",
    body: ({ apiId }) => ({ apiId, externalId: "user_123", name: "laptop" }),
    holds: ({ key }, known) => store(known, "first", key),
  },
  {
    text: "The user gets a second key.",
    operation: "keys.createKey",
    body: ({ apiId }) => ({ apiId, externalId: "user_123", name: "server" }),
    holds: ({ key }, known) => store(known, "second", key),
  },
  {
    text: "A request arrives with the first key. The verdict allows it, and has the user's metadata.",
    ...verifyFirst,
  },
  { text: "A second request uses up the shared limit.", ...verifyFirst },
  {
    text: "Now the second key is refused, although it was never used.",
    operation: "keys.verifyKey",
    body: ({ second }) => ({ key: second }),
    holds: ({ valid, code }) => valid === false && code === "RATE_LIMITED",
  },
];

function store(known: Known, name: keyof Known, value: unknown): boolean {
  known[name] = String(value);
  return typeof value === "string";
}

/**
 * Runs and prints the steps in order, and stops at the first unexpected response. Returns whether all responses were as
 * expected.
 */
export async function tellStory(call: Call, print: (text: string) => void): Promise<boolean> {
  const known: Known = { apiId: "", first: "", second: "" };
  for (const [index, { text, operation, body, holds }] of steps.entries()) {
    const sent = body(known);
    print(`${index + 1}. ${text}\n   POST /v2/${operation} ${JSON.stringify(sent)}`);
    const { status, data } = await call(operation, sent);
    print(`   ${status} ${JSON.stringify(data)}\n`);
    if (status !== 200 || !holds(data, known)) {
      print("   This is not the expected response.");
      return false;
    }
  }
  print("All responses are as expected.");
  return true;
}

async function demo(): Promise<boolean> {
  let rootKey = "";
  const server = await startServer(readConfig({ PORT: "0", DATABASE_URL: ":memory:" }), {
    nowMs: Date.now,
    monotonicMs,
    log: () => undefined,
    keepRootKey: (created) => {
      rootKey = created;
    },
  });
  console.log(`Started a server with a database in memory: ${server.url}\n`);
  try {
    return await tellStory(async (operation, body) => {
      const response = await fetch(`${server.url}/v2/${operation}`, {
        method: "POST",
        headers: { Authorization: `Bearer ${rootKey}`, "Content-Type": "application/json" },
        body: JSON.stringify(body),
      });
      const { data = {}, error = {} } = (await response.json()) as Record<string, Reply["data"]>;
      return { status: response.status, data: response.ok ? data : error };
    }, console.log);
  } finally {
    await server.stop();
  }
}

if (import.meta.main) process.exitCode = (await demo()) ? 0 : 1;
