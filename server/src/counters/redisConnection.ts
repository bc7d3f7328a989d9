import { RedisClient } from "bun";
import { watchAnswers } from "./redisDeadline.ts";
import { isAboutThisCall, RedisUnavailable } from "./redisFaults.ts";
import type { Script } from "./redisScripts.ts";

/** Runs a script. Errors: `RedisUnavailable`, and what Redis says of this call alone. */
export type Ask = (script: Script, keys: readonly string[], args: readonly string[]) => Promise<unknown>;

/** One connection, used until its first failure. Answers come in the order of the questions. */
export type Connection = {
  /** Each failure of the connection, and an answer that is late, is told to `onFailure`. */
  ask: Ask;
  /** For what comes before: each question may take `ms`, and nobody is told. */
  askWithin(ms: number): Ask;
  /** What still waits for an answer fails. */
  close(): void;
};

type Options = {
  url: string;
  /** the most that one answer may take, ms */
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
  const late = new RedisUnavailable(`no answer within ${deadlineMs} ms`);
  const answers = watchAnswers(deadlineMs, () => onFailure(late));

  function failed(error: unknown): unknown {
    if (isAboutThisCall(error)) return error;
    onFailure(error);
    return new RedisUnavailable("Redis could not be asked", { cause: error });
  }

  /** Redis does not know the script: with its text. */
  async function withText(...question: Parameters<Ask>): Promise<unknown> {
    answers.asked();
    try {
      return await send(client, "EVAL", ...question);
    } catch (error) {
      throw failed(error);
    } finally {
      answers.answered();
    }
  }

  return {
    ask(...question) {
      answers.asked();
      return send(client, "EVALSHA", ...question).then(
        (answer) => {
          answers.answered();
          return answer;
        },
        (error: unknown) => {
          answers.answered();
          if (isUnknownScript(error)) return withText(...question);
          throw failed(error);
        },
      );
    },

    askWithin:
      (ms) =>
      (...question) =>
        within(
          send(client, "EVALSHA", ...question).catch((error: unknown) => {
            if (!isUnknownScript(error)) throw error;
            return send(client, "EVAL", ...question);
          }),
          ms,
        ),

    close() {
      answers.stop();
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

/** Errors: `RedisUnavailable` after `ms`. */
export async function within<T>(work: Promise<T>, ms: number): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new RedisUnavailable(`no answer within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
