import { isIP } from "node:net";
import ipaddr from "ipaddr.js";

type Range = [ipaddr.IPv4 | ipaddr.IPv6, number];

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
  const isTrusted = (address: string) => {
    if (isIP(address) === 0) return false;
    const parsed = ipaddr.process(address);
    return ranges.some(
      ([range, bits]) => range.kind() === parsed.kind() && parsed.match(range as never, bits),
    );
  };
  return (peer, forwardedFor) => {
    const from = canonical(peer) ?? peer;
    if (ranges.length === 0 || forwardedFor === null || !isTrusted(from)) return from;
    let nearest = from;
    for (const hop of forwardedFor.slice(-2_000).split(",").reverse()) {
      const address = canonical(hop.trim());
      if (address === undefined) return nearest;
      nearest = address;
      if (!isTrusted(address)) return nearest;
    }
    return nearest;
  };
}

function canonical(text: string): string | undefined {
  return isIP(text) === 0 ? undefined : ipaddr.process(text).toString();
}

function parseRange(entry: string): Range {
  const [address = "", bits] = entry.split("/");
  if (isIP(address) === 0) throw new Error(`TRUSTED_PROXIES: ${entry} is no address and no CIDR range.`);
  const parsed = ipaddr.process(address);
  const most = parsed.kind() === "ipv4" ? 32 : 128;
  const length = bits === undefined ? most : Number(bits);
  if (!/^\d+$/.test(bits ?? "0") || length > most) {
    throw new Error(`TRUSTED_PROXIES: ${entry} has no prefix length between 0 and ${most}.`);
  }
  return [parsed, length];
}
