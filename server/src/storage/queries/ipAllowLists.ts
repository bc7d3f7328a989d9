import { type AddressRange, parseRange } from "../../domain/ipAddress.ts";
import { parseStored } from "../storedJson.ts";

/** A stored list as text; undefined: no list. A damaged one allows nothing. */
export function parseIpAllowList(stored: string | null): string[] | undefined {
  if (stored === null) return undefined;
  const list = parseStored(stored);
  return Array.isArray(list) ? list.map(String) : [];
}

/** A list, prepared for verifications. An entry that this program cannot read allows nothing. */
export function rangesOf(list: readonly string[] | undefined): AddressRange[] | undefined {
  return list?.flatMap((text) => {
    const parsed = parseRange(text);
    return "range" in parsed ? parsed.range : [];
  });
}
