/** An IP address as a number. An IPv4 address that is written as IPv6 (`::ffff:192.0.2.1`) counts as IPv4. */
export type Address = { family: 4 | 6; value: bigint };

/** All addresses of one family from `first` to `last`. */
export type AddressRange = { family: 4 | 6; first: bigint; last: bigint };

/** `message` and `fix` are parts of a sentence: no capital, no full stop. */
export type RangeFlaw = { message: string; fix: string };

const bitsOf = { 4: 32, 6: 128 } as const;
const mapped = 0xffffn;

/**
 * Returns undefined if the text is not an IPv4 or IPv6 address alone: a port, a prefix length or a zone is not allowed.
 */
export function parseAddress(text: string): Address | undefined {
  const four = parseIpv4(text);
  if (four !== undefined) return { family: 4, value: four };
  const six = parseIpv6(text);
  if (six === undefined) return undefined;
  return six >> 32n === mapped ? { family: 4, value: six & 0xffffffffn } : { family: 6, value: six };
}

/** Reads an address or a CIDR range, such as `192.0.2.1` or `2001:db8::/32`; `text` is its canonical form. */
export function parseRange(text: string): { range: AddressRange; text: string } | { flaw: RangeFlaw } {
  if (text.includes("%"))
    return {
      flaw: { message: "has a zone id", fix: "send the address without the `%` and what follows it" },
    };
  const [written = "", prefix, ...more] = text.split("/");
  const address = parseAddress(written);
  if (address === undefined || more.length > 0) return { flaw: notAddress };
  const { family, value } = address;
  const bits = bitsOf[family];
  // if an IPv4 address is written as IPv6, the prefix length includes the 96 bits before the address
  const before = family === 4 && written.includes(":") ? 96 : 0;
  const length = prefix === undefined ? bits : lengthOf(prefix) - before;
  if (!(length >= 0 && length <= bits)) {
    return {
      flaw: {
        message: `has a prefix that is not ${before} to ${bits + before}`,
        fix: "correct the number after /",
      },
    };
  }
  const hosts = (1n << BigInt(bits - length)) - 1n;
  const first = value & ~hosts;
  const canonical =
    length === bits ? addressText({ family, value }) : `${addressText({ family, value: first })}/${length}`;
  if (first !== value) {
    return { flaw: { message: "has bits set beyond its prefix", fix: `send ${canonical}` } };
  }
  return { range: { family, first, last: first | hosts }, text: canonical };
}

const notAddress: RangeFlaw = {
  message: "is not an IP address or CIDR range",
  fix: "send an address or a range, such as 192.0.2.1, 192.0.2.0/24 or 2001:db8::/32",
};

/** Whether one of the ranges contains the address. */
export function isWithin({ family, value }: Address, ranges: readonly AddressRange[]): boolean {
  return ranges.some((range) => range.family === family && range.first <= value && value <= range.last);
}

/** The canonical text, IPv6 as in RFC 5952. */
export function addressText({ family, value }: Address): string {
  const count = family === 4 ? 4 : 8;
  const size = family === 4 ? 8n : 16n;
  const groups = Array.from({ length: count }, (_, index) => {
    return Number((value >> (BigInt(count - 1 - index) * size)) & ((1n << size) - 1n));
  });
  return family === 4 ? groups.join(".") : compressed(groups);
}

function lengthOf(prefix: string): number {
  return /^(0|[1-9]\d{0,2})$/.test(prefix) ? Number(prefix) : Number.NaN;
}

function parseIpv4(text: string): bigint | undefined {
  const octets = text.split(".");
  if (octets.length !== 4 || !octets.every((octet) => lengthOf(octet) <= 255)) return undefined;
  return octets.reduce((value, octet) => (value << 8n) | BigInt(octet), 0n);
}

function parseIpv6(text: string): bigint | undefined {
  const halves = text.split("::");
  const [first = "", second = ""] = halves;
  const [head, tail] = [groupsOf(first, halves.length === 1), groupsOf(second, true)];
  if (halves.length > 2 || head === undefined || tail === undefined) return undefined;
  const missing = 8 - head.length - tail.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined;
  const groups = [...head, ...Array<bigint>(missing).fill(0n), ...tail];
  return groups.reduce((value, group) => (value << 16n) | group, 0n);
}

/**
 * The 16-bit groups of the text on one side of `::`. If the text is the end of the address (`isEnd`), its last two
 * groups may be written as an IPv4 address. Undefined if a group is invalid.
 */
function groupsOf(text: string, isEnd: boolean): bigint[] | undefined {
  if (text === "") return [];
  const parts = text.split(":");
  const last = parts.at(-1) ?? "";
  const four = isEnd && last.includes(".") ? parseIpv4(last) : undefined;
  if (four !== undefined) parts.splice(-1, 1, (four >> 16n).toString(16), (four & 0xffffn).toString(16));
  if (!parts.every((part) => /^[0-9a-fA-F]{1,4}$/.test(part))) return undefined;
  return parts.map((part) => BigInt(`0x${part}`));
}

function compressed(groups: readonly number[]): string {
  const text = groups.map((group) => group.toString(16)).join(":");
  const runs = text.match(/\b0(:0)+\b/g) ?? [];
  const longest = runs.reduce((best, run) => (run.length > best.length ? run : best), "");
  if (longest === "") return text;
  const at = text.search(new RegExp(`(^|:)${longest}(:|$)`));
  const [before, after] = [text.slice(0, at), text.slice(at).replace(new RegExp(`^:?${longest}:?`), "")];
  return `${before}::${after}`;
}
