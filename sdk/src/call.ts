import type { Call, RawResponse } from "./calls.ts";
import { rawResponses } from "./exchange.ts";

/** Adds the method `withResponse()` to a call's promise. It resolves to the result together with the raw response. */
export function withResponse<Result extends object>(promise: Promise<Result>): Call<Result> {
  return Object.assign(promise, {
    async withResponse() {
      const result = await promise;
      return { ...result, response: rawResponses.get(result) as RawResponse };
    },
  });
}
