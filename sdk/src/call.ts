import type { Call, RawResponse } from "./calls.ts";
import { rawResponses } from "./exchange.ts";

/** Adds `withResponse()` to a promise of something that was parsed from a response. */
export function withResponse<Result extends object>(promise: Promise<Result>): Call<Result> {
  return Object.assign(promise, {
    async withResponse() {
      const result = await promise;
      return { ...result, response: rawResponses.get(result) as RawResponse };
    },
  });
}
