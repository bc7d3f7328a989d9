import { z } from "zod";
import { parseRange } from "../../domain/ipAddress.ts";
import { Failure } from "../../errors/failure.ts";
import { text } from "./values.ts";

/** The schema of an IP allow list in a request. */
export const ipAllowList = z
  .array(text(2, 64).describe("An IPv4 or IPv6 address or CIDR range, such as `192.0.2.0/24`."))
  .min(1)
  .max(100)
  .describe(
    "The only IP addresses from which the keys may be used: 1 to 100 IPv4 or IPv6 addresses and CIDR ranges. A verification whose `ip` is omitted or in none of them is `FORBIDDEN`. IPv4 addresses written as IPv6 (`::ffff:192.0.2.1`) count as IPv4. If both the key and its api have a list, both must have the address.",
  );

/** The schema of an IP allow list in a response. */
export const storedIpAllowList = z
  .array(z.string().max(255))
  .optional()
  .describe(
    "The only IP addresses and CIDR ranges from which keys may be used, in canonical form. Omitted if every address is allowed.",
  );

/**
 * The list in canonical form, each entry once.
 * Errors: `invalid_input`, with one entry in `errors` for each item that is neither an address nor a range.
 */
export function parseIpAllowList(list: readonly string[], location = "body.ipAllowList"): string[] {
  const parsed = list.map(parseRange);
  const flaws = parsed.flatMap((one, index) =>
    "flaw" in one ? { location: `${location}[${index}]`, ...one.flaw } : [],
  );
  const [first] = flaws;
  if (first !== undefined) {
    throw new Failure("invalid_input", { detail: `${first.location} ${first.message}.`, flaws });
  }
  return [...new Set(parsed.flatMap((one) => ("text" in one ? one.text : [])))];
}
