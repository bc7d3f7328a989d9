import { expect, test } from "bun:test";
import fc from "fast-check";
import {
  diffRatelimits,
  planRatelimits,
  prepareLimits,
  type RequestedRatelimit,
  repeated,
  type StoredRatelimit,
} from "./ratelimits.ts";

const names = fc.constantFrom("requests", "tokens", "uploads", "images", "Requests", "__proto__");
const given = fc.uniqueArray(
  fc.record({
    name: names,
    limit: fc.integer({ min: 1, max: 9 }),
    durationMs: fc.integer({ min: 1_000, max: 9_000 }),
    autoApply: fc.boolean(),
  }),
  { selector: (limit) => limit.name },
);
const stored = (prefix: string) =>
  given.map((limits): StoredRatelimit[] =>
    limits.map((limit, at) => ({ ...limit, id: `rl_${prefix}${at}` })),
  );

test("a diff stores exactly the requested limits, in the order of the request", () => {
  fc.assert(
    fc.property(stored("a"), given, (before, after) => {
      expect(diffRatelimits(before, after).set.map(({ requested }) => requested)).toEqual(after);
    }),
  );
});

test("a limit keeps its id exactly when its name stays", () => {
  fc.assert(
    fc.property(stored("a"), given, (before, after) => {
      const { set } = diffRatelimits(before, after);
      expect(set.map(({ existing }) => existing)).toEqual(
        after.map((limit) => before.find((old) => old.name === limit.name)),
      );
    }),
  );
});

test("every stored limit is either kept or removed", () => {
  fc.assert(
    fc.property(stored("a"), given, (before, after) => {
      const { set, removed } = diffRatelimits(before, after);
      const kept = set.flatMap(({ existing }) => (existing === undefined ? [] : [existing]));
      expect([...kept, ...removed].map(({ id }) => id).sort()).toEqual(before.map(({ id }) => id).sort());
    }),
  );
});

test("a repeated name is reported at each of its later places", () => {
  expect(repeated(["a", "b", "a", "c", "b", "a"])).toEqual([
    { name: "a", index: 2 },
    { name: "b", index: 4 },
    { name: "a", index: 5 },
  ]);
  expect(repeated(["a", "A", "__proto__", "constructor"])).toEqual([]);
});

type Key = Parameters<typeof prepareLimits>[0];

const keys: fc.Arbitrary<Key> = fc.record({
  workspaceId: fc.constant("ws_1"),
  subjectId: fc.constant("key_1"),
  ratelimits: stored("k"),
  identity: fc.option(
    stored("i").map((ratelimits) => ({ id: "id_1", externalId: "user", meta: {}, ratelimits })),
    { nil: undefined },
  ),
});
const optional = (min: number) => fc.option(fc.integer({ min, max: min + 9 }), { nil: undefined });
const askedLimits = fc.uniqueArray(
  fc.record({ name: names, cost: optional(0), limit: optional(1), durationMs: optional(1_000) }),
  { selector: (asked) => asked.name },
);

const byKey = { space: "key", workspaceId: "ws_1", subject: "key_1" };
const byIdentity = { space: "identity", workspaceId: "ws_1", subject: "id_1" };

/** The limit that must apply to a name: the one that the request describes, else the key's, else its identity's. */
function expected(key: Key, name: string, asked: RequestedRatelimit | undefined) {
  const cost = asked?.cost ?? 1;
  if (asked?.limit !== undefined && asked.durationMs !== undefined) {
    const { limit, durationMs } = asked;
    return { id: undefined, name, limit, durationMs, autoApply: false, cost, ...byKey };
  }
  const own = key.ratelimits.find((limit) => limit.name === name);
  if (own !== undefined) return { ...own, cost, ...byKey };
  const shared = key.identity?.ratelimits.find((limit) => limit.name === name);
  return shared && { ...shared, cost, ...byIdentity };
}

function isApplied(key: Key, name: string): boolean {
  return expected(key, name, undefined)?.autoApply === true;
}

test("a plan has the limits with autoApply and the requested ones, each name once and from the right owner", () => {
  fc.assert(
    fc.property(keys, askedLimits, (key, asked) => {
      const plan = planRatelimits({ ...key, limits: prepareLimits(key) }, asked);
      const impossible = asked.findIndex((one) => expected(key, one.name, one) === undefined);
      if (impossible !== -1) {
        const { limit, durationMs } = asked[impossible] ?? {};
        const problem = limit === undefined && durationMs === undefined ? "unknown" : "incomplete";
        expect(plan).toEqual({ flaw: { index: impossible, problem } });
        return;
      }
      const all = [...key.ratelimits, ...(key.identity?.ratelimits ?? [])].map((limit) => limit.name);
      const counted = new Set([
        ...all.filter((name) => isApplied(key, name)),
        ...asked.map((one) => one.name),
      ]);
      const wanted = [...counted].map((name) =>
        expected(
          key,
          name,
          asked.find((one) => one.name === name),
        ),
      );
      const planned = "planned" in plan ? plan.planned : [];
      const byName = (limits: readonly ({ name: string } | undefined)[]) =>
        limits.toSorted((a, b) => ((a?.name ?? "") < (b?.name ?? "") ? -1 : 1));
      expect(byName(planned)).toEqual(byName(wanted));
    }),
    { numRuns: 1_000 },
  );
});
