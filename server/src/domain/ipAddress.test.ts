import { describe, expect, test } from "bun:test";
import { BlockList, isIP } from "node:net";
import fc from "fast-check";
import { addressText, isWithin, parseAddress, parseRange } from "./ipAddress.ts";

const familyOf = (text: string) => (isIP(text) === 4 ? "ipv4" : "ipv6");

describe("an address", () => {
  test("is read and written as Node and the URL standard do, in random forms", () => {
    const hex = fc.stringMatching(/^[0-9a-fA-F]{0,5}$/);
    const like = fc.array(fc.oneof(hex, fc.constantFrom("0", "", "1.2.3.4", "256.0.0.1", "01.2.3.4")), {
      maxLength: 9,
    });
    const random = fc.oneof(
      fc.ipV4(),
      fc.ipV6(),
      like.map((parts) => parts.join(":")),
      fc.array(fc.nat(300), { maxLength: 5 }).map((parts) => parts.join(".")),
      fc
        .array(fc.constantFrom("0", "0", "0", "1", "abcd"), { minLength: 8, maxLength: 8 })
        .map((parts) => parts.join(":")),
      fc.string(),
    );
    fc.assert(
      fc.property(random, (text) => {
        const parsed = parseAddress(text);
        expect(parsed !== undefined).toBe(isIP(text) !== 0 && !text.includes("%"));
        if (parsed === undefined) return;
        expect(parseAddress(addressText(parsed))).toEqual(parsed);
        const url = `http://[${text}]`; // for comparison with the runtime's parser, which does not accept every form
        if (parsed.family === 4) expect(text.endsWith(addressText(parsed)) || text.includes(":")).toBe(true);
        else if (URL.canParse(url)) expect(`[${addressText(parsed)}]`).toBe(new URL(url).hostname);
      }),
      { numRuns: 20_000 },
    );
  });

  test.each(["::ffff:192.0.2.1", "::FFFF:c000:201", "0:0:0:0:0:ffff:192.0.2.1", "192.0.2.1"])(
    "%s is 192.0.2.1",
    (text) => {
      const address = parseAddress(text);
      expect(address && addressText(address)).toBe("192.0.2.1");
    },
  );
});

describe("a range", () => {
  test("contains exactly the addresses that share its prefix, in random ranges", () => {
    const pair = fc.oneof(
      fc.record({ network: fc.ipV4(), address: fc.ipV4(), length: fc.integer({ min: 0, max: 32 }) }),
      fc.record({ network: fc.ipV6(), address: fc.ipV6(), length: fc.integer({ min: 0, max: 128 }) }),
      fc.record({ network: fc.ipV6(), address: fc.ipV4(), length: fc.integer({ min: 0, max: 95 }) }),
    );
    fc.assert(
      fc.property(pair, ({ network, address, length }) => {
        const one = parseRange(`${network}/${length}`);
        const range = "flaw" in one ? parseRange(one.flaw.fix.replace("send ", "")) : one;
        if ("flaw" in range) throw new Error("the fix is not a range");
        const known = new BlockList();
        known.addSubnet(network, length, familyOf(network));
        for (const text of [network, address]) {
          const asked = parseAddress(text);
          const isHere = asked !== undefined && isWithin(asked, [range.range]);
          expect(isHere).toBe(familyOf(text) === familyOf(network) && known.check(text, familyOf(text)));
        }
      }),
      { numRuns: 5_000 },
    );
  });

  test.each([
    ["192.0.2.1/32", "192.0.2.1"],
    ["2001:DB8:0::/32", "2001:db8::/32"],
    ["::ffff:192.0.2.0/120", "192.0.2.0/24"],
    ["0.0.0.0/0", "0.0.0.0/0"],
    ["::/0", "::/0"],
    ["::1/128", "::1"],
  ])("%s is %s", (text, canonical) => {
    expect(parseRange(text)).toMatchObject({ text: canonical });
  });

  test.each([
    ["10.1.2.3/8", "has bits set beyond its prefix", "send 10.0.0.0/8"],
    ["2001:db8::1/32", "has bits set beyond its prefix", "send 2001:db8::/32"],
    ["fe80::1%eth0", "has a zone id", "send the address without the `%` and what follows it"],
    ["10.0.0.0/33", "has a prefix that is not 0 to 32", "correct the number after /"],
    ["10.0.0.0/08", "has a prefix that is not 0 to 32", "correct the number after /"],
    ["10.0.0.0/", "has a prefix that is not 0 to 32", "correct the number after /"],
    ["::ffff:10.0.0.0/8", "has a prefix that is not 96 to 128", "correct the number after /"],
    ["10.0.0.0/8/8", "is not an IP address or CIDR range", expect.any(String)],
    ["10.0.0", "is not an IP address or CIDR range", expect.any(String)],
    ["010.0.0.1", "is not an IP address or CIDR range", expect.any(String)],
    ["10.0.0.1:80", "is not an IP address or CIDR range", expect.any(String)],
    ["[::1]", "is not an IP address or CIDR range", expect.any(String)],
    ["localhost", "is not an IP address or CIDR range", expect.any(String)],
    ["", "is not an IP address or CIDR range", expect.any(String)],
  ])("%p is refused: it %s", (text, message, fix) => {
    expect(parseRange(text)).toEqual({ flaw: { message, fix } });
  });

  test("of IPv6 never contains an IPv4 address, however short its prefix is", () => {
    const all = parseRange("::/0");
    const four = parseAddress("::ffff:192.0.2.1");
    expect("range" in all && four !== undefined && isWithin(four, [all.range])).toBe(false);
  });
});
