import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { catalogue } from "../../src/errors/catalogue.ts";
import { operations } from "../../src/operations/index.ts";
import { engines, startTest, type TestServer } from "../harness.ts";
import type { Case } from "./cases/case.ts";
import { cases } from "./cases.ts";
import { behindFaults, loseTables, unavailable } from "./faults.ts";
import {
  type Fields,
  generalClass,
  type Input,
  type OfficialClient,
  type OfficialOperation,
  type Target,
} from "./officialClient.ts";

/** The time limit of a test. It is long, because the first run creates virtual environments. */
const patienceMs = 540_000;

type Options = {
  /** operations that have cases and that this client does not have */
  lacks?: readonly string[];
  /**
   * whether the client's iterator stops after the first page, because it looks for the cursor in the wrong place. The
   * tests then pass the cursor themselves.
   */
  iteratorEndsEarly?: boolean;
  /** operations in which the client omits every null, so that it cannot clear a field */
  omitsNulls?: readonly string[];
};

/** A client, a case, and what the client's code says about the operation of the case. */
type Trial = { client: OfficialClient; official: OfficialOperation; tried: Case; omitsNulls: boolean };

/** Defines the tests that every official client must pass. */
export function describeClient(
  name: string,
  open: () => Promise<OfficialClient>,
  { lacks = [], iteratorEndsEarly = false, omitsNulls = [] }: Options = {},
): void {
  describe(name, () => {
    let client: OfficialClient;
    let official: ReadonlyMap<string, OfficialOperation>;
    beforeAll(async () => {
      client = await open();
      official = await client.operations();
    }, patienceMs);
    afterAll(() => client.close());

    const mine = cases.filter(({ operation }) => !lacks.includes(operation));
    const trial = (tried: Case): Trial => {
      const operation = official.get(tried.operation);
      if (operation === undefined) throw new Error(`${client.name} has no ${tried.operation}`);
      return { client, official: operation, tried, omitsNulls: omitsNulls.includes(tried.operation) };
    };

    test("it has every operation that has cases, except those that it is known to lack", () => {
      const missing = cases.map(({ operation }) => operation).filter((operation) => !official.has(operation));
      expect(missing).toEqual([...lacks]);
    });

    describe.each(engines)("on $name", (engine) => {
      let servers: Servers;
      beforeAll(async () => {
        servers = await startServers(engine);
      });
      afterAll(() => servers.stop());

      test.each(mine)("$operation: the client shows every part of the response", (tried) =>
        expectWholeResponses(trial(tried), servers.normal),
      );

      test.each(mine)("$operation: the client throws its own class for each error", (tried) =>
        expectTypedRefusals(trial(tried), servers),
      );

      test.each(["latchkey_root_mistyped", "ordinary_api_key", ""])(
        "the client throws its own class for a 401, whatever is wrong with the root key: %p",
        (rootKey) => expectTyped401(client, official, { ...servers.normal.target, rootKey }),
      );

      test.each(mine.filter((tried) => tried.list !== undefined))(
        "$operation: all pages together show every row once, in order, for each page size",
        (tried) => expectEveryRow(trial(tried), engine, iteratorEndsEarly),
        30_000,
      );
    });

    describe("retries", () => retryTests(() => client));
  });
}

async function expectWholeResponses(
  { client, official, tried, omitsNulls }: Trial,
  { server, target }: Started,
) {
  let sent = 0;
  for (const prepare of tried.succeeds) {
    const { input, data, after } = await prepare(server);
    if (!isSendable(official, input, omitsNulls)) continue;
    if (tried.onlyIn?.client !== client.name && tried.onlyIn?.fields.some((field) => field in input))
      continue;
    sent += 1;
    const outcome = await client.call(tried.operation, input, target);
    expect(outcome).toEqual({ ok: true, response: expect.anything() });
    if (!outcome.ok) continue;
    expect(outcome.response.meta).toEqual({ requestId: expect.stringMatching(/^req_/) });
    expect(outcome.response.data).toEqual(knownTo(client.name, tried, data));
    await after?.();
  }
  // The calls for a list use a search, because the list also has rows of other tests. An older client cannot search, so
  // it may have sent none of these calls. `expectEveryRow` tests lists with every client.
  if (tried.succeeds.length > 0 && tried.list === undefined) expect(sent).toBeGreaterThan(0);
}

function isSendable(official: OfficialOperation, input: Input, omitsNulls: boolean): boolean {
  const text = JSON.stringify(input);
  return JSON.stringify(sendable(official, input)) === text && !(omitsNulls && text.includes("null"));
}

/**
 * Returns the part of the input for which the client has fields. If the client's code does not show its fields, it is
 * assumed to have all of them.
 */
function sendable({ fields }: OfficialOperation, input: Input): Input {
  if (fields === undefined || Array.isArray(input)) return input;
  return Object.fromEntries(Object.entries(input).filter(([field]) => fields.includes(field)));
}

/** Returns `data` without the members that the models of this client lack. */
function knownTo(client: string, { onlyIn }: Case, data: unknown): unknown {
  if (onlyIn === undefined || onlyIn.client === client) return data;
  return Object.fromEntries(
    Object.entries(data as object).filter(([name]) => !onlyIn.members.includes(name)),
  );
}

async function expectTypedRefusals({ client, official, tried }: Trial, servers: Servers): Promise<void> {
  const refusals = refusalsOf(tried, servers);
  for (const [status, prepare] of refusals) {
    const { input, target } = await prepare();
    const general = tried.generalFor?.[client.name]?.includes(status) === true;
    const className = general ? undefined : official.errors.get(status)?.className;
    const outcome = await client.call(tried.operation, sendable(official, input), target);
    const refusal: unknown = outcome.ok ? outcome : outcome.error;
    expect(refusal).toEqual(expectedRefusal(className, status, target.url));
    if (outcome.ok || outcome.error.data === undefined) continue;
    expect(outcome.error.data.meta.requestId).toBe(outcome.error.requestId ?? "");
  }
  const untried = [...official.errors.keys()].filter((status) => !refusals.has(status));
  expect(untried.filter((status) => tried.neverSent?.[status] === undefined)).toEqual([]);
}

/**
 * Expects a typed 401 from an operation whose errors are `application/problem+json`, and from an operation whose errors
 * are not.
 */
async function expectTyped401(
  client: OfficialClient,
  official: ReadonlyMap<string, OfficialOperation>,
  target: Target,
): Promise<void> {
  for (const operation of ["identities.getIdentity", "identities.deleteIdentity"]) {
    const className = official.get(operation)?.errors.get(401)?.className ?? "none";
    const outcome = await client.call(operation, { identity: "user_123" }, target);
    const refusal: unknown = outcome.ok ? outcome : outcome.error;
    expect(refusal).toEqual(expectedRefusal(className, 401, target.url));
  }
}

/**
 * Returns the error that the client must throw: an error of the class `className` with the parsed body or, if
 * `className` is undefined, an error of the general class without a body.
 */
function expectedRefusal(className: string | undefined, status: number, url: string): unknown {
  const common = { status, message: expect.any(String), requestId: expect.stringMatching(/^req_/) };
  if (className === undefined) return { ...common, className: generalClass };
  const error = {
    title: expect.stringMatching(/./),
    detail: expect.stringMatching(/./),
    status,
    type: expect.stringMatching(typesOf(status, url)),
    ...(status === 400 ? { errors: expect.arrayContaining([namedPlace]) } : {}),
  };
  return { ...common, className, data: { meta: { requestId: expect.any(String) }, error } };
}

const namedPlace = {
  location: expect.stringMatching(/^body/),
  message: expect.stringMatching(/./),
  fix: expect.stringMatching(/./),
};

/** Returns a pattern that matches exactly the types of the catalogue's errors with this status. */
function typesOf(status: number, url: string): RegExp {
  const rows = Object.values(catalogue).filter((row) => row.status === status);
  return new RegExp(`^${url}/errors/(${rows.map((row) => row.type).join("|")})$`);
}

async function expectEveryRow(trial: Trial, engine: Engine, iteratorEndsEarly: boolean): Promise<void> {
  const { client, official, tried } = trial;
  const server = await startTest({ engine });
  if (tried.list === undefined) throw new Error(`${tried.operation} has no list`);
  const { input, field, values } = await tried.list.make(server, tried.list.rows);
  for (const limit of tried.list.pages) {
    const call = [tried.operation, { ...input, limit }, targetOf(server)] as const;
    const iterated = official.paged ? await client.pages(...call) : [];
    const pages = official.paged && !iteratorEndsEarly ? iterated : await pagesByHand(client, ...call);
    expect(pages.flat().map((row) => (row as Fields)[field])).toEqual(values);
    expect(pages.map((page) => page.length)).toEqual(pageSizes(values.length, limit));
    if (iteratorEndsEarly && official.paged) expect(iterated).toEqual(pages.slice(0, 1));
  }
  await server.stop();
}

/** Reads all pages like a caller without an iterator: passes the cursor of one response to the next call. */
async function pagesByHand(client: OfficialClient, operation: string, input: Fields, target: Target) {
  const pages: unknown[][] = [];
  let next: { cursor?: string } = {};
  do {
    const outcome = await client.call(operation, { ...input, ...next }, target);
    if (!outcome.ok) throw new Error(outcome.error.message);
    pages.push(outcome.response.data as unknown[]);
    const { hasMore, cursor } = outcome.response.pagination as { hasMore: boolean; cursor?: string };
    expect(hasMore).toBe(cursor !== undefined);
    next = cursor === undefined ? {} : { cursor };
  } while (next.cursor !== undefined);
  return pages;
}

function pageSizes(rows: number, limit: number): number[] {
  return Array.from({ length: Math.ceil(rows / limit) }, (_, page) => Math.min(limit, rows - page * limit));
}

type Engine = (typeof engines)[number];
type Started = { server: TestServer; target: Target };
type Servers = Record<"normal" | "limited" | "broken", Started> & {
  /** a root key without any permission */
  powerless: string;
  stop(): Promise<void>;
};

/**
 * Starts a server that works, one whose workspace has used up its requests per minute, and one that has lost its
 * tables.
 */
async function startServers(engine: Engine): Promise<Servers> {
  const normal = await startTest({ engine, config: { RECOVERY_KEY: "A".repeat(43) } });
  const limited = await startTest({ engine, config: { WORKSPACE_REQUESTS_PER_MINUTE: "1" } });
  await limited.call("identities.listIdentities", {});
  // always on SQLite in memory, because an internal error looks the same on every engine
  const broken = await startTest();
  await loseTables(broken);
  return {
    normal: { server: normal, target: targetOf(normal) },
    limited: { server: limited, target: targetOf(limited) },
    broken: { server: broken, target: targetOf(broken) },
    powerless: await normal.makeRootKey([]),
    stop: async () => void (await Promise.all([normal, limited, broken].map((server) => server.stop()))),
  };
}

function targetOf({ url, rootKey }: TestServer): Target {
  return { url, rootKey };
}

type Refused = () => Promise<{ input: Input; target: Target }>;

/** Returns a call for each error that the server returns for the operation, by status. */
function refusalsOf(tried: Case, { normal, limited, broken, powerless }: Servers): Map<number, Refused> {
  const example = operations.find(({ name }) => name === tried.operation)?.example;
  const input = example?.input as Input;
  const everywhere: [number, Refused][] = [
    [401, async () => ({ input, target: { ...normal.target, rootKey: "latchkey_root_nobody" } })],
    [403, async () => ({ input, target: { ...normal.target, rootKey: powerless } })],
    [429, async () => ({ input, target: limited.target })],
    [500, async () => ({ input, target: broken.target })],
  ];
  const peculiar = Object.entries(tried.refused).map(([status, prepare]): [number, Refused] => [
    Number(status),
    async () => ({ input: await prepare(normal.server), target: normal.target }),
  ]);
  const sent = [...everywhere, ...peculiar].filter(([status]) => tried.neverSent?.[status] === undefined);
  return new Map(sent);
}

function retryTests(clientOf: () => OfficialClient): void {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTest();
  });
  afterAll(() => server.stop());

  test("by default the client retries after each 503, gets its response, and the effect happens once", async () => {
    const flaky = behindFaults(server.url, [unavailable, unavailable]);
    const target: Target = { url: flaky.url, rootKey: server.rootKey, retries: "default" };
    const outcome = await clientOf().call("identities.createIdentity", { externalId: "retried" }, target);
    await flaky.stop();
    expect(outcome).toMatchObject({ ok: true, response: { data: { identityId: expect.any(String) } } });
    expect(flaky.asked()).toBe(3);
    expect((await server.call("identities.listIdentities", {})).body.data).toHaveLength(1);
  }, 20_000);

  test("without retries the client sends one request and throws its general error for a 503", async () => {
    const flaky = behindFaults(server.url, [unavailable]);
    const target: Target = { url: flaky.url, rootKey: server.rootKey, retries: "none" };
    const outcome = await clientOf().call("identities.getIdentity", { identity: "anyone" }, target);
    await flaky.stop();
    expect(outcome).toMatchObject({ ok: false, error: { className: generalClass, status: 503 } });
    expect(flaky.asked()).toBe(1);
  });

  test("when its time for retries is over, the client throws its own class for a 500", async () => {
    const broken = await startTest();
    await loseTables(broken);
    const counted = behindFaults(broken.url, []);
    const target: Target = { url: counted.url, rootKey: broken.rootKey, retries: "brief" };
    const outcome = await clientOf().call("identities.deleteIdentity", { identity: "user_123" }, target);
    await Promise.all([counted.stop(), broken.stop()]);
    const error = { className: "InternalServerErrorResponse", status: 500 };
    expect(outcome).toMatchObject({ ok: false, error });
    expect(counted.asked()).toBeGreaterThan(1);
  }, 20_000);
}
