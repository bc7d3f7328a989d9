import { isIP } from "node:net";
import ipaddr from "ipaddr.js";

type Address = ipaddr.IPv4 | ipaddr.IPv6;
type Range = [address: Address, bits: number];

/** Answers a caller's address from its socket's peer and the X-Forwarded-For header. */
export type ClientAddress = (peer: string, forwardedFor: string | null) => string;

/**
 * `trusted` are addresses and CIDR ranges, comma separated. Their X-Forwarded-For is read from the right, past
 * every trusted address; anybody else's is ignored. An IPv4 address in IPv6 form is that IPv4 address.
 * Errors: `Error` naming an entry that is neither.
 */
export function clientAddress(trusted: string): ClientAddress {
  const ranges = trusted
    .split(",")
    .map((entry) => entry.trim())
    .filter((entry) => entry !== "")
    .map(parseRange);
  const isTrusted = (text: string) => {
    const address = parse(text);
    return address !== undefined && ranges.some((range) => isWithin(address, range));
  };
  return (peer, forwardedFor) => {
    const from = parse(peer.replace(/%.*$/, ""))?.toString() ?? peer; // a peer may name the link it is on
    if (ranges.length === 0 || forwardedFor === null || !isTrusted(from)) return from;
    let nearest = from;
    for (const hop of forwardedFor.slice(-2_000).split(",").reverse()) {
      const address = parse(hop.trim())?.toString();
      if (address === undefined) return nearest;
      nearest = address;
      if (!isTrusted(address)) return nearest;
    }
    return nearest;
  };
}

/** Canonical, IPv4 in IPv6 form as IPv4; undefined for what is no address, and for one on a link of this machine. */
function parse(text: string): Address | undefined {
  return isIP(text) === 0 || text.includes("%") ? undefined : ipaddr.process(text);
}

function isWithin(address: Address, [range, bits]: Range): boolean {
  return range.kind() === address.kind() && address.match(range as never, bits);
}

const mappedBits = 96;

function parseRange(entry: string): Range {
  const [text = "", ...lengths] = entry.split("/");
  const address = parse(text);
  if (address === undefined || lengths.length > 1) {
    throw new Error(`TRUSTED_PROXIES: ${entry} is no address and no CIDR range.`);
  }
  const most = address.kind() === "ipv4" ? 32 : 128;
  const [length = String(most)] = lengths;
  // the length of an IPv4 range that is written in IPv6 form counts what is before it, too
  const bits =
    Number(length) - (lengths.length > 0 && address.kind() === "ipv4" && isIP(text) === 6 ? mappedBits : 0);
  if (!/^\d{1,3}$/.test(length) || bits < 0 || bits > most) {
    throw new Error(`TRUSTED_PROXIES: ${entry} has no prefix length that fits its address.`);
  }
  return [address, bits];
}
