import type { Call, RawResponse } from "./calls.ts";
import { rawResponses } from "./exchange.ts";

/** Adds `withResponse()` to a call's promise. That method resolves to the result together with the raw response. */
export function withResponse<Result extends object>(promise: Promise<Result>): Call<Result> {
  return Object.assign(promise, {
    async withResponse() {
      const result = await promise;
      return { ...result, response: rawResponses.get(result) as RawResponse };
    },
  });
}
