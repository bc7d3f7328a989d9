import { expect, test } from "bun:test";
import { nextTryInMs, openRedis } from "./link.ts";
import { markScript } from "./scripts.ts";

test("a Redis that was available for a while is retried at once; otherwise each node retries with its own jitter", () => {
  const tries = (calmForMs: number) => Array.from({ length: 100 }, () => nextTryInMs(calmForMs));
  expect(new Set(tries(60_000))).toEqual(new Set([0]));
  const spread = tries(100);
  expect(Math.min(...spread)).toBeGreaterThanOrEqual(150);
  expect(Math.max(...spread)).toBeLessThanOrEqual(250);
  expect(new Set(spread).size).toBeGreaterThan(50);
});

test("a closed link does not connect again", async () => {
  let connections = 0;
  const listener = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      open(socket) {
        connections += 1;
        socket.end();
      },
      data() {},
    },
  });
  const link = openRedis({
    url: `redis://127.0.0.1:${listener.port}`,
    deadlineMs: 500,
    monotonicMs: () => 0,
    onConnect: async (ask) => void (await ask(markScript, ["latchkey:marker"], ["new"])),
    onUp: () => {},
    onDown: () => {},
  });
  await link.ready;
  await link.tryNow(); // fails at once, while the next attempt is already scheduled
  link.close();
  const before = connections;
  await Bun.sleep(400); // longer than the longest pause between two attempts
  expect(connections).toBe(before);
  listener.stop(true);
});

test("an attempt that succeeds cancels the attempt that was scheduled, which would replace its connection", async () => {
  let isDown = true;
  let connections = 0;
  const listener = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      open(socket) {
        connections += 1;
        if (isDown) socket.end();
      },
      data(socket, bytes) {
        const calls = bytes.toString().match(/HELLO|EVALSHA/g) ?? [];
        socket.write(
          calls.map((call) => (call === "HELLO" ? "%1\r\n$5\r\nproto\r\n:3\r\n" : "+OK\r\n")).join(""),
        );
      },
    },
  });
  const link = openRedis({
    url: `redis://127.0.0.1:${listener.port}`,
    deadlineMs: 500,
    monotonicMs: () => 0,
    onConnect: async (ask) => void (await ask(markScript, ["latchkey:marker"], ["new"])),
    onUp: () => {},
    onDown: () => {},
  });
  await link.ready;
  isDown = false;
  await link.tryNow();
  expect(link.isUp()).toBe(true);
  const before = connections;
  await Bun.sleep(400); // longer than the longest pause between two attempts
  expect(connections).toBe(before);
  link.close();
  listener.stop(true);
});
