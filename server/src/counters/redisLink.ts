import { type Ask, type Connection, connectRedis, within } from "./redisConnection.ts";
import { RedisRefused, RedisUnavailable, refusalOf, textOf } from "./redisFaults.ts";

/** A way to Redis on which nothing waits long. Answers come in the order of the questions. */
export type RedisLink = {
  /**
   * Resolves when Redis may be asked, or cannot be: then the link is down, and goes on trying.
   * Errors: `RedisRefused`.
   */
  ready: Promise<void>;
  ask: Ask;
  /** Whether it is worth asking: false from a failure on, until Redis was welcomed back. */
  isUp(): boolean;
  /** Tries at once where the link is down, for a second at most. */
  tryNow(): Promise<void>;
  close(): void;
};

type Options = {
  url: string;
  /** the most that one answer may take, ms */
  deadlineMs: number;
  /** milliseconds of a clock that never goes back */
  monotonicMs(): number;
  /** Runs on a new connection before anything else is asked; throws to stay down. */
  onConnect(ask: Ask): Promise<void>;
  /** Runs when Redis may be asked from now on, before anybody else asks. */
  onUp(): void;
  /** `reason`: what was wrong; again when that becomes something that only a person can mend */
  onDown(reason: string): void;
};

const calmMs = 1_000;
const probeMs = 200;
const probeDeadlineMs = 500;
const firstDeadlineMs = 3_000;
const lastDeadlineMs = 1_000;

/** Connects at once; a client whose answer did not come is replaced, since what it sent may still be done. */
export function openRedis({ onConnect, onUp, onDown, ...options }: Options): RedisLink {
  let current = connect();
  let up = false;
  let upSinceMs = 0;
  let closed = false;
  let refusal: string | undefined;
  let waiting: ReturnType<typeof setTimeout> | undefined;
  let probing: Promise<void> | undefined;

  function connect(): Connection {
    const connection = connectRedis({
      ...options,
      onFailure: (error) => {
        // what fails late, of a connection that was given up, says nothing of the one that came after
        if (connection === current && up) goDown(error);
      },
    });
    return connection;
  }

  function goDown(error: unknown): void {
    up = false;
    current.close();
    onDown(textOf(error));
    schedule(options.monotonicMs() - upSinceMs);
  }

  function schedule(calmForMs = 0): void {
    if (closed) return;
    waiting = setTimeout(() => void probe(probeDeadlineMs), nextTryInMs(calmForMs));
    waiting.unref();
  }

  function probe(withinMs: number): Promise<void> {
    probing ??= tryAgain(withinMs).finally(() => {
      probing = undefined;
    });
    return probing;
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
      schedule();
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
    schedule();
  });

  return {
    ready,
    ask: (...question) =>
      up ? current.ask(...question) : Promise.reject(new RedisUnavailable("Redis is not there")),
    isUp: () => up,
    async tryNow() {
      if (!up) await within(probe(lastDeadlineMs), lastDeadlineMs).catch(() => undefined);
    },
    close() {
      closed = true;
      up = false;
      clearTimeout(waiting);
      current.close();
    },
  };
}

/**
 * At once where Redis was there for a while: one late answer is no outage, and each node grants limits by itself until
 * it asks again. Otherwise a little later, and not all nodes at the same time.
 */
export function nextTryInMs(calmForMs: number): number {
  return calmForMs >= calmMs ? 0 : probeMs * (0.75 + Math.random() / 2);
}
