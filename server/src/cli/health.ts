import { get } from "node:http";
import { CommandError } from "./manage.ts";

/** The server's settings by which it is found. */
type Address = { HOST: string; PORT: number };

const withinMs = 2_000;
const checks = ["live", "ready"];

/**
 * `latchkey health [live | ready]`: asks the server of the same settings on this machine, whether it runs (`live`,
 * what is asked where neither is named) or takes requests (`ready`). Answers one sentence.
 * Errors: `CommandError` where it says no, or nothing within two seconds.
 */
export async function askHealth({ HOST, PORT }: Address, words: readonly string[]): Promise<string> {
  const [check = "live", ...rest] = words;
  if (!checks.includes(check) || rest.length > 0) {
    throw new CommandError("It is latchkey health, latchkey health live or latchkey health ready.");
  }
  if (PORT === 0) throw new CommandError("PORT is 0, which any port may be: only the server knows it.");
  const url = `http://${reachable(HOST)}:${PORT}/health/${check}`;
  const status = await statusOf(url);
  if (status !== 200) throw new CommandError(`${url} answers ${status}.`);
  return `${url} answers 200.`;
}

/** Where a server that listens on `host` is reached from this machine. */
function reachable(host: string): string {
  if (host === "0.0.0.0") return "127.0.0.1";
  if (host === "::") return "[::1]";
  return host.includes(":") ? `[${host}]` : host;
}

/** Asked without a proxy, whatever the environment names. */
function statusOf(url: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const fail = (why: string) => reject(new CommandError(`${url} ${why}.`));
    const request = get(url, { agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
      request.destroy();
    });
    request.on("error", ({ message }) => fail(`gives no answer (${message})`));
    setTimeout(() => {
      fail(`gives no answer within ${withinMs / 1000} s`);
      request.destroy();
    }, withinMs).unref();
  });
}
