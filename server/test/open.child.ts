/**
 * Opens the database at `<DATABASE_URL>`, creating it if it is missing, and adds a workspace with the name `<name>`.
 */
import { openStorage } from "../src/storage/open.ts";
import { insertWorkspace } from "../src/storage/queries/workspaces.ts";
import { databaseAt } from "./databaseAt.ts";

const [url = "", name = ""] = process.argv.slice(2);
const engine = await openStorage(databaseAt(url), {
  serving: false,
  connections: 4,
  monotonicMs: () => performance.now(),
});
await engine.transaction((tx) => insertWorkspace(tx, { id: `ws_${name}`, name, nowMs: 0 }));
await engine.close();
