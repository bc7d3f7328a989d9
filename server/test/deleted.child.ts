/**
 * deleted.test.ts starts this program with `<database>`. The program removes the rows of deleted permissions and roles,
 * without a pause, until it is killed.
 */

import { cleanUp, cleanUpTasks } from "../src/storage/cleanUp.ts";
import { openStorage } from "../src/storage/open.ts";
import { databaseAt } from "./databaseAt.ts";

const [url = ""] = process.argv.slice(2);
const options = { serving: false, connections: 4, monotonicMs: () => performance.now() };
const report = (_: string, event: string) => console.error(event);
cleanUp(
  await openStorage(databaseAt(url), options),
  () => undefined,
  report,
  cleanUpTasks(undefined, () => undefined),
  1,
);
setInterval(() => undefined, 1_000); // keeps the process alive; the clean-up alone does not
