import { createHash } from "node:crypto";
import { RedisClient } from "bun";

/** Redis did not do it, or did not say so in time: what was asked may still be done. */
export class RedisUnavailable extends Error {}

/** A way to Redis on which nothing waits long. */
export type RedisLink = {
  /** Resolves when the first connection is there, or has failed: then the link is down, and goes on trying. */
  ready: Promise<void>;
  /** Runs a script. Errors: `RedisUnavailable`. */
  script(text: string, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown>;
  /** Errors: `RedisUnavailable`. */
  command(name: string, args: readonly string[]): Promise<unknown>;
  /** Whether it is worth asking: false from a failure on, until `onBack` has run. */
  isUp(): boolean;
  close(): void;
};

type Options = {
  url: string;
  /** the most that one answer may take, ms */
  deadlineMs: number;
  /** Runs when Redis answers again, before it is asked by others; throws to stay down. */
  onBack(link: Pick<RedisLink, "script">): Promise<void>;
};

const probeMs = 200;
const probeDeadlineMs = 500;
const firstDeadlineMs = 3_000;

/** Connects at once; a client whose answer did not come is replaced, since what it sent may still be done. */
export function openRedis({ url, deadlineMs, onBack }: Options): RedisLink {
  let client = connect(url);
  let up = true;
  let closed = false;
  let probing: ReturnType<typeof setTimeout> | undefined;

  async function within<T>(work: Promise<T>, ms: number): Promise<T> {
    const late = Symbol("late");
    const outcome = await Promise.race([work, timeUp(ms).then(() => late)]).catch((error: unknown) => {
      if (isRefusal(error)) throw error;
      throw new RedisUnavailable("Redis could not be asked", { cause: error });
    });
    if (outcome === late) throw new RedisUnavailable(`Redis did not answer within ${ms} ms`);
    return outcome as T;
  }

  async function evaluate(text: string, keys: readonly string[], args: readonly (string | number)[]) {
    const rest = [String(keys.length), ...keys, ...args.map(String)];
    try {
      return await client.send("EVALSHA", [digestOf(text), ...rest]);
    } catch (error) {
      if (!String((error as Error).message).includes("NOSCRIPT")) throw error;
      return client.send("EVAL", [text, ...rest]);
    }
  }

  async function guarded<T>(ask: () => Promise<T>): Promise<T> {
    try {
      return await within(ask(), deadlineMs);
    } catch (error) {
      if (error instanceof RedisUnavailable) goDown();
      throw error;
    }
  }

  function goDown(): void {
    if (!up) return;
    up = false;
    schedule();
  }

  function schedule(): void {
    if (closed) return;
    probing = setTimeout(() => void probe(), probeMs * (0.75 + Math.random() / 2));
    probing.unref();
  }

  async function probe(): Promise<void> {
    client.close();
    client = connect(url);
    try {
      await within(client.send("PING", []), probeDeadlineMs);
      await onBack({
        script: (text, keys, args) => within(evaluate(text, keys, args), probeDeadlineMs),
      });
      up = true;
    } catch {
      schedule();
    }
  }

  return {
    ready: within(client.send("PING", []), firstDeadlineMs).then(() => undefined, goDown),
    script: (text, keys, args) => guarded(() => evaluate(text, keys, args)),
    command: (name, args) => guarded(() => client.send(name, [...args])),
    isUp: () => up,
    close() {
      closed = true;
      clearTimeout(probing);
      client.close();
    },
  };
}

function connect(url: string): RedisClient {
  const client = new RedisClient(url, {
    connectionTimeout: firstDeadlineMs,
    autoReconnect: false,
    enableOfflineQueue: true,
    enableAutoPipelining: true,
  });
  client.onclose = () => undefined;
  return client;
}

/**
 * After `ms` of time in which this process could have read an answer: where the event loop was held up, the timer
 * fires late while the answer waits unread, so what is late gets one more turn.
 */
async function timeUp(ms: number): Promise<void> {
  const startedAt = performance.now();
  await sleep(ms);
  if (performance.now() - startedAt > ms * 1.5) await sleep(ms);
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref());
}

/** Redis answered, and the answer is an error of ours: nothing that another connection would mend. */
function isRefusal(error: unknown): boolean {
  return /^(ERR|WRONGTYPE|NOPERM|OOM)\b/.test((error as Error | undefined)?.message ?? "");
}

const digests = new Map<string, string>();

function digestOf(text: string): string {
  let digest = digests.get(text);
  if (digest === undefined) {
    digest = createHash("sha1").update(text).digest("hex");
    digests.set(text, digest);
  }
  return digest;
}
