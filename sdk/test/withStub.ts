import { Latchkey, type LatchkeyOptions } from "../src/index.ts";
import { type Reaction, type Seen, startStub, success } from "./stub.ts";

/** The root key and the key of these tests: no error and no log may contain them. */
export const rootKey = "root_canary_5b1f0c7e9d";
export const apiKey = "prod_canary_3c9a77e1f2";
/** Retries wait at most a millisecond, to keep the tests fast. */
export const fast = { strategy: "backoff", backoff: { initialInterval: 1, maxInterval: 1 } } as const;

/** Runs `work` with a client of a stub server. */
export async function withStub(
  react: (request: Seen, index: number) => Reaction | Promise<Reaction>,
  work: (latchkey: Latchkey, stub: Awaited<ReturnType<typeof startStub>>) => Promise<void>,
  options: LatchkeyOptions = {},
): Promise<void> {
  const stub = await startStub(react);
  try {
    await work(new Latchkey({ rootKey, serverURL: stub.url, retries: fast, ...options }), stub);
  } finally {
    await stub.stop();
  }
}

/** Responses that succeed. */
export const api = success({ id: "api_1234", name: "payments" });
export const verdict = success({ valid: true, code: "VALID", keyId: "key_1", enabled: true });
