import { expect, setDefaultTimeout, test } from "bun:test";
import { createServer } from "node:net";
import { freePort, runProgram, startServing } from "../../test/program.ts";
import { until } from "../../test/until.ts";

setDefaultTimeout(60_000);

const health = (env: Record<string, string>, ...words: string[]) =>
  runProgram(["health", ...words], { env: { DATABASE_URL: ":memory:", ...env } });

test("latchkey health exits with 0 while the server with the same settings responds, and with 1 after it has stopped", async () => {
  const PORT = String(await freePort());
  const env = { PORT, HOST: "0.0.0.0" };
  const before = await health(env);
  expect(before).toMatchObject({ code: 1, stdout: "" });
  expect(before.stderr).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/health\/live did not respond \(.+\)\.\n$/);

  const server = await startServing({ env: { ...env, DATABASE_URL: ":memory:" } });
  const up = { code: 0, stderr: "" };
  expect(await health(env)).toMatchObject({
    ...up,
    stdout: expect.stringMatching(/\/live returned 200\.\n$/),
  });
  expect(await health(env, "ready")).toMatchObject(up);

  server.child.kill("SIGTERM"); // the server runs for five more seconds, but is not ready for new requests
  const url = `http://127.0.0.1:${PORT}/health/ready`;
  await until(async () => (await fetch(url)).status === 503);
  expect(await health(env, "ready")).toMatchObject({ code: 1, stderr: `${url} returned 503.\n` });
  server.child.kill("SIGKILL");
  await server.ended;
  expect(await health(env)).toMatchObject({ code: 1 });
});

test("latchkey health asks the server that LATCHKEY_URL names, whatever HOST and PORT are", async () => {
  const server = await startServing({ env: { DATABASE_URL: ":memory:" } });
  const run = await health({ LATCHKEY_URL: `${server.url}/`, HOST: "203.0.113.1", PORT: "0" });
  expect(run).toMatchObject({ code: 0, stdout: `${server.url}/health/live returned 200.\n` });
  server.child.kill("SIGKILL");
  await server.ended;
});

test("latchkey health ignores proxy settings, and waits two seconds for a server that accepts the connection and stays silent", async () => {
  const silent = createServer();
  const port = await new Promise<number>((resolve) => {
    silent.listen(0, "127.0.0.1", () => resolve((silent.address() as { port: number }).port));
  });
  const run = await health({
    PORT: String(port),
    HTTP_PROXY: "http://127.0.0.1:1",
    http_proxy: "http://x:1",
  });
  expect(run).toMatchObject({ code: 1, stdout: "" });
  expect(run.stderr).toEndWith("did not respond within 2 s.\n");
  silent.close();
});

test("latchkey health reports wrong arguments and settings in one sentence", async () => {
  expect((await health({}, "well")).stderr).toStartWith("Usage: latchkey health");
  expect((await health({ PORT: "0" })).stderr).toStartWith("PORT is 0");
});
