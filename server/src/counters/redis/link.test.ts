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

type Peer = { write(text: string): void; end(): void };

/** Opens a link to a server that does this with each connection and with what it receives. */
function linkTo(open: (peer: Peer) => void, data: (peer: Peer, text: string) => void = () => {}) {
  let connections = 0;
  const listener = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      open(socket) {
        connections += 1;
        open(socket);
      },
      data: (socket, bytes) => data(socket, bytes.toString()),
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
  /** Expects that the link does not connect within the longest pause between two attempts. */
  async function expectNoAttempt(): Promise<void> {
    const before = connections;
    await Bun.sleep(400);
    expect(connections).toBe(before);
    listener.stop(true);
  }
  return { link, expectNoAttempt };
}

test("a closed link does not connect again", async () => {
  const { link, expectNoAttempt } = linkTo((peer) => peer.end());
  await link.ready;
  await link.tryNow(); // fails at once, while the next attempt is already scheduled
  link.close();
  await expectNoAttempt();
});

test("an attempt that succeeds cancels the attempt that was scheduled, which would replace its connection", async () => {
  let isDown = true;
  const { link, expectNoAttempt } = linkTo(
    (peer) => {
      if (isDown) peer.end();
    },
    (peer, text) => {
      const calls = text.match(/HELLO|EVALSHA/g) ?? [];
      peer.write(
        calls.map((call) => (call === "HELLO" ? "%1\r\n$5\r\nproto\r\n:3\r\n" : "+OK\r\n")).join(""),
      );
    },
  );
  await link.ready;
  isDown = false;
  await link.tryNow();
  expect(link.isUp()).toBe(true);
  await expectNoAttempt();
  link.close();
});
