import { isIP } from "node:net";
import ipaddr from "ipaddr.js";

type Address = ipaddr.IPv4 | ipaddr.IPv6;
type Range = [address: Address, bits: number];

/** Determines a caller's address from the peer of its socket and the headers that proxies add. */
export type ClientAddress = (peer: string, headers: Headers) => string;

/**
 * Only this many characters at the end of a header are read. Proxies append, so they suffice for any chain of proxies.
 */
const readLength = 2_000;

/**
 * `trusted` lists the addresses and CIDR ranges of trusted proxies, separated by commas. Headers from other peers are
 * ignored. A trusted proxy's header is read from the right, up to the first address that is not trusted. `Forwarded`
 * (RFC 7239) is read only if X-Forwarded-For is missing: a proxy that writes X-Forwarded-For does not remove a
 * `Forwarded` header that its client has made up. An IPv4 address in IPv6 form counts as the IPv4 address.
 * Errors: an `Error` that names the first entry of `trusted` that is neither an address nor a range.
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
  return (peer, headers) => {
    // a link-local address may end in the name of an interface, such as %eth0
    const from = parse(peer.replace(/%.*/, ""))?.toString() ?? peer;
    if (ranges.length === 0 || !isTrusted(from)) return from;
    let nearest = from;
    for (const hop of forwardedHops(headers)) {
      const address = parseNode(hop)?.toString();
      if (address === undefined) return nearest;
      nearest = address;
      if (!isTrusted(address)) return nearest;
    }
    return nearest;
  };
}

/** The name under which an address is counted. For IPv6 it is the /64 network, because one caller may use all of it. */
export function countedAddress(address: string): string {
  if (isIP(address) !== 6) return address;
  const network = ipaddr.IPv6.parse(address).parts.slice(0, 4);
  return `${network.map((part) => part.toString(16)).join(":")}::/64`;
}

/** The addresses that the headers name, as text, the nearest hop first. */
function forwardedHops(headers: Headers): string[] {
  const plain = headers.get("x-forwarded-for");
  if (plain !== null) return plain.slice(-readLength).split(",").reverse();
  const elements = splitFromRight(headers.get("forwarded")?.slice(-readLength) ?? "", ",");
  return elements.map((element) => {
    const nodes = splitFromRight(element, ";").filter((pair) => /^\s*for=/i.test(pair));
    const [node = ""] = nodes;
    return nodes.length === 1 ? node.slice(node.indexOf("=") + 1) : "";
  });
}

/**
 * Splits at the separators outside of quotes and returns the last part first. It reads from the right because the
 * client's own text is on the left, and an open quote there must not hide what a proxy added.
 */
function splitFromRight(text: string, separator: string): string[] {
  const parts: string[] = [];
  let end = text.length;
  let isQuoted = false;
  for (let at = text.length - 1; at >= 0; at -= 1) {
    const letter = text[at];
    if (letter === '"' && !isEscaped(text, at)) isQuoted = !isQuoted;
    if (letter !== separator || isQuoted) continue;
    parts.push(text.slice(at + 1, end));
    end = at;
  }
  parts.push(text.slice(0, end));
  return parts;
}

function isEscaped(text: string, at: number): boolean {
  let start = at;
  while (text[start - 1] === "\\") start -= 1;
  return (at - start) % 2 === 1;
}

/**
 * Parses an address as proxies write it: bare or in quotes, IPv6 also in brackets, with or without a port. RFC 7239
 * allows a name in place of the port's number, to hide it.
 */
function parseNode(text: string): Address | undefined {
  const hop = text.trim().replace(/^"(.*)"$/, "$1");
  const [, v6] = /^\[([\da-f:.]{2,45})\](?::[\w.-]{1,32})?$/i.exec(hop) ?? [];
  if (v6 !== undefined) return isIP(v6) === 6 ? parse(v6) : undefined;
  const [, v4 = hop] = /^([\d.]{7,15}):[\w.-]{1,32}$/.exec(hop) ?? [];
  return parse(v4);
}

/**
 * Parses an address; IPv4 in IPv6 form becomes IPv4. Returns undefined for other texts and for zones such as `%eth0`.
 */
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
    throw new Error(
      `TRUSTED_PROXIES: ${entry} is neither an address nor a CIDR range. Write an address or a range, such as 10.0.0.1 or 10.0.0.0/8.`,
    );
  }
  const most = address.kind() === "ipv4" ? 32 : 128;
  const [length = String(most)] = lengths;
  // the prefix length of an IPv4 range in IPv6 form (::ffff:10.0.0.0/104) includes the 96 bits in front
  const bits =
    Number(length) - (lengths.length > 0 && address.kind() === "ipv4" && isIP(text) === 6 ? mappedBits : 0);
  if (!/^\d{1,3}$/.test(length) || bits < 0 || bits > most) {
    throw new Error(
      `TRUSTED_PROXIES: ${entry} has a prefix length that does not fit its address. Use 0 to ${most}.`,
    );
  }
  return [address, bits];
}
