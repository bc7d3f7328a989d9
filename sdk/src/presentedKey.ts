import type { Arrival } from "./arrival.ts";
import type { GuardOptions } from "./guardOptions.ts";

/** Reads the request's key from the header, or with the function, that the option `key` gives. */
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
