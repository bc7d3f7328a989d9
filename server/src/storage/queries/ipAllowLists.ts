import { type AddressRange, parseRange } from "../../domain/ipAddress.ts";
import { parseStored } from "../storedJson.ts";

/** Parses a stored list. Returns `undefined` for null. Returns an empty list, which allows nothing, for damaged text. */
export function parseIpAllowList(stored: string | null): string[] | undefined {
  if (stored === null) return undefined;
  const list = parseStored(stored);
  return Array.isArray(list) ? list.map(String) : [];
}

/** Prepares a list for verifications. Drops entries that this program cannot parse, so they allow nothing. */
export function rangesOf(list: readonly string[] | undefined): AddressRange[] | undefined {
  return list?.flatMap((text) => {
    const parsed = parseRange(text);
    return "range" in parsed ? parsed.range : [];
  });
}
