import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { engines, startTest, type TestServer } from "../harness.ts";
import { onlyInNewest } from "./cases.ts";
import { pythonClient, pythonVersions, runPython } from "./pythonClient.ts";
import { describeClient } from "./suite.ts";
import { virtualEnvironment } from "./virtualEnvironment.ts";

for (const version of pythonVersions) {
  // 2.6.0 looks for the cursor inside `data`, which is a list, so its iterator stops after the first page
  const iteratorEndsEarly = version === "2.6.0";
  const lacks = version === "2.6.0" ? onlyInNewest : [];
  describeClient(`unkey.py ${version}`, () => pythonClient(version), { iteratorEndsEarly, lacks });

  describe.each(engines)(`the calls of the documentation, by unkey.py ${version} on $name`, (engine) => {
    let server: TestServer;
    beforeAll(async () => {
      await virtualEnvironment(version);
      server = await startTest({ engine });
    }, 540_000);
    afterAll(() => server.stop());

    test("succeed exactly as documented", async () => {
      const others = Array.from({ length: 120 }, (_, index) => ({ externalId: `other_${index}` }));
      await Promise.all(others.map((other) => server.call("identities.createIdentity", other)));
      const shown = await runPython(version, "documented_calls.py", {
        UNKEY_ROOT_KEY: server.rootKey,
        UNKEY_SERVER_URL: server.url,
      });
      expect(shown).toEqual({
        create: { identity_id: expect.stringMatching(/^id_/), request_id: expect.stringMatching(/^req_/) },
        get: ["user_123", "api", 696170, 249033, false],
        list: [[]], // the documentation's cursor sorts after the last identity, so the page is empty
        update: [
          { email: "alice@example.com", name: "Alice Smith", plan: "premium" },
          "requests",
          1000,
          3600000,
          true,
        ],
        delete: expect.stringMatching(/^req_/),
        left: iteratorEndsEarly ? [50] : [50, 50, 20],
      });
      expect((await server.call("identities.getIdentity", { identity: "user_123" })).status).toBe(404);
    }, 30_000);
  });
}
