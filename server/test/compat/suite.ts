import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { catalogue } from "../../src/errors.ts";
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

/** A first run makes virtual environments. */
const patienceMs = 540_000;

type Options = {
  /** of the operations that are tried, those the client does not have */
  lacks?: readonly string[];
  /** it looks for the cursor where no answer has it: its iterator ends after a page, and callers pass the cursor on */
  iteratorEndsEarly?: boolean;
};

/** What a test is told: the client, what its code says of it, and the operation that is tried. */
type Trial = { client: OfficialClient; official: OfficialOperation; tried: Case };

/** Everything that holds for each official client alike. */
export function describeClient(
  name: string,
  open: () => Promise<OfficialClient>,
  { lacks = [], iteratorEndsEarly = false }: Options = {},
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
      return { client, official: operation, tried };
    };

    test("of the operations that are tried, it lacks the ones that are known", () => {
      const missing = cases.map(({ operation }) => operation).filter((operation) => !official.has(operation));
      expect(missing).toEqual([...lacks]);
    });

    describe.each(engines)("on $name", (engine) => {
      let servers: Servers;
      beforeAll(async () => {
        servers = await startServers(engine);
      });
      afterAll(() => servers.stop());

      test.each(mine)("$operation: the client shows every part of the answer", (tried) =>
        expectWholeAnswers(trial(tried), servers.normal),
      );

      test.each(mine)("$operation: each refusal arrives as the client's own error for it", (tried) =>
        expectTypedRefusals(trial(tried), servers),
      );

      test.each(["latchkey_root_mistyped", "ordinary_api_key", ""])(
        "whatever is wrong with the root key, the client's own 401 arrives: %p",
        (rootKey) => expectTyped401(client, official, { ...servers.normal.target, rootKey }),
      );

      test.each(mine.filter((tried) => tried.list !== undefined))(
        "$operation: read to the end it shows every row once, in order, in pages of each size",
        (tried) => expectEveryRow(trial(tried), engine, iteratorEndsEarly),
        30_000,
      );
    });

    describe("retries", () => retryTests(() => client));
  });
}

async function expectWholeAnswers({ client, official, tried }: Trial, { server, target }: Started) {
  let sent = 0;
  for (const prepare of tried.succeeds) {
    const { input, data, after } = await prepare(server);
    if (JSON.stringify(sendable(official, input)) !== JSON.stringify(input)) continue;
    sent += 1;
    const outcome = await client.call(tried.operation, input, target);
    expect(outcome).toEqual({ ok: true, answer: expect.anything() });
    if (!outcome.ok) continue;
    expect(outcome.answer.meta).toEqual({ requestId: expect.stringMatching(/^req_/) });
    expect(outcome.answer.data).toEqual(data);
    await after?.();
  }
  // an older client cannot search, and without a search a list holds what other tests made: it is paged elsewhere
  if (tried.succeeds.length > 0 && tried.list === undefined) expect(sent).toBeGreaterThan(0);
}

/** What of it the client has fields for; where a client's code does not tell its fields, it has them all. */
function sendable({ fields }: OfficialOperation, input: Input): Input {
  if (fields === undefined || Array.isArray(input)) return input;
  return Object.fromEntries(Object.entries(input).filter(([field]) => fields.includes(field)));
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

/** Of an operation whose errors are problem+json, and of one of the others. */
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

/** The typed error with every field that the client parses; the general one where it has no class for it. */
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

/** One of the catalogue's addresses for the status, and nothing else. */
function typesOf(status: number, url: string): RegExp {
  const rows = Object.values(catalogue).filter((row) => row.status === status);
  return new RegExp(`^${url}/errors/(${rows.map((row) => row.type).join("|")})$`);
}

async function expectEveryRow(trial: Trial, engine: Engine, iteratorEndsEarly: boolean): Promise<void> {
  const { client, official, tried } = trial;
  const server = await startTest({ engine });
  if (tried.list === undefined) throw new Error(`${tried.operation} is no list`);
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

/** As callers do whose client has no iterator: the cursor of one answer goes into the next call. */
async function pagesByHand(client: OfficialClient, operation: string, input: Fields, target: Target) {
  const pages: unknown[][] = [];
  let next: { cursor?: string } = {};
  do {
    const outcome = await client.call(operation, { ...input, ...next }, target);
    if (!outcome.ok) throw new Error(outcome.error.message);
    pages.push(outcome.answer.data as unknown[]);
    const { hasMore, cursor } = outcome.answer.pagination as { hasMore: boolean; cursor?: string };
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

/** One server that works, one whose workspace has used its minute up, one that has lost its tables. */
async function startServers(engine: Engine): Promise<Servers> {
  const normal = await startTest({ engine, config: { RECOVERY_KEY: "A".repeat(43) } });
  const limited = await startTest({ engine, config: { WORKSPACE_REQUESTS_PER_MINUTE: "1" } });
  await limited.call("identities.listIdentities", {});
  // in memory: what the server answers to a fault of its own does not depend on the engine
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

/** Every way in which the operation is refused, by status, all of them by the server itself. */
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

  test("told nothing, the client asks again after each 503 and gets its answer, the effect once", async () => {
    const flaky = behindFaults(server.url, [unavailable, unavailable]);
    const target: Target = { url: flaky.url, rootKey: server.rootKey, retries: "default" };
    const outcome = await clientOf().call("identities.createIdentity", { externalId: "retried" }, target);
    await flaky.stop();
    expect(outcome).toMatchObject({ ok: true, answer: { data: { identityId: expect.any(String) } } });
    expect(flaky.asked()).toBe(3);
    expect((await server.call("identities.listIdentities", {})).body.data).toHaveLength(1);
  }, 20_000);

  test("told not to, the client asks once and throws its general error for a 503", async () => {
    const flaky = behindFaults(server.url, [unavailable]);
    const target: Target = { url: flaky.url, rootKey: server.rootKey, retries: "none" };
    const outcome = await clientOf().call("identities.getIdentity", { identity: "anyone" }, target);
    await flaky.stop();
    expect(outcome).toMatchObject({ ok: false, error: { className: generalClass, status: 503 } });
    expect(flaky.asked()).toBe(1);
  });

  test("when its time for retries is over, the client throws its own error for a 500", async () => {
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
