import { lockAccounts } from "../src/storage/queries/accounts.ts";
import { lockKey } from "../src/storage/queries/keys/read.ts";
import type { Tx } from "../src/storage/schema.ts";
import type { Reply, TestServer } from "./harness.ts";

/**
 * Makes a call wait for a lock. A first transaction locks a key and its balance. Then `start` sends the call, which
 * needs both in a transaction of its own. When the call has asked for its transaction, `before` runs in the first
 * transaction, which then commits. Returns the call's response.
 */
export async function whileHeld(
  { services, clock }: TestServer,
  workspaceId: string,
  keyId: string,
  { start, before }: { start(): Promise<Reply>; before(tx: Tx): Promise<void> },
): Promise<Reply> {
  const { engine } = services;
  const { transaction } = engine;
  let asked = Promise.withResolvers<void>();
  let reply: Promise<Reply> | undefined;
  try {
    await transaction(async (tx) => {
      await lockKey(tx, workspaceId, keyId, () => clock.nowMs);
      await lockAccounts(tx, [{ workspaceId, id: keyId, kind: "key" }], () => clock.nowMs);
      asked = Promise.withResolvers<void>();
      engine.transaction = (...given) => {
        const done = transaction(...given);
        asked.resolve();
        return done;
      };
      reply = start();
      await Promise.race([asked.promise, reply]);
      await before(tx);
    });
  } finally {
    engine.transaction = transaction;
  }
  if (reply === undefined) throw new Error("the call was not started");
  return reply;
}
