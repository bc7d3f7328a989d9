import { get as getOverHttp } from "node:http";
import { get as getOverHttps } from "node:https";
import { CommandError, UsageError } from "./commandError.ts";
import { type Address, serverUrl } from "./serverUrl.ts";

const withinMs = 2_000;
const checks = ["live", "ready"];

/**
 * `latchkey health [live | ready]`: asks the server whether it is running (`live`, the default) or accepts
 * requests (`ready`). Returns one sentence.
 * Errors: `CommandError` if the status is not 200, or if there is no response within two seconds.
 */
export async function askHealth(address: Address, words: readonly string[]): Promise<string> {
  const [check = "live", ...rest] = words;
  if (!checks.includes(check) || rest.length > 0) {
    throw new UsageError("Usage: latchkey health [live | ready].");
  }
  const url = `${serverUrl(address)}/health/${check}`;
  const status = await statusOf(url);
  if (status !== 200) throw new CommandError(`${url} returned ${status}.`);
  return `${url} returned 200.`;
}

/** Requests a URL, and returns the response's status. Connects directly, even if the environment names a proxy. */
function statusOf(url: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const fail = (why: string) => reject(new CommandError(`${url} ${why}.`));
    const get = url.startsWith("https:") ? getOverHttps : getOverHttp;
    const request = get(url, { agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
      request.destroy();
    });
    request.on("error", ({ message }) => fail(`did not respond (${message})`));
    setTimeout(() => {
      fail(`did not respond within ${withinMs / 1000} s`);
      request.destroy();
    }, withinMs).unref();
  });
}
