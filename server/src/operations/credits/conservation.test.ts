import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { engines } from "../../../test/harness.ts";
import { testServer } from "../../../test/setUp.ts";
import { makeWorkspace, type Workspace } from "../../../test/workspace.ts";

const callers = 64;
const steps = 12;
const initial = 2_000;
/** the limit of the quota `tokens`, so low that callers also use what was granted in addition */
const limit = 200;

type Pool = "credits" | "tokens";
type Kind = "spend" | "reserve" | "settle" | "release" | "wait" | "grant";
type Step = { kind: Kind; of: Pool; amount: number };
type Hold = { id: string; of: Pool };

/** What all callers were charged, and what was granted in addition. */
type Sums = { charged: Record<Pool, number>; granted: number };

const step = fc.record({
  kind: fc.constantFrom<Kind>("spend", "reserve", "reserve", "settle", "settle", "release", "wait", "grant"),
  of: fc.constantFrom<Pool>("credits", "tokens"),
  amount: fc.integer({ min: 0, max: 30 }),
});

describe.each(engines)("on $name,", (engine) => {
  const server = testServer({ engine });

  async function act(space: Workspace, key: string, own: readonly Step[], sums: Sums): Promise<void> {
    const held: Hold[] = [];
    const { charged } = sums;
    const acts: Record<Kind, (step: Step) => Promise<void> | void> = {
      async spend({ of, amount }) {
        const verdict = await space.data("keys.verifyKey", { key, ...costs(of, { cost: amount }) });
        if (verdict.valid) charged[of] += amount;
      },
      async reserve({ of, amount }) {
        const reserve = costs(of, { reserve: amount + 1, ttl: 1_000 });
        const { reservation } = await space.data("keys.verifyKey", { key, ...reserve });
        if (reservation !== undefined) held.push({ id: reservation.id, of });
      },
      settle: ({ amount }) => end(space, "settle", { amount }, held.pop(), charged),
      release: () => end(space, "release", {}, held.pop(), charged),
      wait: ({ amount }) => server.clock.advance(amount * 100),
      async grant({ amount }) {
        const reply = await space.call("quotas.grant", { identity: "user", name: "tokens", amount });
        if (reply.status === 200) sums.granted += amount; // a grant of 0 units is refused, and so is the 101st grant
      },
    };
    for (const step of own) await acts[step.kind](step);
  }

  const costs = (of: Pool, cost: object) =>
    of === "credits" ? { credits: cost } : { credits: { cost: 0 }, quotas: [{ name: "tokens", ...cost }] };

  async function end(
    space: Workspace,
    how: "settle" | "release",
    more: object,
    hold: Hold | undefined,
    charged: Sums["charged"],
  ): Promise<void> {
    if (hold === undefined) return;
    const outcome = await space.data(`credits.${how}`, { reservationId: hold.id, ...more });
    charged[hold.of] += outcome.charged;
  }

  test("whatever callers spend, hold, settle, grant and let expire at once, each unit of an identity is charged or left, never both", async () => {
    const histories = fc.array(fc.array(step, { maxLength: steps }), {
      minLength: callers,
      maxLength: callers,
    });
    await fc.assert(
      fc.asyncProperty(histories, async (history) => {
        const space = await makeWorkspace(server);
        const { apiId } = await space.data("apis.createApi", { name: "payments" });
        await space.data("identities.createIdentity", {
          externalId: "user",
          credits: { remaining: initial },
          quotas: [{ name: "tokens", limit, period: "year", anchor: "first_use" }],
        });
        const { key } = await space.data("keys.createKey", { apiId, externalId: "user" });
        const sums: Sums = { charged: { credits: 0, tokens: 0 }, granted: 0 };
        await Promise.all(history.map((own) => act(space, key, own, sums)));
        server.clock.advance(1_001); // what is still held expires
        const { credits, quotas } = await space.data("identities.getIdentity", { identity: "user" });
        expect(credits.remaining + sums.charged.credits).toBe(initial);
        expect(quotas[0].remaining + sums.charged.tokens).toBe(limit + sums.granted);
      }),
      { numRuns: 5 },
    );
  }, 120_000);

  test("512 verifications at once use exactly the limit of a quota, and one hold more is refused", async () => {
    const space = await makeWorkspace(server);
    const { apiId } = await space.data("apis.createApi", { name: "payments" });
    const quota = { name: "requests", limit: 300, period: "year", autoApply: true };
    await space.data("identities.createIdentity", { externalId: "user", quotas: [quota] });
    const keys = await Promise.all(
      Array.from({ length: 8 }, () => space.data("keys.createKey", { apiId, externalId: "user" })),
    );
    const codes = await Promise.all(
      Array.from({ length: 512 }, async (_, index) => {
        const verdict = await space.data("keys.verifyKey", { key: keys[index % 8]?.key });
        return verdict.code as string;
      }),
    );
    expect(codes.filter((code) => code === "VALID")).toHaveLength(quota.limit);
    const hold = { identity: "user", quota: "requests", amount: 1, ttl: 60_000 };
    expect(await space.data("credits.reserve", hold)).toEqual({ granted: false });
  });
});
