import { RedisClient } from "bun";
import { isAboutThisCall, RedisUnavailable } from "./faults.ts";
import type { Script } from "./scripts.ts";

/** Runs a script in Redis. Errors: `RedisUnavailable`, or the error from Redis if the script itself failed. */
export type Ask = (script: Script, keys: readonly string[], args: readonly string[]) => Promise<unknown>;

/** A connection to Redis, used until its first failure. Replies arrive in the order of the calls. */
export type Connection = {
  /** Runs a script. If the connection fails or the reply is late, `onFailure` is called. */
  ask: Ask;
  /**
   * Returns an `Ask` for the first calls on a new connection. Each call may take up to `ms` milliseconds. If its reply
   * is late or an error, the call only throws.
   */
  askWithin(ms: number): Ask;
  /** Closes the connection. Calls that still wait for a reply fail. */
  close(): void;
};

type Options = {
  url: string;
  /** the longest wait for a reply, ms */
  deadlineMs: number;
  onFailure(error: unknown): void;
};

const connectWithinMs = 3_000;

export function connectRedis({ url, deadlineMs, onFailure }: Options): Connection {
  const client = new RedisClient(url, {
    connectionTimeout: connectWithinMs,
    autoReconnect: false,
    enableOfflineQueue: true,
    enableAutoPipelining: true,
  });
  client.onclose = onFailure;
  const late = new RedisUnavailable(`no reply within ${deadlineMs} ms`);
  const replies = watchReplies(deadlineMs, () => onFailure(late));

  function failed(error: unknown): unknown {
    if (isAboutThisCall(error)) return error;
    onFailure(error);
    return new RedisUnavailable("Redis could not be reached", { cause: error });
  }

  /** Sends the text of a script. Needed if Redis does not know the hash of the script yet. */
  async function withText(...call: Parameters<Ask>): Promise<unknown> {
    replies.sent();
    try {
      return await send(client, "EVAL", ...call);
    } catch (error) {
      throw failed(error);
    } finally {
      replies.received();
    }
  }

  return {
    ask(...call) {
      replies.sent();
      return send(client, "EVALSHA", ...call).then(
        (reply) => {
          replies.received();
          return reply;
        },
        (error: unknown) => {
          replies.received();
          if (isUnknownScript(error)) return withText(...call);
          throw failed(error);
        },
      );
    },

    askWithin:
      (ms) =>
      (...call) =>
        within(
          send(client, "EVALSHA", ...call).catch((error: unknown) => {
            if (!isUnknownScript(error)) throw error;
            return send(client, "EVAL", ...call);
          }),
          ms,
        ),

    close() {
      replies.stop();
      client.close();
    },
  };
}

function send(
  client: RedisClient,
  command: "EVALSHA" | "EVAL",
  script: Script,
  keys: readonly string[],
  args: readonly string[],
): Promise<unknown> {
  const named = command === "EVAL" ? script.text : script.sha;
  return client.send(command, [named, `${keys.length}`, ...keys, ...args]);
}

function isUnknownScript(error: unknown): boolean {
  return String((error as Error).message).startsWith("NOSCRIPT");
}

/** Waits for `work`, but at most `ms`. Errors: `RedisUnavailable` when that time is over. */
export async function within<T>(work: Promise<T>, ms: number): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new RedisUnavailable(`no reply within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

const steps = 5;

/**
 * Calls `onLate` once if a reply of Redis takes longer than `deadlineMs`. One timer watches all calls. Five times per
 * deadline, it checks whether every call that had been sent five checks ago has its reply. Replies arrive in the order
 * of the calls, so it is enough to count calls and replies. A blocked event loop is not mistaken for a late reply:
 * while this process cannot read replies, no check runs either.
 */
function watchReplies(deadlineMs: number, onLate: () => void) {
  let sent = 0;
  let received = 0;
  /** how many calls had been sent to Redis in total at each of the last checks, oldest first */
  let before: number[] = [];
  let timer: ReturnType<typeof setTimeout> | undefined;

  function step(): void {
    timer = undefined;
    const due = before.length >= steps ? before.shift() : undefined;
    if (due !== undefined && received < due) {
      onLate();
      return;
    }
    before.push(sent);
    if (received < sent) arm();
    else before = [];
  }

  function arm(): void {
    timer = setTimeout(step, deadlineMs / steps);
    timer.unref();
  }

  return {
    sent(): void {
      sent += 1;
      if (timer === undefined) arm();
    },
    received(): void {
      received += 1;
    },
    stop: () => clearTimeout(timer),
  };
}
