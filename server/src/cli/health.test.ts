import { expect, setDefaultTimeout, test } from "bun:test";
import { createServer } from "node:net";
import { freePort, runProgram, startServing, until } from "../../test/program.ts";

setDefaultTimeout(60_000);

const health = (env: Record<string, string>, ...words: string[]) =>
  runProgram(["health", ...words], { env: { DATABASE_URL: ":memory:", ...env } });

test("latchkey health ends with 0 while the server of the same settings answers, and with 1 after its end", async () => {
  const PORT = String(await freePort());
  const env = { PORT, HOST: "0.0.0.0" };
  const before = await health(env);
  expect(before).toMatchObject({ code: 1, stdout: "" });
  expect(before.stderr).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/health\/live gives no answer \(.+\)\.\n$/);

  const server = await startServing({ env: { ...env, DATABASE_URL: ":memory:" } });
  const up = { code: 0, stderr: "" };
  expect(await health(env)).toMatchObject({
    ...up,
    stdout: expect.stringMatching(/\/live answers 200\.\n$/),
  });
  expect(await health(env, "ready")).toMatchObject(up);

  server.child.kill("SIGTERM"); // it serves for five seconds more, and wants no new requests
  const url = `http://127.0.0.1:${PORT}/health/ready`;
  await until("readiness fails", async () => ((await fetch(url)).status === 503 ? true : undefined));
  expect(await health(env, "ready")).toMatchObject({ code: 1, stderr: `${url} answers 503.\n` });
  server.child.kill("SIGKILL");
  await server.ended;
  expect(await health(env)).toMatchObject({ code: 1 });
});

test("latchkey health asks no proxy, and waits two seconds for what takes the connection and is silent", async () => {
  const silent = createServer();
  const port = await new Promise<number>((resolve) => {
    silent.listen(0, "127.0.0.1", () => resolve((silent.address() as { port: number }).port));
  });
  const answer = await health({
    PORT: String(port),
    HTTP_PROXY: "http://127.0.0.1:1",
    http_proxy: "http://x:1",
  });
  expect(answer).toMatchObject({ code: 1, stdout: "" });
  expect(answer.stderr).toEndWith("gives no answer within 2 s.\n");
  silent.close();
});

test("latchkey health says in a sentence what it takes", async () => {
  expect((await health({}, "well")).stderr).toStartWith("It is latchkey health");
  expect((await health({ PORT: "0" })).stderr).toStartWith("PORT is 0");
});
