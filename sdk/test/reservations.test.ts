import { beforeAll, describe, expect, test } from "bun:test";
import { testServer } from "../../server/test/setUp.ts";
import { guard, Latchkey, type LatchkeyError, settleAfter, type VerifiedKey } from "../src/index.ts";
import { frames } from "./frames.ts";
import { refusal, startStub, success } from "./stub.ts";

const server = testServer();
let latchkey: Latchkey;
let apiId: string;
const tokens = { name: "tokens", limit: 1000, period: "day" } as const;

beforeAll(async () => {
  latchkey = new Latchkey({ rootKey: server.rootKey, serverURL: server.url });
  apiId = (await latchkey.apis.createApi({ name: "documents" })).data.apiId;
});

async function makeKey() {
  return (await latchkey.keys.createKey({ apiId, credits: { remaining: 1000 }, quotas: [tokens] })).data;
}

/** Returns the credits left, and the units of the quota that are used or held. */
async function stateOf(keyId: string) {
  const { credits, quotas } = (await latchkey.keys.getState({ keyId })).data;
  return [credits?.remaining, quotas?.[0]?.used];
}

/** Creates a key, and verifies it with a guard that reserves 400 credits for a minute. */
async function heldKey() {
  const { key, keyId } = await makeKey();
  const check = guard(latchkey, { credits: { reserve: 400, ttl: 60_000 } });
  const verdict = await check({ headers: { authorization: `Bearer ${key}` } });
  if (!verdict.passed) throw new Error(verdict.body);
  expect(verdict.key.reservation?.amount).toBe(400);
  expect(await stateOf(keyId)).toEqual([600, 0]);
  return { keyId, key: verdict.key };
}

test.each(frames)(
  "a guard of $name holds units and charges a quota, and `settleAfter` charges what its handler reports",
  async ({ serve }) => {
    const { key, keyId } = await makeKey();
    const options = {
      credits: { reserve: 400, ttl: 60_000 },
      quotas: [{ name: "tokens", cost: 7 }],
    };
    const held: unknown[] = [];
    const work = (verified: VerifiedKey | undefined) =>
      settleAfter(latchkey, verified, async (use) => {
        held.push(await stateOf(keyId));
        use(100);
        use(20);
      });
    const app = await serve(latchkey, options, { work });
    const response = await fetch(app.url, { headers: { authorization: `Bearer ${key}` } });
    await app.stop();
    expect(await response.json()).toMatchObject({
      key: { quotas: [{ name: "tokens", used: 7, remaining: 993 }], reservation: { amount: 400 } },
    });
    expect(held).toEqual([[600, 7]]);
    expect(await stateOf(keyId)).toEqual([880, 7]);
  },
);

describe("settleAfter", () => {
  test("returns what the work returns, and charges once even if it is called twice for the same reservation", async () => {
    const { key, keyId } = await heldKey();
    const work = (use: (amount: number) => void) => {
      use(120);
      return "text";
    };
    expect(await settleAfter(latchkey, key, work)).toBe("text");
    expect(await settleAfter(latchkey, key, work)).toBe("text");
    expect(await stateOf(keyId)).toEqual([880, 0]);
  });

  test("releases everything if the work throws or reports nothing, and throws the same error", async () => {
    const failed = await heldKey();
    const error = new Error("the model does not respond");
    const work = () => Promise.reject(error);
    expect(await settleAfter(latchkey, failed.key, work).catch((caught: unknown) => caught)).toBe(error);
    expect(await stateOf(failed.keyId)).toEqual([1000, 0]);
    const idle = await heldKey();
    await settleAfter(latchkey, idle.key, () => {});
    expect(await stateOf(idle.keyId)).toEqual([1000, 0]);
  });

  test("charges what was reported before the work threw", async () => {
    const { key, keyId } = await heldKey();
    const work = (use: (amount: number) => void) => {
      use(30);
      throw new Error("the client has gone");
    };
    await settleAfter(latchkey, key, work).catch(() => {});
    expect(await stateOf(keyId)).toEqual([970, 0]);
  });

  test("only runs the work of a key without a reservation, and of a request without a key", async () => {
    const stub = await startStub(() => "close");
    const client = new Latchkey({ rootKey: "root_key", serverURL: stub.url });
    for (const key of [undefined, {}]) expect(await settleAfter(client, key, () => 1)).toBe(1);
    expect(stub.seen).toEqual([]);
    await stub.stop();
  });

  test("repeats a settlement whose response was lost with the same amount, at most twice", async () => {
    const settled = success({ charged: 5, returned: 0, shortfall: 0 });
    for (const [lost, sent] of [
      [2, 3],
      [9, 3],
    ] as const) {
      const stub = await startStub((_, index) => (index < lost ? "close" : settled));
      const client = new Latchkey({ rootKey: "root_key", serverURL: stub.url });
      const reservation = { id: "hold_1", amount: 5, expiresAt: 0 };
      const logged: string[] = [];
      const log = (message: string) => void logged.push(message);
      await settleAfter(client, { reservation }, (use) => use(5), { log });
      const bodies = stub.seen.map(({ path, body }) => [path, JSON.parse(body)]);
      expect(bodies).toEqual(
        Array(sent).fill(["/v2/credits.settle", { reservationId: "hold_1", amount: 5 }]),
      );
      expect(logged).toHaveLength(lost === 2 ? 0 : 1);
      await stub.stop();
    }
  });

  test("logs a settlement that fails, and still returns what the work returns", async () => {
    const stub = await startStub(() => refusal(404, "latchkey/data/reservation_not_found"));
    const client = new Latchkey({ rootKey: "root_key", serverURL: stub.url });
    const logged: [string, LatchkeyError][] = [];
    const reservation = { id: "hold_1", amount: 5, expiresAt: 0 };
    const log = (message: string, error: LatchkeyError) => void logged.push([message, error]);
    expect(await settleAfter(client, { reservation }, (use) => use(5), { log })).toBeUndefined();
    expect(logged).toEqual([
      [expect.stringContaining("hold_1 could not be settled with 5 units"), expect.anything()],
    ]);
    await stub.stop();
  });

  test("rejects a report of units that is not a whole number of 0 or more, or that comes after the work has ended", async () => {
    let late: (amount: number) => void = () => {};
    await settleAfter(latchkey, undefined, (use) => {
      late = use;
      for (const amount of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY]) {
        expect(() => use(amount)).toThrow(/must be a whole number/);
      }
    });
    expect(() => late(1)).toThrow(/is already settled/);
  });
});
