import { expect, test } from "bun:test";
import { idempotencyOf } from "../../src/http/idempotency.ts";
import { postgres, startTest } from "../harness.ts";
import { expectRefusal } from "../refusal.ts";

test("a call that another node is still running is 409 after a wait, has no effect, and can be retried", async () => {
  const server = await startTest({ engine: postgres });
  const { db, transaction } = server.services.engine;
  const [rootKey] = await db.selectFrom("rootKeys").select("id").execute();
  const headers = { "Idempotency-Key": "order-1" };
  const send = () => server.call("apis.createApi", { name: "payments" }, { headers });
  const first = idempotencyOf("order-1", {
    secret: server.rootKey,
    owner: rootKey?.id ?? "",
    operation: "apis.createApi",
    body: new TextEncoder().encode(JSON.stringify({ name: "payments" })),
  });
  if (first === undefined) throw new Error("the database has no root key");
  const claimed = Promise.withResolvers<void>();
  const given = Promise.withResolvers<void>();
  // stands for the other node: its transaction has stored the Idempotency-Key, and does not end yet
  const underWay = transaction(async (tx) => {
    const { id, bodyHash } = first;
    const row = {
      id,
      bodyHash,
      workspaceId: server.workspaceId,
      answer: "",
      createdAtMs: server.clock.nowMs,
    };
    await tx.insertInto("idempotency").values(row).execute();
    claimed.resolve();
    await given.promise;
    throw new Error("the other node gives up");
  });
  await claimed.promise;
  expectRefusal(await send(), "idempotency_in_progress");
  expect(await db.selectFrom("apis").select("id").execute()).toEqual([]);
  given.resolve();
  await underWay.catch(() => undefined);
  const again = await send();
  expect([again.status, again.headers.get("idempotent-replayed")]).toEqual([200, null]);
  expect(await db.selectFrom("apis").select("id").execute()).toHaveLength(1);
  await server.stop();
}, 30_000);
