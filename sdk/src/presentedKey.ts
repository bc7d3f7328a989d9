import type { Arrival } from "./arrival.ts";
import type { GuardOptions } from "./guardOptions.ts";

/** Reads the request's key. `source` is the option `key`: the name of a header, or a function that returns the key. */
export async function presentedKey<Request>(
  source: NonNullable<GuardOptions<Request>["key"]>,
  { request, header }: Arrival<Request>,
): Promise<string | undefined> {
  if (typeof source === "function") {
    const found: unknown = await source(request);
    return typeof found === "string" && found !== "" ? found : undefined;
  }
  const value = header(source.toLowerCase());
  if (typeof value !== "string") return undefined;
  const pattern = source.toLowerCase() === "authorization" ? /^bearer +([^\s,]+)$/i : /^([^\s,]+)$/;
  return pattern.exec(value.trim())?.[1];
}
