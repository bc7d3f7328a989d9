import { type AddressRange, parseRange } from "../../domain/ipAddress.ts";
import { parseStored } from "../storedJson.ts";

/**
 * Parses a stored list. Returns `undefined` for null. If the text is damaged, returns an empty list, which allows no
 * address.
 */
export function parseIpAllowList(stored: string | null): string[] | undefined {
  if (stored === null) return undefined;
  const list = parseStored(stored);
  return Array.isArray(list) ? list.map(String) : [];
}

/** Prepares a list for verifications. Omits entries that this program cannot parse, so these allow no address. */
export function rangesOf(list: readonly string[] | undefined): AddressRange[] | undefined {
  return list?.flatMap((text) => {
    const parsed = parseRange(text);
    return "range" in parsed ? parsed.range : [];
  });
}
