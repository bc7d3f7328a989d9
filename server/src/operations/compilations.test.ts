import { afterEach, describe, expect, spyOn, test } from "bun:test";
import { type CompiledQuery, DefaultQueryExecutor } from "kysely";
import { engines } from "../../test/harness.ts";
import { testServer } from "../../test/setUp.ts";
import { exampleIn, makeWorld, type World } from "../../test/world.ts";
import type { Operation } from "../operation.ts";
import { operations } from "./index.ts";

const isDeletion = ({ name }: Operation) => /\.(delete|remove)/.test(name);
const destroysLast = operations.toSorted((a, b) => Number(isDeletion(a)) - Number(isDeletion(b)));

describe.each(engines)("on $name,", (engine) => {
  const server = testServer({ engine });
  const compiled = spyOn(DefaultQueryExecutor.prototype, "compileQuery");
  afterEach(() => compiled.mockClear());

  async function callAll(world: World): Promise<void> {
    for (const operation of destroysLast) {
      const { rootKey } = world;
      await server.call(operation.name, exampleIn(operation, world), { rootKey });
    }
  }

  async function newWorld(): Promise<World> {
    const workspaceId = await server.makeWorkspace();
    const rootKey = await server.makeRootKey(["*"], { workspaceId });
    return makeWorld(server, "own", { workspaceId, rootKey });
  }

  test("no operation compiles a query again after its first call", async () => {
    await callAll(await newWorld());
    const second = await newWorld();
    compiled.mockClear();
    await callAll(second);
    expect(compiled.mock.results.map(({ value }) => (value as CompiledQuery).sql)).toEqual([]);
  });
});
