/**
 * `npm run demo`: a server of its own, and on it two keys of one identity that share a rate limit. Shows what is sent
 * and what comes back, and ends with 1 where an answer is not the one that was told.
 */
import { startServer } from "../server/src/compose.ts";
import { readConfig } from "../server/src/config.ts";
import { monotonicMs } from "../server/src/runtime.ts";

type Answer = { status: number; data: Record<string, unknown> };

/** `POST /v2/<operation>`; what came back. */
export type Call = (operation: string, body: object) => Promise<Answer>;

type Known = { apiId: string; first: string; second: string };

type Step = {
  told: string;
  operation: string;
  body(known: Known): object;
  /** whether the answer is as told; takes down what later steps need */
  holds(data: Record<string, unknown>, known: Known): boolean;
};

const limit = 2;

const verifyFirst: Omit<Step, "told"> = {
  operation: "keys.verifyKey",
  body: ({ first }) => ({ key: first }),
  holds: ({ valid, identity }) =>
    valid === true && JSON.stringify(identity).includes('"meta":{"plan":"pro"}'),
};

const steps: readonly Step[] = [
  {
    told: `An identity stands for one of your users. It has metadata, and a limit of ${limit} requests a minute that all its keys share.`,
    operation: "identities.createIdentity",
    body: () => ({
      externalId: "user_123",
      meta: { plan: "pro" },
      ratelimits: [{ name: "requests", limit, duration: 60_000, autoApply: true }],
    }),
    holds: ({ identityId }) => typeof identityId === "string",
  },
  {
    told: "An api is a set of keys.",
    operation: "apis.createApi",
    body: () => ({ name: "payments" }),
    holds: ({ apiId }, known) => takeDown(known, "apiId", apiId),
  },
  {
    told: "The user gets a key. It is shown this once.",
    operation: "keys.createKey",
    body: ({ apiId }) => ({ apiId, externalId: "user_123", name: "laptop" }),
    holds: ({ key }, known) => takeDown(known, "first", key),
  },
  {
    told: "And a second one.",
    operation: "keys.createKey",
    body: ({ apiId }) => ({ apiId, externalId: "user_123", name: "server" }),
    holds: ({ key }, known) => takeDown(known, "second", key),
  },
  { told: "A request comes with the first key. It may pass; the metadata comes along.", ...verifyFirst },
  { told: "One more, and the shared limit is used up.", ...verifyFirst },
  {
    told: "Now the second key is refused, though it was never used.",
    operation: "keys.verifyKey",
    body: ({ second }) => ({ key: second }),
    holds: ({ valid, code }) => valid === false && code === "RATE_LIMITED",
  },
];

function takeDown(known: Known, name: keyof Known, value: unknown): boolean {
  known[name] = String(value);
  return typeof value === "string";
}

/** Takes the steps in turn and prints each. Answers whether all came as told; stops at the first that did not. */
export async function tellStory(call: Call, print: (text: string) => void): Promise<boolean> {
  const known: Known = { apiId: "", first: "", second: "" };
  for (const [index, { told, operation, body, holds }] of steps.entries()) {
    const sent = body(known);
    print(`${index + 1}. ${told}\n   POST /v2/${operation} ${JSON.stringify(sent)}`);
    const { status, data } = await call(operation, sent);
    print(`   ${status} ${JSON.stringify(data)}\n`);
    if (status !== 200 || !holds(data, known)) {
      print("   This is not as told.");
      return false;
    }
  }
  print("As told.");
  return true;
}

async function demo(): Promise<boolean> {
  let rootKey = "";
  const server = await startServer(readConfig({ PORT: "0", DATABASE_URL: ":memory:" }), {
    nowMs: Date.now,
    monotonicMs,
    log: () => undefined,
    keepRootKey: (made) => {
      rootKey = made;
    },
  });
  console.log(`A server of this demo's own, on a database in memory: ${server.url}\n`);
  try {
    return await tellStory(async (operation, body) => {
      const response = await fetch(`${server.url}/v2/${operation}`, {
        method: "POST",
        headers: { Authorization: `Bearer ${rootKey}`, "Content-Type": "application/json" },
        body: JSON.stringify(body),
      });
      const { data = {}, error = {} } = (await response.json()) as Record<string, Answer["data"]>;
      return { status: response.status, data: response.ok ? data : error };
    }, console.log);
  } finally {
    await server.stop();
  }
}

if (import.meta.main) process.exitCode = (await demo()) ? 0 : 1;
