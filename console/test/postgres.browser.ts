/** Runs the main flows on PostgreSQL and Redis, which `scripts/consoleTests.mjs` has started. */
import { testMainFlows } from "./mainFlows.ts";
import { operatorKey, signIn, test, testConsole } from "./setUp.ts";

const { TEST_DATABASE_URL = "", TEST_REDIS_URL = "", TEST_REDIS_PID = "" } = process.env;

const latchkey = testConsole({ DATABASE_URL: TEST_DATABASE_URL, REDIS_URL: TEST_REDIS_URL });
testMainFlows(latchkey);

test("the overview warns an operator as long as Redis cannot be reached", async () => {
  const page = await latchkey.arrive("/");
  await signIn(page, operatorKey(latchkey));
  await page.getByRole("heading", { name: "Overview", level: 1 }).waitFor();
  const warning = page.getByText("Redis cannot be reached");
  process.kill(Number(TEST_REDIS_PID), "SIGSTOP");
  try {
    // a node notices that Redis is down only when it counts against a rate limit, as for this verification
    await latchkey.server.call("keys.verifyKey", { key: latchkey.seeded.refusedKey });
    await warning.waitFor();
  } finally {
    process.kill(Number(TEST_REDIS_PID), "SIGCONT");
  }
  await warning.waitFor({ state: "detached" });
});
