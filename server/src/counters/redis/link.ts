import { type Ask, type Connection, connectRedis, within } from "./connection.ts";
import { RedisRefused, RedisUnavailable, refusalOf, textOf } from "./faults.ts";

/**
 * A link to Redis has one connection at a time. When the connection fails, the link is down until a new connection
 * works. While the link is down, calls fail at once, so that no caller waits. Replies arrive in the order of the calls.
 */
export type RedisLink = {
  /**
   * Resolves when the first attempt to connect has succeeded or failed. After a failure, the link is down and keeps
   * trying. Errors: `RedisRefused` if trying again will not help.
   */
  ready: Promise<void>;
  ask: Ask;
  /** Returns whether calls are sent to Redis: false until `onConnect` has succeeded on the current connection. */
  isUp(): boolean;
  /** If the link is down, tries to connect now, for at most a second. */
  tryNow(): Promise<void>;
  close(): void;
};

type Options = {
  url: string;
  /** the longest wait for a reply, ms */
  deadlineMs: number;
  /** the time in milliseconds by a clock that never goes back */
  monotonicMs(): number;
  /** Called first on each new connection. The link is down until it has succeeded. */
  onConnect(ask: Ask): Promise<void>;
  /** Called each time when the link comes up, also the first time, before any other call is sent. */
  onUp(): void;
  /**
   * Called with the reason when the link goes down. While it is down, called again if it turns out that a person must
   * change something.
   */
  onDown(reason: string): void;
};

/** If the link was up for at least this long, a failure is followed by an attempt to connect without a pause. */
const calmMs = 1_000;
/** the pause before another attempt to connect, before jitter */
const probeMs = 200;
const probeDeadlineMs = 500;
const firstDeadlineMs = 3_000;
/** the time limit of `tryNow`, the last attempt before the process ends */
const lastDeadlineMs = 1_000;

const unreachable = () => Promise.reject(new RedisUnavailable("Redis is down"));

/**
 * Opens a link, and connects at once. If a reply is late, the connection counts as failed.
 */
export function openRedis({ onConnect, onUp, onDown, ...options }: Options): RedisLink {
  let current = connect();
  let up = false;
  let upSinceMs = 0;
  let refusal: string | undefined;
  const probes = retries(tryAgain);

  function connect(): Connection {
    const connection = connectRedis({ ...options, onFailure });
    function onFailure(error: unknown): void {
      // a failure of a connection that was already replaced says nothing about the current connection
      if (connection === current && up) goDown(error);
    }
    return connection;
  }

  function goDown(error: unknown): void {
    up = false;
    current.close();
    onDown(textOf(error));
    probes.later(options.monotonicMs() - upSinceMs);
  }

  async function tryAgain(withinMs: number): Promise<void> {
    current.close();
    current = connect();
    try {
      await welcome(withinMs);
    } catch (error) {
      const now = refusalOf(error);
      if (now !== undefined && now !== refusal) onDown(now);
      refusal = now;
      probes.later();
    }
  }

  async function welcome(withinMs: number): Promise<void> {
    await onConnect(current.askWithin(withinMs));
    refusal = undefined;
    up = true;
    upSinceMs = options.monotonicMs();
    onUp();
  }

  const ready = welcome(firstDeadlineMs).catch((error: unknown) => {
    refusal = refusalOf(error);
    current.close();
    if (refusal !== undefined) throw new RedisRefused(refusal);
    onDown(textOf(error));
    probes.later();
  });

  return {
    ready,
    ask: (...call) => (up ? current.ask(...call) : unreachable()),
    isUp: () => up,
    async tryNow() {
      if (!up) await within(probes.now(lastDeadlineMs), lastDeadlineMs).catch(() => undefined);
    },
    close() {
      up = false;
      probes.stop();
      current.close();
    },
  };
}

/** Runs `attempt` now or after a pause, but never twice at the same time. */
function retries(attempt: (withinMs: number) => Promise<void>) {
  let stopped = false;
  let waiting: ReturnType<typeof setTimeout> | undefined;
  let running: Promise<void> | undefined;

  function now(withinMs: number): Promise<void> {
    clearTimeout(waiting); // otherwise a later attempt would replace the connection of this attempt
    running ??= attempt(withinMs).finally(() => {
      running = undefined;
    });
    return running;
  }

  return {
    now,
    later(calmForMs = 0): void {
      clearTimeout(waiting); // otherwise an earlier timer would remain, and `stop` would not clear it
      if (stopped) return;
      waiting = setTimeout(() => void now(probeDeadlineMs), nextTryInMs(calmForMs));
      waiting.unref();
    },
    stop(): void {
      stopped = true;
      clearTimeout(waiting);
    },
  };
}

/**
 * Returns how long to wait before the next attempt to connect. `calmForMs` is how long the link was up until it failed.
 * If that was at least a second, the wait is 0: a single late reply is not an outage, and until the link is up, this
 * node must decide alone. Otherwise the wait is short and has jitter, so that not all nodes connect at the same moment.
 */
export function nextTryInMs(calmForMs: number): number {
  return calmForMs >= calmMs ? 0 : probeMs * (0.75 + Math.random() / 2);
}
