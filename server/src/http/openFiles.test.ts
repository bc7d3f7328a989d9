import { expect, test } from "bun:test";
import { freePort, startServing } from "../../test/program.ts";
import { openRaw } from "../../test/raw.ts";
import { until } from "../../test/until.ts";

const limit = 150;
const callers = 300;

test("at the limit of open files every caller is served since idle connections are closed, and the log says so once", async () => {
  const metricsAddress = `127.0.0.1:${await freePort()}`;
  const server = await startServing({
    env: { DATABASE_URL: ":memory:", METRICS_ADDRESS: metricsAddress },
    through: ["sh", "-c", `ulimit -n ${limit}; exec "$@"`, "sh"],
  });
  // no caller closes its connection, so all connections stay open and idle
  const connections = await Promise.all(Array.from({ length: callers }, () => openRaw(server.url)));
  for (const connection of connections)
    connection.send("GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n");
  const statuses = await Promise.all(connections.map(async (one) => (await one.reply())?.status));
  expect(new Set(statuses)).toEqual(new Set([200]));

  const metrics = await (await fetch(`http://${metricsAddress}/metrics`)).text();
  expect(Number(/^latchkey_open_files_near_limit_seconds_total (\d+)$/m.exec(metrics)?.[1])).toBeGreaterThan(
    0,
  );
  const warnings = () => server.stdout().match(/.*"event":"open_files_near_limit".*/g) ?? [];
  await until(() => warnings().length > 0);
  expect(warnings().map((line) => JSON.parse(line))).toMatchObject([{ level: "warn", limit }]);
  for (const connection of connections) connection.destroy();
  server.child.kill("SIGINT");
  await server.ended;
}, 60_000);
