import { beforeEach } from "bun:test";
import type { TestEngine } from "./harness.ts";
import { testServer, testWorkspace } from "./setUp.ts";

/**
 * Sets up the tests of `keys.explain` in the `describe` block that calls this: a server, and for each test a workspace
 * with one api.
 */
export function explaining(engine: TestEngine) {
  const server = testServer({ engine });
  const space = testWorkspace(server);
  let apiId = "";
  beforeEach(async () => {
    ({ apiId } = await space.data("apis.createApi", { name: "payments" }));
  });
  return {
    server,
    space,
    /** the id of the test's api */
    apiId: () => apiId,
    createKey: (body: object = {}) => space.data("keys.createKey", { apiId, ...body }),
    explained: (body: object, options = {}) => space.data("keys.explain", body, options),
  };
}

// biome-ignore lint/suspicious/noExplicitAny: tests read responses of any shape
export const checkOf = ({ checks }: any, check: string) => checks.find((one: any) => one.check === check);
// biome-ignore lint/suspicious/noExplicitAny: tests read responses of any shape
export const failedOf = ({ checks }: any) => checks.filter((one: any) => !one.passed);
