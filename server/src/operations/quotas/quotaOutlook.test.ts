/** Tests the time at which, according to an explanation, a cost passes that credits or quotas cannot pay yet. */
import { beforeEach, describe, expect, test } from "bun:test";
import fc from "fast-check";
import { engines } from "../../../test/harness.ts";
import { testServer } from "../../../test/setUp.ts";
import { makeWorkspace, type Workspace } from "../../../test/workspace.ts";

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
/** how far ahead the property looks: at least two periods of any quota, and every expiry */
const hoursAhead = 60;

const quotas = fc.uniqueArray(
  fc.record({
    name: fc.constantFrom("tokens", "requests"),
    limit: fc.integer({ min: 0, max: 4 }),
    period: fc.constant("hour"),
    every: fc.constantFrom(5, 8, 24),
    anchor: fc.constantFrom("calendar", "first_use"),
    rollover: fc.record({ max: fc.nat(4) }),
    overage: fc.constantFrom("refuse", 5),
  }),
  { selector: ({ name }) => name, maxLength: 2 },
);
const credits = fc.record(
  {
    remaining: fc.nat(4),
    refill: fc.record({ interval: fc.constant("daily"), amount: fc.integer({ min: 1, max: 4 }) }),
  },
  { requiredKeys: ["remaining"] },
);
const unit = fc.record({ units: fc.nat(8), of: fc.constantFrom("tokens", "requests", "credits") });
const history = fc.record({
  quotas,
  credits: fc.option(credits, { nil: undefined }),
  grants: fc.array(
    fc.record({ units: fc.integer({ min: 1, max: 4 }), hours: fc.integer({ min: 1, max: 40 }) }),
    {
      maxLength: 2,
    },
  ),
  holds: fc.array(fc.record({ use: unit, hours: fc.integer({ min: 1, max: 20 }) }), { maxLength: 3 }),
  uses: fc.array(unit, { maxLength: 3 }),
  waitHours: fc.nat(10),
  asked: fc.record({ tokens: fc.nat(9), requests: fc.nat(9), credits: fc.nat(4) }),
});
type History = Parameters<Parameters<typeof history.map>[0]>[0];

const plain: History = {
  quotas: [],
  credits: undefined,
  grants: [],
  holds: [],
  uses: [],
  waitHours: 0,
  asked: { tokens: 0, requests: 0, credits: 0 },
};
const tokens: History["quotas"][number] = {
  name: "tokens",
  limit: 4,
  period: "hour",
  every: 8,
  anchor: "calendar",
  rollover: { max: 4 },
  overage: "refuse",
};
const four = { units: 4, of: "tokens" } as const;
/** Histories that a run of random ones may lack. */
const examples: [History][] = [
  // only the period after the next can pay
  [{ ...plain, quotas: [tokens], uses: [four], asked: { ...plain.asked, tokens: 7 } }],
  // a grant expires before the other quota has a new period, so one of both is always missing
  [
    {
      ...plain,
      quotas: [tokens, { ...tokens, name: "requests", limit: 1, every: 24, rollover: { max: 0 } }],
      grants: [{ units: 2, hours: 9 }],
      uses: [four, { units: 1, of: "requests" }],
      asked: { tokens: 6, requests: 1, credits: 0 },
    },
  ],
  // a refill lowers a balance while the quota waits for its next period
  [
    {
      ...plain,
      quotas: [{ ...tokens, every: 24 }],
      credits: { remaining: 4, refill: { interval: "daily", amount: 2 } },
      uses: [four],
      asked: { tokens: 1, requests: 0, credits: 3 },
    },
  ],
  // units come back in the period that held them, and are carried to the next
  [
    {
      ...plain,
      quotas: [tokens],
      holds: [{ use: { ...four, units: 3 }, hours: 2 }],
      asked: { ...plain.asked, tokens: 8 },
    },
  ],
];

describe.each(engines)("on $name,", (engine) => {
  const server = testServer({ engine });
  let space: Workspace;
  let apiId: string;
  beforeEach(async () => {
    server.clock.nowMs = Math.ceil(server.clock.nowMs / dayMs) * dayMs;
    space = await makeWorkspace(server);
    ({ apiId } = await space.data("apis.createApi", { name: "payments" }));
  });
  const keyOf = async (more: object): Promise<string> =>
    (await space.data("keys.createKey", { apiId, ...more })).key;
  const asking = (cost: Record<string, number>) => ({
    credits: { cost: cost["credits"] ?? 0 },
    quotas: Object.entries(cost).flatMap(([name, cost]) => (name === "credits" ? [] : [{ name, cost }])),
  });
  const verify = async (key: string, cost: Record<string, number>) =>
    (await space.data("keys.verifyKey", { key, ...asking(cost) })).valid as boolean;
  const explain = (key: string, cost: Record<string, number>, more = {}) =>
    space.data("keys.explain", { key, ...asking(cost), ...more });
  const monthly = { name: "tokens", limit: 10, period: "month", rollover: { max: 5 } };

  test("a cost that only the period after the next can pay passes when that period begins, and the explanation says so", async () => {
    server.clock.nowMs = Date.parse("2027-01-15T12:00:00Z");
    const key = await keyOf({ quotas: [monthly] });
    expect(await verify(key, { tokens: 10 })).toBe(true);
    const passesAt = Date.parse("2027-03-01T00:00:00Z");
    const response = await explain(key, { tokens: 13 });
    expect(response.passesAt).toBe(passesAt);
    expect(response.checks.at(-1)).toMatchObject({
      passesAt,
      resetsAt: Date.parse("2027-02-01T00:00:00Z"),
      fix: "Wait for the period after the next at 2027-03-01T00:00:00.000Z, grant more with quotas.grant, raise the key's limit, or lower the cost.",
    });
    server.clock.nowMs = passesAt - 1;
    expect(await verify(key, { tokens: 13 })).toBe(false);
    server.clock.nowMs = passesAt;
    expect(await verify(key, { tokens: 13 })).toBe(true);
  });

  test("waiting does not help if a cost is above all that a period and what is carried to it can pay", async () => {
    const key = await keyOf({ quotas: [monthly, { ...monthly, name: "own", anchor: "first_use" }] });
    await verify(key, { tokens: 10, own: 9 });
    for (const cost of [{ tokens: 16 }, { own: 12 }]) {
      const response = await explain(key, cost);
      expect(response).not.toHaveProperty("passesAt");
      expect(response.checks.at(-1).fix).toStartWith("Waiting does not help: grant more");
    }
    // the single unused unit is carried; a period that begins with its first use has no period after the next
    expect((await explain(key, { own: 11 })).checks.at(-1).fix).toStartWith("Wait for the next period at");
  });

  test("the fix names what gives the missing units: the next period, or a reservation that expires", async () => {
    const key = await keyOf({ quotas: [monthly] });
    const reserve = { quotas: [{ name: "tokens", reserve: 6, ttl: hourMs }] };
    await space.data("keys.verifyKey", { key, ...reserve });
    const fixOf = async (cost: number) => (await explain(key, { tokens: cost })).checks.at(-1).fix;
    expect(await fixOf(5)).toStartWith("Wait for a reservation to expire at");
    expect(await fixOf(11)).toStartWith("Wait for the next period at");
  });

  test("units of a hold that expires before a reset are carried over it, whether or not a request came in between", async () => {
    const keys = [await keyOf({ quotas: [monthly] }), await keyOf({ quotas: [monthly] })];
    for (const key of keys) {
      await space.data("keys.verifyKey", { key, quotas: [{ name: "tokens", reserve: 10, ttl: hourMs }] });
    }
    const [first = ""] = keys;
    const { resetsAt } = (await explain(first, { tokens: 1 })).checks.at(-1);
    server.clock.advance(hourMs);
    expect(await verify(first, { tokens: 0 })).toBe(true);
    server.clock.nowMs = resetsAt;
    for (const key of keys) expect(await verify(key, { tokens: 15 })).toBe(true);
  });

  async function grantAll(keyId: string, { quotas: [quota], grants }: History): Promise<void> {
    if (quota === undefined) return;
    for (const { units: amount, hours } of grants) {
      const expires = server.clock.nowMs + hours * hourMs;
      await space.data("quotas.grant", { keyId, name: quota.name, amount, expires });
    }
  }

  /** A key with what the plan says. Returns the part of a cost that its credits and quotas can pay, too. */
  async function planned(plan: History) {
    const { key, keyId } = await space.data("keys.createKey", {
      apiId,
      quotas: plan.quotas,
      ...(plan.credits === undefined ? {} : { credits: plan.credits }),
    });
    const names = new Set(["credits", ...plan.quotas.map(({ name }) => name)]);
    const known = (cost: Record<string, number>) =>
      Object.fromEntries(Object.entries(cost).filter(([name]) => names.has(name)));
    await grantAll(keyId, plan);
    for (const { use, hours } of plan.holds.filter(({ use }) => names.has(use.of))) {
      const quota = use.of === "credits" ? {} : { quota: use.of };
      await space.data("credits.reserve", { keyId, amount: use.units + 1, ttl: hours * hourMs, ...quota });
    }
    for (const { units, of } of plan.uses) await verify(key, known({ [of]: units }));
    return { key, known };
  }

  /** Asks for the verdict of every hour ahead. */
  async function firstValid(key: string, cost: Record<string, number>): Promise<number | undefined> {
    for (let hour = 0; hour <= hoursAhead; hour += 1) {
      const at = server.clock.nowMs + hour * hourMs;
      if ((await explain(key, cost, { at })).verdict.valid) return at;
    }
    return undefined;
  }

  test("an explanation names the first time at which the verification passes, whatever credits, quotas, grants and holds there are", async () => {
    let waited = 0;
    const check = async (plan: History): Promise<void> => {
      server.clock.nowMs = Math.ceil(server.clock.nowMs / dayMs) * dayMs + dayMs;
      const { key, known } = await planned(plan);
      server.clock.advance(plan.waitHours * hourMs);
      const cost = known(plan.asked);
      const { verdict, passesAt } = await explain(key, cost);
      expect(verdict.valid ? server.clock.nowMs : passesAt).toBe(await firstValid(key, cost));
      if (passesAt === undefined) return;
      waited += 1;
      server.clock.nowMs = passesAt;
      expect(await verify(key, cost)).toBe(true);
    };
    await fc.assert(fc.asyncProperty(history, check), { numRuns: 40, examples });
    expect(waited).toBeGreaterThan(2);
  }, 120_000);
});
